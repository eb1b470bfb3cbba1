#include "frame/application.h"

#include <algorithm>
#include <unordered_map>

namespace strongroom::frame {
namespace {

// Spreads a counter over 64 bits (the finaliser of splitmix64), so that applications start far
// apart.
std::uint64_t spread(std::uint64_t n) {
  n += 0x9e3779b97f4a7c15U;
  n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9U;
  n = (n ^ (n >> 27)) * 0x94d049bb133111ebU;
  return n ^ (n >> 31);
}

std::uint64_t next_seed() {
  static std::atomic<std::uint64_t> counter{0};
  return spread(counter.fetch_add(1, std::memory_order_relaxed));
}

constexpr std::uint64_t kGenerationMask =
    (std::uint64_t{1} << HandleTable<Place>::kGenerationBits) - 1;

// Live applications by attach id. Leaked on purpose: threads may end after static destruction.
struct Registry {
  std::mutex mutex;
  std::vector<std::weak_ptr<Application>> applications;
};
Registry& registry() {
  static auto* instance = new Registry;
  return *instance;
}

}  // namespace

void HeldSession::let_go() {
  if (place_ == nullptr) return;
  if (place_->lock.exchange(0, std::memory_order_release) == 2) place_->lock.notify_all();
  place_ = nullptr;
}

Application::Application(const Module& module, SR_DEVICE device, SR_APPLICATION application,
                         const AttachId& attach_id)
    : Application(module, device, application, attach_id, next_seed()) {}

Application::Application(const Module& module, SR_DEVICE device, SR_APPLICATION application,
                         const AttachId& attach_id, std::uint64_t seed)
    : module_(module),
      device_(device),
      application_(application),
      attach_id_(attach_id),
      sessions_(seed & kGenerationMask),
      objects_(spread(seed) & kGenerationMask) {}

CK_RV Application::slots(bool token_present, std::vector<CK_SLOT_ID>* out) const {
  const auto ask = [&](CK_SLOT_ID* list, CK_ULONG* count) {
    const CK_BBOOL present = token_present ? CK_TRUE : CK_FALSE;
    return module_.vendor != nullptr
               ? module_.vendor->SR_GetSlotList(application_, present, list, count)
               : invoke(module_.list.C_GetSlotList, present, list, count);
  };
  CK_RV rv;
  do {  // a slot may appear between the two calls
    CK_ULONG count = 0;
    if ((rv = ask(nullptr, &count)) != CKR_OK) return rv;
    out->resize(count);
    if (count == 0) return CKR_OK;
    rv = ask(out->data(), &count);
    if (rv == CKR_OK) out->resize(count);
  } while (rv == CKR_BUFFER_TOO_SMALL);
  return rv;
}

CK_RV Application::check_slot(CK_SLOT_ID slot) const {
  std::vector<CK_SLOT_ID> all;
  const CK_RV rv = slots(false, &all);
  if (rv != CKR_OK) return rv;
  return std::find(all.begin(), all.end(), slot) != all.end() ? CKR_OK : CKR_SLOT_ID_INVALID;
}

CK_RV Application::open_session(std::uint32_t attachment, CK_SLOT_ID slot, CK_FLAGS flags,
                                std::uint64_t* handle) {
  bool busy;
  SessionPlace* place = sessions_.reserve(true, &busy);
  if (place == nullptr) return CKR_SESSION_COUNT;
  CK_SESSION_HANDLE native = 0;
  const CK_RV rv = module_.vendor != nullptr
                       ? module_.vendor->SR_OpenSession(application_, slot, flags, &native)
                       : invoke(module_.list.C_OpenSession, slot, flags, nullptr, nullptr, &native);
  if (rv != CKR_OK) {
    sessions_.give_back(place);
    return rv;
  }
  place->slot.store(slot, std::memory_order_relaxed);
  place->attachment.store(attachment, std::memory_order_relaxed);
  *handle = sessions_.publish(place, native);
  return CKR_OK;
}

CK_RV Application::hold(std::uint64_t handle, bool wait, HeldSession* session) {
  SessionPlace* place = sessions_.find(handle);
  if (place == nullptr) return CKR_SESSION_HANDLE_INVALID;
  std::uint32_t state = 0;
  if (!place->lock.compare_exchange_strong(state, 1, std::memory_order_acquire)) {
    if (!wait) return CKR_STRONGROOM_BUSY;
    while (place->lock.exchange(2, std::memory_order_acquire) != 0) place->lock.wait(2);
  }
  session->place_ = place;
  session->handle_ = handle;
  session->native_ = place->native.load(std::memory_order_acquire);
  // It may have been closed, and the place reused, before we got hold of it.
  if (place->handle.load(std::memory_order_relaxed) == handle) return CKR_OK;
  session->let_go();
  return CKR_SESSION_HANDLE_INVALID;
}

void Application::settle_owners(const HeldSession& session) {
  objects_.for_each([&](ObjectPlace& object, std::uint64_t) {
    if (object.owner.load() != session.handle() || !object.ask.load()) return;
    CK_BBOOL token = CK_FALSE;
    CK_ATTRIBUTE attribute{CKA_TOKEN, &token, sizeof token};
    const CK_RV rv = invoke(module_.list.C_GetAttributeValue, session.native(),
                            object.native.load(), &attribute, CK_ULONG{1});
    if (rv == CKR_OK && token == CK_TRUE) object.owner.store(0);
  });
}

CK_RV Application::close_session(HeldSession* session) {
  settle_owners(*session);
  const CK_RV rv = invoke(module_.list.C_CloseSession, session->native());
  // A session that the module no longer knows is closed, whoever did it.
  if (rv != CKR_OK && rv != CKR_SESSION_HANDLE_INVALID && rv != CKR_SESSION_CLOSED) return rv;
  const std::uint64_t handle = session->handle();
  const CK_SLOT_ID slot = session->slot();
  sessions_.retire(session->place_, handle);
  session->let_go();

  bool last = true;
  sessions_.for_each(
      [&](SessionPlace& other, std::uint64_t) { last = last && other.slot.load() != slot; });
  objects_.for_each([&](ObjectPlace& object, std::uint64_t name) {
    // With the last session every handle of the token is void (PKCS#11 v3.2, C_CloseSession).
    if (object.owner.load() == handle || (last && object.slot.load() == slot))
      objects_.retire(&object, name);
  });
  return rv;
}

CK_RV Application::close_all_sessions(CK_SLOT_ID slot) {
  std::vector<std::uint64_t> open;
  sessions_.for_each([&](SessionPlace& place, std::uint64_t handle) {
    if (place.slot.load() == slot) open.push_back(handle);
  });
  for (const std::uint64_t handle : open) {
    HeldSession session;
    if (hold(handle, true, &session) == CKR_OK) close_session(&session);
  }
  return module_.vendor != nullptr ? module_.vendor->SR_CloseAllSessions(application_, slot)
                                   : invoke(module_.list.C_CloseAllSessions, slot);
}

void Application::forget_sessions(const Module& module, SR_DEVICE device) {
  std::vector<std::shared_ptr<Application>> all;
  {
    Registry& live = registry();
    std::lock_guard lock(live.mutex);
    for (const auto& entry : live.applications) {
      auto application = entry.lock();
      if (application && &application->module_ == &module && application->device_ == device)
        all.push_back(std::move(application));
    }
  }
  for (const auto& application : all) application->close_attachment(0);
}

void Application::close_attachment(std::uint32_t attachment) {
  std::vector<std::uint64_t> open;
  sessions_.for_each([&](SessionPlace& place, std::uint64_t handle) {
    if (attachment == 0 || place.attachment.load() == attachment) open.push_back(handle);
  });
  for (const std::uint64_t handle : open) {
    HeldSession session;
    if (hold(handle, true, &session) == CKR_OK) close_session(&session);
  }
}

CK_RV Application::reserve_object(bool wait, ObjectPlace** place) {
  bool busy;
  *place = objects_.reserve(wait, &busy);
  if (*place != nullptr) return CKR_OK;
  return busy ? CKR_STRONGROOM_BUSY : CKR_HOST_MEMORY;
}

std::uint64_t Application::name_object(ObjectPlace* place, CK_OBJECT_HANDLE native,
                                       const HeldSession& session, bool token_object, bool ask) {
  place->owner.store(token_object ? 0 : session.handle(), std::memory_order_relaxed);
  place->slot.store(session.slot(), std::memory_order_relaxed);
  place->ask.store(ask, std::memory_order_relaxed);
  return objects_.publish(place, native);
}

void Application::forget_object(std::uint64_t handle) {
  if (ObjectPlace* place = objects_.find(handle)) objects_.retire(place, handle);
}

CK_RV Application::name_found(const std::vector<CK_OBJECT_HANDLE>& found, CK_SLOT_ID slot,
                              std::vector<std::uint64_t>* handles) {
  std::lock_guard lock(find_mutex_);
  std::unordered_map<CK_OBJECT_HANDLE, std::uint64_t> known;
  objects_.for_each([&](ObjectPlace& place, std::uint64_t handle) {
    if (place.slot.load() == slot) known.emplace(place.native.load(), handle);
  });
  for (const CK_OBJECT_HANDLE native : found) {
    const auto name = known.find(native);
    if (name != known.end()) {
      handles->push_back(name->second);
      continue;
    }
    ObjectPlace* place;
    const CK_RV rv = reserve_object(true, &place);
    if (rv != CKR_OK) return rv;
    place->owner.store(0, std::memory_order_relaxed);
    place->slot.store(slot, std::memory_order_relaxed);
    place->ask.store(false, std::memory_order_relaxed);
    handles->push_back(objects_.publish(place, native));
  }
  return CKR_OK;
}

Attachment::Attachment(std::shared_ptr<Application> application)
    : application_(std::move(application)), id_([] {
        static std::atomic<std::uint32_t> counter{0};
        return counter.fetch_add(1, std::memory_order_relaxed) + 1;
      }()) {}

Attachment::~Attachment() {
  application_->close_attachment(id_);
  const Module& module = application_->module();
  if (module.vendor != nullptr)
    module.vendor->SR_CloseApplication(application_->vendor_application());
}

CK_RV Attachment::open(const Module& module, SR_DEVICE device, std::unique_ptr<Attachment>* out) {
  AttachId attach_id;
  SR_APPLICATION application = 0;
  const CK_RV rv = module.vendor->SR_OpenApplication(device, attach_id.data(), &application);
  if (rv != CKR_OK) return rv;
  auto shared = std::make_shared<Application>(module, device, application, attach_id);
  out->reset(new Attachment(shared));
  Registry& all = registry();
  std::lock_guard lock(all.mutex);
  std::erase_if(all.applications, [](const auto& entry) { return entry.expired(); });
  all.applications.push_back(shared);
  return CKR_OK;
}

CK_RV Attachment::attach(const Module& module, const AttachId& attach_id,
                         std::unique_ptr<Attachment>* out) {
  std::shared_ptr<Application> shared;
  {
    Registry& all = registry();
    std::lock_guard lock(all.mutex);
    for (const auto& entry : all.applications) {
      auto live = entry.lock();
      if (live && live->attach_id() == attach_id) shared = std::move(live);
    }
  }
  if (!shared || &shared->module() != &module) return CKR_ARGUMENTS_BAD;
  SR_APPLICATION application = 0;
  AttachId id = attach_id;
  const CK_RV rv = module.vendor->SR_AttachApplication(id.data(), &application);
  if (rv != CKR_OK) return rv;
  out->reset(new Attachment(std::move(shared)));
  return CKR_OK;
}

std::unique_ptr<Attachment> Attachment::sole(const Module& module) {
  return std::unique_ptr<Attachment>(new Attachment(
      std::make_shared<Application>(module, SR_DEVICE{0}, SR_APPLICATION{0}, AttachId{})));
}

}  // namespace strongroom::frame
