// signing.cc: C_SignInit, C_Sign, C_VerifyInit, C_Verify with HMAC-SHA-256 (6.25.3, 6.25.4).
#include "token/operations/common.h"

namespace strongroom::token::operations {
namespace {

using Kind = Operation::Kind;

constexpr std::size_t kMacBytes = 32;

CK_RV prepare_hmac(const CK_MECHANISM& mechanism, Operation& operation) {
  if (mechanism.mechanism == CKM_SHA256_HMAC) {
    operation.output_extra = kMacBytes;
    return no_parameter(mechanism) ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
  }
  CK_ULONG length;  // CK_MAC_GENERAL_PARAMS: bytes of MAC
  if (!read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &length) || length < 1 ||
      length > kMacBytes) {
    return CKR_MECHANISM_PARAM_INVALID;
  }
  operation.output_extra = length;
  return CKR_OK;
}

}  // namespace

CK_RV sign_init(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  return begin(session, {Kind::kSign, CKF_SIGN, kSignUsage}, mechanism, key, prepare_hmac);
}

CK_RV verify_init(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  return begin(session, {Kind::kVerify, CKF_VERIFY, kVerifyUsage}, mechanism, key, prepare_hmac);
}

CK_RV sign(Session& session, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* signature,
           CK_ULONG* signature_len) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active(session, Kind::kSign); rv != CKR_OK) return rv;
  Operation& operation = session.operation;
  if (!signature_len || !readable(data, data_len)) {
    operation.end();
    return CKR_ARGUMENTS_BAD;
  }
  const std::size_t needed = operation.output_extra;
  const CK_ULONG room = *signature_len;
  if (!signature || room < needed) {
    *signature_len = needed;
    return signature ? CKR_BUFFER_TOO_SMALL : CKR_OK;
  }
  const CK_RV rv =
      algorithms::hmac_sha256(*operation.key->key, {data, data_len}, {signature, needed});
  if (rv == CKR_STRONGROOM_BUSY) return rv;
  if (rv == CKR_OK) *signature_len = needed;
  operation.end();
  return rv;
}

CK_RV verify(Session& session, const CK_BYTE* data, CK_ULONG data_len, const CK_BYTE* signature,
             CK_ULONG signature_len) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active(session, Kind::kVerify); rv != CKR_OK) return rv;
  Operation& operation = session.operation;
  std::array<std::uint8_t, kMacBytes> mac;
  const MutableBytes expected(mac.data(), operation.output_extra);
  CK_RV rv = CKR_OK;
  if (!signature || !readable(data, data_len)) {
    rv = CKR_ARGUMENTS_BAD;
  } else if (signature_len != expected.size()) {
    rv = CKR_SIGNATURE_LEN_RANGE;
  } else {
    rv = algorithms::hmac_sha256(*operation.key->key, {data, data_len}, expected);
    if (rv == CKR_STRONGROOM_BUSY) return rv;
    if (rv == CKR_OK && !algorithms::equal_constant_time(expected, {signature, signature_len}))
      rv = CKR_SIGNATURE_INVALID;
  }
  wipe(mac.data(), mac.size());
  operation.end();
  return rv;
}

}  // namespace strongroom::token::operations
