// login.cc: the slot's PIN operations (PKCS#11 v3.2, 5.5.8, 5.5.9, 5.6.8, 5.6.10).
#include "token/library.h"
#include "token/self_test/self_test.h"

namespace strongroom::token {

// With session.place.mutex held: may `role` log in now?
CK_RV Slot::check_login(Session& session, Role role) {
  const Role now = session.place.role();
  if (session.closed.load(std::memory_order_acquire)) return CKR_SESSION_HANDLE_INVALID;
  if (now == role) return CKR_USER_ALREADY_LOGGED_IN;
  if (now != Role::kNone) return CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
  if (role == Role::kSo && session.place.read_only_sessions != 0)
    return CKR_SESSION_READ_ONLY_EXISTS;
  return CKR_OK;
}

CK_RV Slot::login(Session& session, CK_USER_TYPE user, Bytes pin) {
  if (no_wait) return CKR_STRONGROOM_BUSY;
  if (self_test::in_error_state()) return CKR_FIPS_SELF_TEST_FAILED;
  if (user == CKU_CONTEXT_SPECIFIC) return login_for_operation(session, pin);
  if (user != CKU_SO && user != CKU_USER) return CKR_USER_TYPE_INVALID;
  const Role role = user == CKU_SO ? Role::kSo : Role::kUser;

  std::lock_guard pin_lock(pin_mutex_);
  {
    std::lock_guard lock(session.place.mutex);
    if (const CK_RV rv = check_login(session, role); rv != CKR_OK) return rv;
  }
  const TokenRecord record = token();
  if (role == Role::kUser && !record.user.set()) return CKR_USER_PIN_NOT_INITIALIZED;
  Secret object_key;
  const PinPlace place{flash_, index,
                       role == Role::kSo ? flash::PinRole::kSo : flash::PinRole::kUser};
  if (const CK_RV rv =
          try_pin(place, pin, role == Role::kSo ? record.so : record.user, &object_key);
      rv != CKR_OK)
    return rv;
  auto key = algorithms::Key::make(std::move(object_key));
  if (!key) return CKR_DEVICE_MEMORY;

  if (role == Role::kUser) {
    if (const CK_RV rv = enter_user(key); rv != CKR_OK) return rv;
  }
  std::lock_guard lock(session.place.mutex);
  // The PIN took a while: the session may have closed, or a read-only one opened under an SO's
  // login.
  const CK_RV rv = check_login(session, role);
  if (rv == CKR_OK) {
    session.place.log_in(role, std::move(key));
  } else if (role == Role::kUser) {
    user_left();
  }
  return rv;
}

// The login that a key with CKA_ALWAYS_AUTHENTICATE asks for: it is for the one operation that is
// active, and moves no session's state (4.9). The operation waits, locked, while the PIN is looked
// at.
CK_RV Slot::login_for_operation(Session& session, Bytes pin) {
  OperationLock operation_lock(session);
  if (!operation_lock) return OperationLock::refusal();
  if (!session.operation.awaits_login || session.key_gone()) return CKR_OPERATION_NOT_INITIALIZED;
  std::lock_guard pin_lock(pin_mutex_);
  const PinPlace place{flash_, index, flash::PinRole::kUser};
  Secret object_key;
  CK_RV rv = try_pin(place, pin, token().user, &object_key);
  if (rv == CKR_OK) session.operation.awaits_login = false;
  // The try that locks the PIN answers so here, and ends the login as well.
  if (rv == CKR_PIN_INCORRECT && flash_.failed_tries(index, flash::PinRole::kUser) >= kPinTriesMax)
    rv = CKR_PIN_LOCKED;
  if (rv == CKR_PIN_LOCKED) {
    std::lock_guard lock(session.place.mutex);
    session.place.log_out();
  }
  return rv;
}

CK_RV Slot::logout(Session& session) {
  std::lock_guard lock(session.place.mutex);
  if (session.place.role() == Role::kNone) return CKR_USER_NOT_LOGGED_IN;
  session.place.log_out();
  return CKR_OK;
}

CK_RV Slot::init_pin(Session& session, Bytes pin) {
  if (session.place.role() != Role::kSo) return CKR_USER_NOT_LOGGED_IN;
  if (const CK_RV rv = check_new_pin(pin); rv != CKR_OK) return rv;
  if (no_wait) return CKR_STRONGROOM_BUSY;
  std::lock_guard pin_lock(pin_mutex_);
  std::shared_ptr<algorithms::Key> object_key;
  {
    std::lock_guard lock(session.place.mutex);
    if (session.place.role() != Role::kSo) return CKR_USER_NOT_LOGGED_IN;
    object_key = session.place.object_key;
  }
  TokenRecord record = token();
  const PinPlace user{flash_, index, flash::PinRole::kUser};
  if (const CK_RV rv =
          seal_object_key(user, pin, device_.pin_iterations, object_key->value(), &record.user);
      rv != CKR_OK) {
    return rv;
  }
  if (const CK_RV rv = store_token(record); rv != CKR_OK) return rv;
  // The new PIN has all its tries: this is how a locked user comes back.
  return flash_.set_failed_tries(index, flash::PinRole::kUser, 0);
}

CK_RV Slot::set_pin(Session& session, Bytes old_pin, Bytes new_pin) {
  if (!session.read_write) return CKR_SESSION_READ_ONLY;
  if (const CK_RV rv = check_new_pin(new_pin); rv != CKR_OK) return rv;
  if (no_wait) return CKR_STRONGROOM_BUSY;
  if (self_test::in_error_state()) return CKR_FIPS_SELF_TEST_FAILED;
  std::lock_guard pin_lock(pin_mutex_);
  // Whoever is logged in changes their own PIN; a public session changes the user's.
  const bool so = session.place.role() == Role::kSo;
  TokenRecord record = token();
  PinBlock& block = so ? record.so : record.user;
  if (!block.set()) return CKR_USER_PIN_NOT_INITIALIZED;
  const PinPlace place{flash_, index, so ? flash::PinRole::kSo : flash::PinRole::kUser};
  Secret object_key;
  if (const CK_RV rv = try_pin(place, old_pin, block, &object_key); rv != CKR_OK) return rv;
  const CK_RV rv =
      seal_object_key(place, new_pin, device_.pin_iterations, object_key.bytes(), &block);
  return rv == CKR_OK ? store_token(record) : rv;
}

CK_RV Slot::enter_user(const std::shared_ptr<algorithms::Key>& object_key) {
  {
    std::lock_guard lock(mutex_);
    ++user_logins_;
    if (private_loaded_) return CKR_OK;
  }
  const CK_RV rv = load_private(object_key);
  if (rv != CKR_OK) user_left();
  return rv;
}

void Slot::user_left() {
  std::unordered_map<flash::RecordId, std::uint64_t> gone;
  {
    std::lock_guard lock(mutex_);
    if (--user_logins_ != 0) return;
    private_loaded_ = false;
    object_key_.reset();
    gone.swap(private_objects_);
    private_index_.clear();
  }
  for (const auto& [record, handle] : gone) Library::instance().objects.take(handle);
}

}  // namespace strongroom::token
