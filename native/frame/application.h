// application.h: one client of a module: its sessions and objects, under names of its own. Threads
// (or environments) join an application with its attach id; each has an Attachment, and what it
// opened closes with it.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "frame/handle_table.h"
#include "frame/module.h"

namespace strongroom::frame {

struct SessionPlace : Place {
  std::atomic<std::uint32_t> lock{0};  // 0 free, 1 held, 2 held and somebody waits
  std::atomic<CK_SLOT_ID> slot{0};
  std::atomic<std::uint32_t> attachment{0};
};

struct ObjectPlace : Place {
  // The session (our handle) whose closing takes the object along; 0 for a token object.
  std::atomic<std::uint64_t> owner{0};
  std::atomic<CK_SLOT_ID> slot{0};
  // An unwrap template may have made it a token object: asked before its session closes.
  std::atomic<bool> ask{false};
};

using AttachId = std::array<std::uint8_t, SR_ATTACH_ID_BYTES>;

// HeldSession: one session, held so that the calls of one frame are not mixed with another frame's.
class HeldSession {
 public:
  HeldSession() = default;
  HeldSession(const HeldSession&) = delete;
  HeldSession& operator=(const HeldSession&) = delete;
  ~HeldSession() { let_go(); }

  void let_go();
  CK_SESSION_HANDLE native() const { return native_; }
  std::uint64_t handle() const { return handle_; }
  CK_SLOT_ID slot() const { return place_->slot.load(std::memory_order_relaxed); }

 private:
  friend class Application;
  SessionPlace* place_ = nullptr;
  std::uint64_t handle_ = 0;
  CK_SESSION_HANDLE native_ = 0;
};

class Application {
 public:
  Application(const Module& module, SR_DEVICE device, SR_APPLICATION application,
              const AttachId& attach_id);
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  const Module& module() const { return module_; }
  SR_DEVICE device() const { return device_; }
  SR_APPLICATION vendor_application() const { return application_; }
  const AttachId& attach_id() const { return attach_id_; }

  // The module's slots of this application. CKR_* of the module.
  CK_RV slots(bool token_present, std::vector<CK_SLOT_ID>* out) const;
  // CKR_SLOT_ID_INVALID for a slot of somebody else's device.
  CK_RV check_slot(CK_SLOT_ID slot) const;

  CK_RV open_session(std::uint32_t attachment, CK_SLOT_ID slot, CK_FLAGS flags,
                     std::uint64_t* handle);
  // CKR_SESSION_HANDLE_INVALID; CKR_STRONGROOM_BUSY when another frame has it and wait is false.
  CK_RV hold(std::uint64_t handle, bool wait, HeldSession* session);
  // Closes the held session and forgets its objects.
  CK_RV close_session(HeldSession* session);
  CK_RV close_all_sessions(CK_SLOT_ID slot);
  void close_attachment(std::uint32_t attachment);  // 0: of all of them

  // An object's place is reserved before the module makes it, so that nothing can fail afterwards.
  // The device was reset: lets go of every session of all its applications, each once the call that
  // it serves has ended.
  static void forget_sessions(const Module& module, SR_DEVICE device);
  // CKR_STRONGROOM_BUSY, CKR_HOST_MEMORY.
  CK_RV reserve_object(bool wait, ObjectPlace** place);
  void give_back(ObjectPlace* place) { objects_.give_back(place); }
  // token_object: known to be one; ask: not known.
  std::uint64_t name_object(ObjectPlace* place, CK_OBJECT_HANDLE native, const HeldSession& session,
                            bool token_object, bool ask);
  bool object(std::uint64_t handle, CK_OBJECT_HANDLE* native) const {
    return objects_.native(handle, native);
  }
  void forget_object(std::uint64_t handle);
  // Our handles for objects that the module found, in the same order.
  CK_RV name_found(const std::vector<CK_OBJECT_HANDLE>& found, CK_SLOT_ID slot,
                   std::vector<std::uint64_t>* handles);

 private:
  Application(const Module& module, SR_DEVICE device, SR_APPLICATION application,
              const AttachId& attach_id, std::uint64_t seed);
  void settle_owners(const HeldSession& session);

  const Module& module_;
  const SR_DEVICE device_;
  const SR_APPLICATION application_;
  const AttachId attach_id_;
  HandleTable<SessionPlace> sessions_;
  HandleTable<ObjectPlace> objects_;
  std::mutex
      find_mutex_;  // one search names its results at a time, so that an object gets one name
};

// Attachment: one thread's or environment's share of an application. Not itself thread-safe to open
// and close; frames may be executed through it from any thread until close begins.
class Attachment {
 public:
  // A new application on a device of the vendor interface.
  static CK_RV open(const Module& module, SR_DEVICE device, std::unique_ptr<Attachment>* out);
  // Joins the application with this attach id. CKR_ARGUMENTS_BAD: there is none (any more).
  static CK_RV attach(const Module& module, const AttachId& attach_id,
                      std::unique_ptr<Attachment>* out);
  // The one application that a module without the vendor interface knows.
  static std::unique_ptr<Attachment> sole(const Module& module);

  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;
  ~Attachment();

  Application& application() { return *application_; }
  std::uint32_t id() const { return id_; }

 private:
  explicit Attachment(std::shared_ptr<Application> application);

  const std::shared_ptr<Application> application_;
  const std::uint32_t id_;
};

}  // namespace strongroom::frame
