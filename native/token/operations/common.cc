#include "token/operations/common.h"

#include <functional>

#include "token/drbg/drbg.h"
#include "token/slot.h"

namespace strongroom::token::operations {

bool overlap_unevenly(const CK_BYTE* a, std::size_t a_length, const CK_BYTE* b,
                      std::size_t b_length) {
  if (a == b || a_length == 0 || b_length == 0) return false;
  const std::less<const CK_BYTE*> before;
  return before(a, b + b_length) && before(b, a + a_length);
}

CK_RV admit(Session& session, const Beginning& what, const CK_MECHANISM& mechanism,
            CK_OBJECT_HANDLE key, std::shared_ptr<const Object>* object) {
  if (session.operation.kind != Operation::Kind::kNone) return CKR_OPERATION_ACTIVE;
  const MechanismRow* row = mechanism_for(mechanism, what.function);
  if (!row) return CKR_MECHANISM_INVALID;
  *object = session.place.find(key, *session.application);
  if (!*object) return CKR_KEY_HANDLE_INVALID;
  const std::uint32_t usage =
      row->type == CKM_STRONGROOM_DERIVE_AES_GCM ? std::uint32_t{kDeriveUsage} : what.usage;
  return check_key(**object, *row, usage);
}

CK_RV begin(Session& session, const Beginning& what, const CK_MECHANISM* mechanism,
            CK_OBJECT_HANDLE key, CK_RV (*prepare)(const CK_MECHANISM&, Operation&)) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  Operation& operation = session.operation;
  if (!mechanism) {
    if (operation.kind == what.kind) operation.end();
    return CKR_OK;
  }
  const CK_MECHANISM copy = *mechanism;
  const std::uint32_t login = session.place.login();
  std::shared_ptr<const Object> object;
  if (const CK_RV rv = admit(session, what, copy, key, &object); rv != CKR_OK) return rv;
  if (const CK_RV rv = prepare(copy, operation); rv != CKR_OK) {
    operation.end();
    return rv;
  }
  operation.kind = what.kind;
  operation.mechanism = copy.mechanism;
  operation.key = std::move(object);
  operation.login = login;
  return CKR_OK;
}

CK_RV active(Session& session, Operation::Kind kind) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  Operation& operation = session.operation;
  if (operation.kind != kind) return CKR_OPERATION_NOT_INITIALIZED;
  const Object& key = *operation.key;
  if (key.identity->destroyed.load(std::memory_order_acquire) ||
      (key.is_private && operation.login != session.place.login())) {
    operation.end();
    return CKR_OPERATION_NOT_INITIALIZED;
  }
  return CKR_OK;
}

CK_RV may_add(const Session& session, const AttributeSet& attributes) {
  const bool on_token = attributes.is_true(CKA_TOKEN);
  if (on_token && !session.read_write) return CKR_SESSION_READ_ONLY;
  if (attributes.is_true(CKA_PRIVATE) && session.place.role() != Role::kUser)
    return CKR_USER_NOT_LOGGED_IN;
  return on_token && no_wait ? CKR_STRONGROOM_BUSY : CKR_OK;
}

CK_RV add_object(Session& session, AttributeSet attributes, Secret value,
                 CK_OBJECT_HANDLE* handle) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::uint8_t random[16];
  if (const CK_RV rv = drbg::generate(random); rv != CKR_OK) return rv;
  std::uint8_t unique_id[2 * sizeof(random)];
  for (std::size_t i = 0; i < sizeof(random); ++i) {
    unique_id[2 * i] = static_cast<std::uint8_t>(kDigits[random[i] >> 4]);
    unique_id[2 * i + 1] = static_cast<std::uint8_t>(kDigits[random[i] & 15]);
  }
  attributes.set(CKA_UNIQUE_ID, unique_id);
  std::shared_ptr<Object> object;
  if (const CK_RV rv = make_object(std::move(attributes), std::move(value), &object); rv != CKR_OK)
    return rv;
  return object->on_token ? session.slot.add(session, std::move(object), handle)
                          : add_session_object(session, std::move(object), handle);
}

CK_RV session_cancel(Session& session, CK_FLAGS flags) {
  using enum Operation::Kind;
  static constexpr struct {
    Operation::Kind kind;
    CK_FLAGS flag;
  } kFlags[] = {
      {kFind, CKF_FIND_OBJECTS},
      {kEncrypt, CKF_ENCRYPT},
      {kDecrypt, CKF_DECRYPT},
      {kSign, CKF_SIGN},
      {kVerify, CKF_VERIFY},
      {kMessageEncrypt, CKF_MESSAGE_ENCRYPT},
      {kMessageDecrypt, CKF_MESSAGE_DECRYPT},
  };
  OperationLock lock(session);
  if (!lock) return no_wait ? CKR_STRONGROOM_BUSY : CKR_OPERATION_CANCEL_FAILED;
  for (const auto& row : kFlags) {
    if (session.operation.kind == row.kind && flags & row.flag) session.operation.end();
  }
  return CKR_OK;
}

}  // namespace strongroom::token::operations
