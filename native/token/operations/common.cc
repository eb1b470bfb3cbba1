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

CK_RV admit(const Beginning& what, const CK_MECHANISM& mechanism, const Object* key, Use use,
            const MechanismRow** out) {
  const MechanismRow* row = mechanism_for(mechanism, what.function);
  if (!row) return CKR_MECHANISM_INVALID;
  *out = row;
  if (!key) return CKR_KEY_HANDLE_INVALID;
  const std::uint32_t usage =
      row->family == Family::kSeal ? std::uint32_t{kDeriveUsage} : what.usage;
  return check_key(*key, *row, usage, use);
}

CK_RV find_key(Session& session, const Beginning& what, const CK_MECHANISM& mechanism,
               CK_OBJECT_HANDLE key, Admitted* out, Use use) {
  out->key = session.place.find(key, *session.application);
  return admit(what, mechanism, out->key.get(), use, &out->row);
}

CK_RV begin(Session& session, const Beginning& what, const CK_MECHANISM* mechanism,
            CK_OBJECT_HANDLE key, Prepare prepare) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  Operation& operation = session.operation;
  if (!mechanism) {
    if (operation.kind == what.kind) operation.end();
    return CKR_OK;
  }
  if (operation.kind != Operation::Kind::kNone) return CKR_OPERATION_ACTIVE;
  const CK_MECHANISM copy = *mechanism;
  const std::uint32_t login = session.place.login();
  operation.key = session.place.borrow(operation.loan, key, *session.application);
  const MechanismRow* row = nullptr;
  if (const CK_RV rv = admit(what, copy, operation.key.get(), Use::kAfterInit, &row);
      rv != CKR_OK) {
    operation.end();
    return rv;
  }
  operation.mechanism = row;
  operation.login = login;
  operation.awaits_login = operation.key->always_authenticate;
  if (const CK_RV rv = prepare(*row, copy, operation); rv != CKR_OK) {
    operation.end();
    return rv;
  }
  operation.kind.store(what.kind, std::memory_order_relaxed);
  return CKR_OK;
}

CK_RV active(Session& session, Operation::Kind kind) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  Operation& operation = session.operation;
  if (operation.kind != kind) return CKR_OPERATION_NOT_INITIALIZED;
  const CK_RV rv = session.key_gone()       ? CKR_OPERATION_NOT_INITIALIZED
                   : operation.awaits_login ? CKR_USER_NOT_LOGGED_IN
                                            : CKR_OK;
  if (rv != CKR_OK) operation.end();
  return rv;
}

CK_RV may_add(const Session& session, const AttributeSet& attributes) {
  const bool on_token = attributes.is_true(CKA_TOKEN);
  if (on_token && !session.read_write) return CKR_SESSION_READ_ONLY;
  if (attributes.is_true(CKA_PRIVATE) && session.place.role() != Role::kUser)
    return CKR_USER_NOT_LOGGED_IN;
  return on_token && no_wait ? CKR_STRONGROOM_BUSY : CKR_OK;
}

namespace {

CK_RV set_unique_id(AttributeSet* attributes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::uint8_t random[16];
  if (const CK_RV rv = drbg::generate(random); rv != CKR_OK) return rv;
  std::uint8_t unique_id[2 * sizeof(random)];
  for (std::size_t i = 0; i < sizeof(random); ++i) {
    unique_id[2 * i] = static_cast<std::uint8_t>(kDigits[random[i] >> 4]);
    unique_id[2 * i + 1] = static_cast<std::uint8_t>(kDigits[random[i] & 15]);
  }
  attributes->set(CKA_UNIQUE_ID, unique_id);
  return CKR_OK;
}

CK_RV build(AttributeSet attributes, Material material, std::shared_ptr<Object>* out) {
  const CK_RV rv = set_unique_id(&attributes);
  return rv != CKR_OK ? rv : make_object(std::move(attributes), std::move(material), out);
}

CK_RV add(Session& session, const std::shared_ptr<Object>& object, CK_OBJECT_HANDLE* handle) {
  return object->on_token ? session.slot.add(session, {&object, 1}, handle)
                          : add_session_object(session, object, handle);
}

}  // namespace

CK_RV add_object(Session& session, AttributeSet attributes, Material material,
                 CK_OBJECT_HANDLE* handle) {
  std::shared_ptr<Object> object;
  if (const CK_RV rv = build(std::move(attributes), std::move(material), &object); rv != CKR_OK)
    return rv;
  return add(session, object, handle);
}

CK_RV add_copy(Session& session, const Object& source, AttributeSet attributes,
               CK_OBJECT_HANDLE* handle) {
  if (const CK_RV rv = set_unique_id(&attributes); rv != CKR_OK) return rv;
  auto copy = std::make_shared<Object>(source);
  copy->identity = std::make_shared<ObjectIdentity>();
  copy->attributes = std::move(attributes);
  copy->refresh();
  return add(session, copy, handle);
}

CK_RV add_pair(Session& session, AttributeSet public_attributes, AttributeSet private_attributes,
               std::shared_ptr<algorithms::PrivateKey> key, CK_OBJECT_HANDLE* public_handle,
               CK_OBJECT_HANDLE* private_handle) {
  std::shared_ptr<Object> pair[2];
  if (const CK_RV rv = build(std::move(public_attributes), key->public_key(), &pair[0]);
      rv != CKR_OK)
    return rv;
  if (const CK_RV rv = build(std::move(private_attributes), std::move(key), &pair[1]); rv != CKR_OK)
    return rv;
  CK_OBJECT_HANDLE handles[2] = {CK_INVALID_HANDLE, CK_INVALID_HANDLE};
  CK_RV rv;
  if (pair[0]->on_token && pair[1]->on_token) {
    rv = session.slot.add(session, pair, handles);
  } else {
    // A session object first: it is the one that goes without a trace.
    const std::size_t first = pair[0]->on_token ? 1 : 0;
    rv = add(session, pair[first], &handles[first]);
    if (rv != CKR_OK) return rv;
    rv = add(session, pair[1 - first], &handles[1 - first]);
    if (rv != CKR_OK) remove_session_object(session, *pair[first]);
  }
  if (rv != CKR_OK) return rv;
  *public_handle = handles[0];
  *private_handle = handles[1];
  return CKR_OK;
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
      {kDigest, CKF_DIGEST},
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
