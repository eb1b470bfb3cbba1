// digesting.cc: C_DigestInit, C_Digest, C_DigestUpdate, C_DigestKey, C_DigestFinal (5.12).
#include "token/operations/common.h"

namespace strongroom::token::operations {
namespace {

using Kind = Operation::Kind;

// With the operation lock held.
CK_RV digesting(Session& session) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  return session.operation.kind == Kind::kDigest ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
}

// The end of an operation: its digest into the caller's buffer, or its length.
CK_RV give_digest(Operation& operation, CK_BYTE* out, CK_ULONG* out_len, auto before) {
  if (!out_len) {
    operation.end();
    return CKR_ARGUMENTS_BAD;
  }
  const std::size_t needed = algorithms::hash_length(*operation.mechanism->hash);
  const CK_ULONG room = *out_len;
  if (!out || room < needed) {
    *out_len = needed;
    return out ? CKR_BUFFER_TOO_SMALL : CKR_OK;
  }
  CK_RV rv = before();
  if (rv == CKR_OK) rv = operation.digest->finish({out, needed});
  if (rv == CKR_OK) *out_len = needed;
  operation.end();
  return rv;
}

CK_RV add(Operation& operation, Bytes part) {
  operation.in_parts = true;
  const CK_RV rv = operation.digest->add(part);
  if (rv != CKR_OK) operation.end();
  return rv;
}

}  // namespace

CK_RV digest_init(Session& session, const CK_MECHANISM* mechanism) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  Operation& operation = session.operation;
  if (!mechanism) {
    if (operation.kind == Kind::kDigest) operation.end();
    return CKR_OK;
  }
  const CK_MECHANISM copy = *mechanism;
  if (operation.kind != Kind::kNone) return CKR_OPERATION_ACTIVE;
  const MechanismRow* row = mechanism_for(copy, CKF_DIGEST);
  if (!row) return CKR_MECHANISM_INVALID;
  if (!no_parameter(copy)) return CKR_MECHANISM_PARAM_INVALID;
  const CK_RV rv = algorithms::DigestState::begin(*row->hash, &operation.digest);
  if (rv != CKR_OK) return rv;
  operation.mechanism = row;
  operation.kind = Kind::kDigest;
  return CKR_OK;
}

CK_RV digest(Session& session, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out,
             CK_ULONG* out_len) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = digesting(session); rv != CKR_OK) return rv;
  Operation& operation = session.operation;
  // What began in parts ends with C_DigestFinal.
  const CK_RV wrong = operation.in_parts          ? CKR_OPERATION_NOT_INITIALIZED
                      : !readable(data, data_len) ? CKR_ARGUMENTS_BAD
                                                  : CKR_OK;
  if (wrong != CKR_OK) {
    operation.end();
    return wrong;
  }
  return give_digest(operation, out, out_len, [&] {
    return operation.digest->add({data, data_len});
  });
}

CK_RV digest_update(Session& session, const CK_BYTE* part, CK_ULONG part_len) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = digesting(session); rv != CKR_OK) return rv;
  if (!readable(part, part_len)) {
    session.operation.end();
    return CKR_ARGUMENTS_BAD;
  }
  return add(session.operation, {part, part_len});
}

CK_RV digest_key(Session& session, CK_OBJECT_HANDLE key) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = digesting(session); rv != CKR_OK) return rv;
  const auto object = session.place.find(key, *session.application);
  CK_RV rv = CKR_OK;
  if (!object)
    rv = CKR_KEY_HANDLE_INVALID;
  else if (object->object_class != CKO_SECRET_KEY || !object->value_readable())
    // The digest of a short key is the key, to whoever can try them all: only what could be read.
    rv = CKR_KEY_INDIGESTIBLE;
  else
    rv = object->unavailable;
  if (rv == CKR_OK) return add(session.operation, object->value());
  session.operation.end();
  return rv;
}

CK_RV digest_final(Session& session, CK_BYTE* out, CK_ULONG* out_len) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = digesting(session); rv != CKR_OK) return rv;
  return give_digest(session.operation, out, out_len, [] { return CKR_OK; });
}

}  // namespace strongroom::token::operations
