#include "token/application.h"

#include "token/library.h"

namespace strongroom::token {

void Operation::end() {
  kind.store(Kind::kNone, std::memory_order_relaxed);
  stream.reset();
  sealing.reset();
  key.reset();
  iv.clear();
  aad.clear();
  awaits_login = false;
  in_parts = false;
  parts.clear();
  digest.reset();
  found.clear();
  next = 0;
  // A rare large operation does not keep its room for ever.
  constexpr std::size_t kKept = 65536;
  if (aad.capacity() > kKept) aad.shrink_to_fit();
  if (found.capacity() > kKept) found.shrink_to_fit();
}

Session::Session(CK_SESSION_HANDLE its_handle, std::shared_ptr<Application> its_application,
                 ApplicationSlot& its_place, Slot& its_slot, bool its_read_write)
    : handle(its_handle),
      application(std::move(its_application)),
      place(its_place),
      slot(its_slot),
      read_write(its_read_write),
      device_(*application->device),
      used_ms_(device_.session_idle_ms != 0 ? device_.now_ms() : 0) {
  Library::instance().objects.enlist(operation.loan);
}

Session::~Session() {
  operation.end();
  Library::instance().objects.strike(operation.loan);
}

CK_STATE Session::state() const {
  switch (place.role()) {
    case Role::kUser:
      return read_write ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
    case Role::kSo:
      return CKS_RW_SO_FUNCTIONS;
    case Role::kNone:
      break;
  }
  return read_write ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
}

bool Session::key_gone() const {
  const Object* const key = operation.key.get();
  return key && (key->identity->destroyed.load(std::memory_order_acquire) ||
                 (key->is_private && operation.login != place.login()));
}

bool Session::idle() const {
  if (device_.session_idle_ms == 0 || uses_.load() != 0) return false;
  const std::uint64_t used = used_ms_.load();  // before the clock is read: it never runs ahead
  return device_.now_ms() - used >= device_.session_idle_ms;
}

SessionUse::SessionUse(Session& session) : session_(session) {
  if (session_.device_.session_idle_ms == 0) return;
  if (session_.idle()) {
    close_session(session_.handle);
    open_ = false;
  }
  session_.uses_.fetch_add(1);
}

SessionUse::~SessionUse() {
  if (session_.device_.session_idle_ms == 0) return;
  session_.used_ms_.store(session_.device_.now_ms());
  session_.uses_.fetch_sub(1);
}

CK_OBJECT_HANDLE ApplicationSlot::handle_of(const Object& object) const {
  const std::uint64_t base = object.identity->handle;
  return object.is_private ? base | tag_of(login()) << kHandleBits : base;
}

bool ApplicationSlot::shows(const Object& object, CK_OBJECT_HANDLE handle,
                            const Application& application) const {
  if (object.identity->slot != &slot) return false;
  if (!object.on_token && object.identity->application != &application) return false;
  std::uint64_t tag = 0;
  if (object.is_private) {
    const std::uint32_t now = login();
    if (role_of(now) != Role::kUser) return false;
    tag = tag_of(now);
  }
  return handle >> kHandleBits == tag;
}

std::shared_ptr<const Object> ApplicationSlot::find(CK_OBJECT_HANDLE handle,
                                                    const Application& application) const {
  auto object = see(handle, application);
  return object && object->stored ? slot.complete(object) : object;
}

std::shared_ptr<const Object> ApplicationSlot::see(CK_OBJECT_HANDLE handle,
                                                   const Application& application) const {
  auto object = Library::instance().objects.find(handle);
  if (object && !shows(*object, handle, application)) object.reset();
  return object;
}

template <class... With>
Borrowed<const Object> ApplicationSlot::borrow_complete(CK_OBJECT_HANDLE handle,
                                                        const Application& application,
                                                        With&... loan) const {
  auto& objects = Library::instance().objects;
  auto borrowed = objects.borrow(loan..., handle, [&](const Object& object) {
    return !object.stored && shows(object, handle, application);
  });
  // Of what is first used now the complete object takes the place: the next call borrows that.
  return borrowed ? std::move(borrowed) : objects.counted(find(handle, application));
}

Borrowed<const Object> ApplicationSlot::borrow(CK_OBJECT_HANDLE handle,
                                               const Application& application) const {
  return borrow_complete(handle, application);
}

Borrowed<const Object> ApplicationSlot::borrow(Loan& loan, CK_OBJECT_HANDLE handle,
                                               const Application& application) const {
  return borrow_complete(handle, application, loan);
}

void ApplicationSlot::log_in(Role role, std::shared_ptr<algorithms::Key> key) {
  object_key = std::move(key);
  login_.store((login() & ~std::uint32_t{3}) | static_cast<std::uint32_t>(role),
               std::memory_order_release);
}

void ApplicationSlot::log_out() {
  const Role role_before = role();
  if (role_before == Role::kNone) return;
  login_.store((login() & ~std::uint32_t{3}) + 4, std::memory_order_release);
  object_key.reset();
  if (role_before != Role::kUser) return;
  auto& library = Library::instance();
  for (CK_SESSION_HANDLE handle : sessions) {
    const auto session = library.sessions.find(handle);
    if (!session) continue;
    std::erase_if(session->objects, [&](std::uint64_t object_handle) {
      const auto object = library.objects.find(object_handle);
      if (object && !object->is_private) return false;
      drop_session_object(object_handle);
      return true;
    });
  }
  slot.user_left();
}

std::shared_ptr<const Object> ApplicationSlot::drop_session_object(std::uint64_t handle) {
  auto object = Library::instance().objects.take(handle);
  if (!object) return nullptr;
  session_objects.remove(handle, object->attributes);
  object->identity->destroyed.store(true, std::memory_order_release);
  return object;
}

Application::Application(std::shared_ptr<Device> its_device) : device(std::move(its_device)) {
  for (std::size_t i = 0; i < device->slot_count(); ++i) {
    places_.push_back(std::make_unique<ApplicationSlot>(device->slot(i)));
  }
}

CK_RV Application::open_session(std::size_t slot_index, CK_FLAGS flags, CK_SESSION_HANDLE* handle) {
  if (!(flags & CKF_SERIAL_SESSION)) return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
  if (flags & CKF_ASYNC_SESSION) return CKR_SESSION_ASYNC_NOT_SUPPORTED;
  const bool read_write = (flags & CKF_RW_SESSION) != 0;
  ApplicationSlot& its_place = place(slot_index);
  if (const CK_RV rv = its_place.slot.follow(); rv != CKR_OK) return rv;
  // An application whose sessions have all been idle too long comes back logged out.
  device->close_idle_sessions();
  if (const CK_RV rv = its_place.slot.admit_session(read_write); rv != CKR_OK) return rv;

  auto& library = Library::instance();
  const auto open = [&]() -> CK_RV {
    std::lock_guard lock(its_place.mutex);
    if (closed_.load(std::memory_order_acquire)) return CKR_ARGUMENTS_BAD;
    if (!read_write && its_place.role() == Role::kSo) return CKR_SESSION_READ_WRITE_SO_EXISTS;
    const std::uint64_t number = library.sessions.reserve();
    if (number == 0) return CKR_SESSION_COUNT;
    its_place.sessions.insert(number);
    if (!read_write) ++its_place.read_only_sessions;
    library.sessions.put(number, std::make_shared<Session>(number, shared_from_this(), its_place,
                                                           its_place.slot, read_write));
    *handle = number;
    return CKR_OK;
  };
  const CK_RV rv = open();
  if (rv != CKR_OK) its_place.slot.release_session(read_write);
  return rv;
}

CK_RV close_session(CK_SESSION_HANDLE handle) {
  auto& library = Library::instance();
  const auto session = library.sessions.take(handle);
  if (!session) return CKR_SESSION_HANDLE_INVALID;
  {
    std::lock_guard lock(session->place.mutex);
    session->closed.store(true, std::memory_order_release);
    session->place.sessions.erase(handle);
    if (!session->read_write) --session->place.read_only_sessions;
    for (std::uint64_t object_handle : session->objects)
      session->place.drop_session_object(object_handle);
    session->objects.clear();
    // An application without a session is logged out (5.6.3).
    if (session->place.sessions.empty()) session->place.log_out();
  }
  session->slot.release_session(session->read_write);
  return CKR_OK;
}

std::vector<CK_SESSION_HANDLE> Application::sessions_of(std::size_t slot_index) {
  std::lock_guard lock(place(slot_index).mutex);
  return {place(slot_index).sessions.begin(), place(slot_index).sessions.end()};
}

void Application::close_all_sessions(std::size_t slot_index) {
  for (CK_SESSION_HANDLE handle : sessions_of(slot_index)) close_session(handle);
}

void Application::close_idle_sessions(std::size_t slot_index) {
  for (CK_SESSION_HANDLE handle : sessions_of(slot_index)) {
    const auto session = Library::instance().sessions.find(handle);
    if (session && session->idle()) close_session(handle);
  }
}

void Application::close() {
  closed_.store(true, std::memory_order_release);
  for (std::size_t i = 0; i < places_.size(); ++i) close_all_sessions(i);
}

std::size_t Application::session_count() {
  std::size_t count = 0;
  for (auto& each : places_) {
    std::lock_guard lock(each->mutex);
    count += each->sessions.size();
  }
  return count;
}

std::size_t Application::session_object_count() {
  std::size_t count = 0;
  for (auto& each : places_) {
    std::lock_guard lock(each->mutex);
    for (CK_SESSION_HANDLE handle : each->sessions) {
      if (const auto session = Library::instance().sessions.find(handle))
        count += session->objects.size();
    }
  }
  return count;
}

CK_RV add_session_object(Session& session, std::shared_ptr<Object> object,
                         CK_OBJECT_HANDLE* handle) {
  auto& library = Library::instance();
  std::lock_guard lock(session.place.mutex);
  if (session.closed.load(std::memory_order_acquire)) return CKR_SESSION_HANDLE_INVALID;
  if (object->is_private && session.place.role() != Role::kUser) return CKR_USER_NOT_LOGGED_IN;
  const std::uint64_t number = library.objects.reserve();
  if (number == 0) return CKR_DEVICE_MEMORY;
  object->identity->handle = number;
  object->identity->slot = &session.slot;
  object->identity->application = session.application.get();
  object->identity->session = session.handle;
  session.objects.insert(number);
  session.place.session_objects.add(number, object->attributes);
  *handle = session.place.handle_of(*object);
  library.objects.put(number, std::move(object));
  return CKR_OK;
}

bool remove_session_object(Session& session, const Object& object) {
  auto& library = Library::instance();
  std::lock_guard lock(session.place.mutex);
  if (const auto owner = library.sessions.find(object.identity->session))
    owner->objects.erase(object.identity->handle);
  return session.place.drop_session_object(object.identity->handle) != nullptr;
}

bool replace_session_object(Session& session, const Object& before,
                            std::shared_ptr<const Object> after) {
  const std::uint64_t handle = before.identity->handle;
  std::lock_guard lock(session.place.mutex);
  if (before.identity->destroyed.load(std::memory_order_acquire)) return false;
  session.place.session_objects.remove(handle, before.attributes);
  session.place.session_objects.add(handle, after->attributes);
  return Library::instance().objects.put(handle, std::move(after));
}

void session_candidates(Session& session, const AttributeSet& wanted,
                        std::vector<std::uint64_t>* handles) {
  std::lock_guard lock(session.place.mutex);
  session.place.session_objects.candidates(wanted, handles);
}

}  // namespace strongroom::token
