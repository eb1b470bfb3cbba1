// signing.cc: C_SignInit, C_Sign, C_VerifyInit, C_Verify, whatever the mechanism.
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
  if (const CK_RV rv = active(session, Kind::kSign); rv != CKR_OK) return rv;
  const CK_RV rv = make(signing_of(session.operation), data, data_len, signature, signature_len);
  const bool goes_on =
      rv == CKR_BUFFER_TOO_SMALL || rv == CKR_STRONGROOM_BUSY || (rv == CKR_OK && !signature);
  if (!goes_on) session.operation.end();
  return rv;
}

CK_RV verify(Session& session, const CK_BYTE* data, CK_ULONG data_len, const CK_BYTE* signature,
             CK_ULONG signature_len) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active(session, Kind::kVerify); rv != CKR_OK) return rv;
  const CK_RV rv = check(signing_of(session.operation), data, data_len, signature, signature_len);
  if (rv != CKR_STRONGROOM_BUSY) session.operation.end();
  return rv;
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
