// signing.cc: C_SignInit, C_Sign, C_SignUpdate, C_SignFinal and the same for Verify, whatever the
// mechanism.
#include "token/operations/signatures.h"

namespace strongroom::token::operations {
namespace {

using Kind = Operation::Kind;

constexpr Beginning kSigning = {Kind::kSign, CKF_SIGN, kSignUsage};
constexpr Beginning kVerifying = {Kind::kVerify, CKF_VERIFY, kVerifyUsage};

// Of a mechanism with CKF_SIGN.
const SignatureScheme& scheme_of(const MechanismRow& row) {
  switch (row.family) {
    case Family::kRsaPkcs1:
      return kRsaPkcs1Scheme;
    case Family::kRsaPss:
      return kRsaPssScheme;
    case Family::kEcdsa:
      return kEcdsaScheme;
    case Family::kCmac:
    case Family::kCmacGeneral:
      return kCmacScheme;
    default:
      return kHmacScheme;
  }
}

CK_RV prepare(const MechanismRow& row, const CK_MECHANISM& mechanism, Operation& operation) {
  return scheme_of(row).read(row, mechanism, *operation.key, &operation.signature);
}

CK_RV make(const Signing& signing, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* signature,
           CK_ULONG* signature_len) {
  if (!signature_len || !readable(data, data_len)) return CKR_ARGUMENTS_BAD;
  const SignatureScheme& scheme = scheme_of(signing.row);
  const std::size_t needed = scheme.length(signing);
  const CK_ULONG room = *signature_len;
  if (!signature || room < needed) {
    *signature_len = needed;
    return signature ? CKR_BUFFER_TOO_SMALL : CKR_OK;
  }
  const CK_RV rv = scheme.sign(signing, {data, data_len}, {signature, needed});
  if (rv == CKR_OK) *signature_len = needed;
  return rv;
}

CK_RV check(const Signing& signing, const CK_BYTE* data, CK_ULONG data_len,
            const CK_BYTE* signature, CK_ULONG signature_len) {
  if (!signature || !readable(data, data_len)) return CKR_ARGUMENTS_BAD;
  const SignatureScheme& scheme = scheme_of(signing.row);
  if (signature_len != scheme.length(signing)) return CKR_SIGNATURE_LEN_RANGE;
  return scheme.verify(signing, {data, data_len}, {signature, signature_len});
}

Signing signing_of(const Operation& operation) {
  return {*operation.mechanism, *operation.key, operation.signature};
}

// The rest of C_Sign and C_SignFinal.
CK_RV make_and_end(Operation& operation, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* signature,
                   CK_ULONG* signature_len) {
  const CK_RV rv = make(signing_of(operation), data, data_len, signature, signature_len);
  const bool goes_on =
      rv == CKR_BUFFER_TOO_SMALL || rv == CKR_STRONGROOM_BUSY || (rv == CKR_OK && !signature);
  if (!goes_on) operation.end();
  return rv;
}

CK_RV check_and_end(Operation& operation, const CK_BYTE* data, CK_ULONG data_len,
                    const CK_BYTE* signature, CK_ULONG signature_len) {
  const CK_RV rv = check(signing_of(operation), data, data_len, signature, signature_len);
  if (rv != CKR_STRONGROOM_BUSY) operation.end();
  return rv;
}

// active, for a single part: what began in parts ends with C_SignFinal or C_VerifyFinal.
CK_RV active_whole(Session& session, Kind kind) {
  const CK_RV rv = active(session, kind);
  if (rv != CKR_OK || !session.operation.in_parts) return rv;
  session.operation.end();
  return CKR_OPERATION_NOT_INITIALIZED;
}

// One more part of the message. Whatever it answers but CKR_OK ends the operation: a signature over
// less than was given must not come out of it.
CK_RV gather(Session& session, Kind kind, const CK_BYTE* part, CK_ULONG part_len) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active(session, kind); rv != CKR_OK) return rv;
  Operation& operation = session.operation;
  operation.in_parts = true;
  CK_RV rv = CKR_OK;
  if (!readable(part, part_len)) {
    rv = CKR_ARGUMENTS_BAD;
  } else if (part_len > kInputBytesMax - operation.parts.size()) {
    rv = CKR_DATA_LEN_RANGE;
  } else if (!operation.parts.append({part, part_len})) {
    rv = CKR_HOST_MEMORY;
  }
  if (rv != CKR_OK) operation.end();
  return rv;
}

}  // namespace

CK_RV sign_init(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  return begin(session, kSigning, mechanism, key, prepare);
}

CK_RV verify_init(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  return begin(session, kVerifying, mechanism, key, prepare);
}

CK_RV sign(Session& session, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* signature,
           CK_ULONG* signature_len) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active_whole(session, Kind::kSign); rv != CKR_OK) return rv;
  return make_and_end(session.operation, data, data_len, signature, signature_len);
}

CK_RV sign_update(Session& session, const CK_BYTE* part, CK_ULONG part_len) {
  return gather(session, Kind::kSign, part, part_len);
}

CK_RV sign_final(Session& session, CK_BYTE* signature, CK_ULONG* signature_len) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active(session, Kind::kSign); rv != CKR_OK) return rv;
  Operation& operation = session.operation;
  return make_and_end(operation, operation.parts.bytes().data(), operation.parts.size(), signature,
                      signature_len);
}

CK_RV verify(Session& session, const CK_BYTE* data, CK_ULONG data_len, const CK_BYTE* signature,
             CK_ULONG signature_len) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active_whole(session, Kind::kVerify); rv != CKR_OK) return rv;
  return check_and_end(session.operation, data, data_len, signature, signature_len);
}

CK_RV verify_update(Session& session, const CK_BYTE* part, CK_ULONG part_len) {
  return gather(session, Kind::kVerify, part, part_len);
}

CK_RV verify_final(Session& session, const CK_BYTE* signature, CK_ULONG signature_len) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active(session, Kind::kVerify); rv != CKR_OK) return rv;
  Operation& operation = session.operation;
  return check_and_end(operation, operation.parts.bytes().data(), operation.parts.size(), signature,
                       signature_len);
}

CK_RV sign_once(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key,
                const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* signature,
                CK_ULONG* signature_len) {
  return once(session, kSigning, mechanism, key,
              [&](const MechanismRow& row, const CK_MECHANISM& given, const Object& object) {
                SignatureParameters parameters;
                const CK_RV rv = scheme_of(row).read(row, given, object, &parameters);
                if (rv != CKR_OK) return rv;
                return make({row, object, parameters}, data, data_len, signature, signature_len);
              });
}

CK_RV verify_once(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key,
                  const CK_BYTE* data, CK_ULONG data_len, const CK_BYTE* signature,
                  CK_ULONG signature_len) {
  return once(session, kVerifying, mechanism, key,
              [&](const MechanismRow& row, const CK_MECHANISM& given, const Object& object) {
                SignatureParameters parameters;
                const CK_RV rv = scheme_of(row).read(row, given, object, &parameters);
                if (rv != CKR_OK) return rv;
                return check({row, object, parameters}, data, data_len, signature, signature_len);
              });
}

}  // namespace strongroom::token::operations
