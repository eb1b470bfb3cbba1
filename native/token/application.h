// application.h: one client of a device. PKCS#11 lets all sessions an application has with a token
// share one login; ApplicationSlot is that share.
#pragma once

#include <array>
#include <unordered_set>

#include "token/handle_table.h"
#include "token/object_index.h"
#include "token/session.h"

namespace strongroom::token {

class Device;

enum class Role : std::uint32_t { kNone = 0, kUser = 1, kSo = 2 };

class ApplicationSlot {
 public:
  explicit ApplicationSlot(Slot& its_slot) : slot(its_slot) {}
  Slot& slot;

  // Role in bits 0 and 1, above it the number of logouts so far. Read without a lock on every use
  // of a key.
  std::uint32_t login() const { return login_.load(std::memory_order_acquire); }
  static Role role_of(std::uint32_t login) { return static_cast<Role>(login & 3); }
  static std::uint32_t logouts_of(std::uint32_t login) { return login >> 2; }
  Role role() const { return role_of(login()); }

  // Private objects' handles carry a tag of the login they were given under: C_Logout makes them
  // invalid for good (5.6.9; the tag repeats after 1,048,575 logouts of one application).
  static std::uint64_t tag_of(std::uint32_t login) { return (login >> 2) % 0xFFFFF + 1; }
  CK_OBJECT_HANDLE handle_of(const Object& object) const;
  // The object a handle names for this application now; null: no such thing, or not to be seen.
  // With what it is made of, or with the reason why that cannot be had (Object::unavailable).
  std::shared_ptr<const Object> find(CK_OBJECT_HANDLE handle, const Application& application) const;
  // The same for the length of a call.
  Borrowed<const Object> borrow(CK_OBJECT_HANDLE handle, const Application& application) const;
  // The same with the loan of a session, for the length of its operation.
  Borrowed<const Object> borrow(Loan& loan, CK_OBJECT_HANDLE handle,
                                const Application& application) const;
  // For those who ask for its attributes alone: perhaps still without.
  std::shared_ptr<const Object> see(CK_OBJECT_HANDLE handle, const Application& application) const;

  std::mutex mutex;  // guards everything below; held for moments only
  std::unordered_set<CK_SESSION_HANDLE> sessions;
  std::size_t read_only_sessions = 0;
  std::shared_ptr<algorithms::Key> object_key;  // the token object key, while logged in
  ObjectIndex session_objects;                  // of all sessions

  // With mutex held.
  void log_in(Role role, std::shared_ptr<algorithms::Key> key);
  // Ends the login, destroys private session objects. Slot::user_left is called for a user.
  void log_out();
  // Takes a session object out of all tables but its session's. Null: it was gone.
  std::shared_ptr<const Object> drop_session_object(std::uint64_t handle);

 private:
  template <class... With>
  Borrowed<const Object> borrow_complete(CK_OBJECT_HANDLE handle, const Application& application,
                                         With&... loan) const;
  bool shows(const Object& object, CK_OBJECT_HANDLE handle, const Application& application) const;

  std::atomic<std::uint32_t> login_{0};
};

class Application : public std::enable_shared_from_this<Application> {
 public:
  explicit Application(std::shared_ptr<Device> device);

  const std::shared_ptr<Device> device;
  std::array<std::uint8_t, SR_ATTACH_ID_BYTES> attach_id{};
  CK_ULONG references = 1;  // guarded by the library's mutex

  ApplicationSlot& place(std::size_t slot_index) { return *places_[slot_index]; }

  CK_RV open_session(std::size_t slot_index, CK_FLAGS flags, CK_SESSION_HANDLE* handle);
  void close_all_sessions(std::size_t slot_index);
  void close_idle_sessions(std::size_t slot_index);
  void close();  // no session can be opened afterwards
  std::size_t session_count();
  std::size_t session_object_count();

 private:
  std::vector<CK_SESSION_HANDLE> sessions_of(std::size_t slot_index);

  std::vector<std::unique_ptr<ApplicationSlot>> places_;
  std::atomic<bool> closed_{false};
};

CK_RV close_session(CK_SESSION_HANDLE handle);

// Publishes a session object of this session. CKR_SESSION_HANDLE_INVALID: closed meanwhile;
// CKR_USER_NOT_LOGGED_IN: the object is private and the user has gone.
CK_RV add_session_object(Session& session, std::shared_ptr<Object> object,
                         CK_OBJECT_HANDLE* handle);
// Any session of the application may destroy what another of its sessions made. False: it was gone
// already.
bool remove_session_object(Session& session, const Object& object);
// Publishes a new snapshot of a session object. False: it is gone.
bool replace_session_object(Session& session, const Object& before,
                            std::shared_ptr<const Object> after);
// Appends base handles of the application's session objects in this slot, as Slot::candidates does.
void session_candidates(Session& session, const AttributeSet& wanted,
                        std::vector<std::uint64_t>* handles);

}  // namespace strongroom::token
