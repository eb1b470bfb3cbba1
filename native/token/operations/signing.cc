// signing.cc: C_SignInit, C_Sign, C_VerifyInit, C_Verify with HMAC-SHA-256 (6.25.3, 6.25.4).
#include "token/operations/common.h"

namespace strongroom::token::operations {
namespace {

using Kind = Operation::Kind;

constexpr std::size_t kMacBytes = 32;

CK_RV read_mac_length(const CK_MECHANISM& mechanism, std::size_t* mac_length) {
  if (mechanism.mechanism == CKM_SHA256_HMAC) {
    *mac_length = kMacBytes;
    return no_parameter(mechanism) ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
  }
  CK_ULONG length;  // CK_MAC_GENERAL_PARAMS: bytes of MAC
  if (!read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &length) || length < 1 ||
      length > kMacBytes) {
    return CKR_MECHANISM_PARAM_INVALID;
  }
  *mac_length = length;
  return CKR_OK;
}

CK_RV prepare_hmac(const CK_MECHANISM& mechanism, Operation& operation) {
  return read_mac_length(mechanism, &operation.output_extra);
}

constexpr Beginning kSigning = {Kind::kSign, CKF_SIGN, kSignUsage};
constexpr Beginning kVerifying = {Kind::kVerify, CKF_VERIFY, kVerifyUsage};

CK_RV make_mac(const Object& key, std::size_t needed, const CK_BYTE* data, CK_ULONG data_len,
               CK_BYTE* signature, CK_ULONG* signature_len) {
  if (!signature_len || !readable(data, data_len)) return CKR_ARGUMENTS_BAD;
  const CK_ULONG room = *signature_len;
  if (!signature || room < needed) {
    *signature_len = needed;
    return signature ? CKR_BUFFER_TOO_SMALL : CKR_OK;
  }
  const CK_RV rv = algorithms::hmac_sha256(*key.key, {data, data_len}, {signature, needed});
  if (rv == CKR_OK) *signature_len = needed;
  return rv;
}

CK_RV check_mac(const Object& key, std::size_t mac_length, const CK_BYTE* data, CK_ULONG data_len,
                const CK_BYTE* signature, CK_ULONG signature_len) {
  if (!signature || !readable(data, data_len)) return CKR_ARGUMENTS_BAD;
  if (signature_len != mac_length) return CKR_SIGNATURE_LEN_RANGE;
  std::array<std::uint8_t, kMacBytes> mac;
  const MutableBytes expected(mac.data(), mac_length);
  CK_RV rv = algorithms::hmac_sha256(*key.key, {data, data_len}, expected);
  if (rv == CKR_OK && !algorithms::equal_constant_time(expected, {signature, signature_len}))
    rv = CKR_SIGNATURE_INVALID;
  wipe(mac.data(), mac.size());
  return rv;
}

}  // namespace

CK_RV sign_init(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  return begin(session, kSigning, mechanism, key, prepare_hmac);
}

CK_RV verify_init(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  return begin(session, kVerifying, mechanism, key, prepare_hmac);
}

CK_RV sign(Session& session, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* signature,
           CK_ULONG* signature_len) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active(session, Kind::kSign); rv != CKR_OK) return rv;
  Operation& operation = session.operation;
  const CK_RV rv =
      make_mac(*operation.key, operation.output_extra, data, data_len, signature, signature_len);
  const bool goes_on =
      rv == CKR_BUFFER_TOO_SMALL || rv == CKR_STRONGROOM_BUSY || (rv == CKR_OK && !signature);
  if (!goes_on) operation.end();
  return rv;
}

CK_RV verify(Session& session, const CK_BYTE* data, CK_ULONG data_len, const CK_BYTE* signature,
             CK_ULONG signature_len) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active(session, Kind::kVerify); rv != CKR_OK) return rv;
  Operation& operation = session.operation;
  const CK_RV rv =
      check_mac(*operation.key, operation.output_extra, data, data_len, signature, signature_len);
  if (rv != CKR_STRONGROOM_BUSY) operation.end();
  return rv;
}

CK_RV sign_once(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key,
                const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* signature,
                CK_ULONG* signature_len) {
  return once(session, kSigning, mechanism, key,
              [&](const CK_MECHANISM& given, const Object& object) -> CK_RV {
                std::size_t length;
                if (const CK_RV rv = read_mac_length(given, &length); rv != CKR_OK) return rv;
                return make_mac(object, length, data, data_len, signature, signature_len);
              });
}

CK_RV verify_once(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key,
                  const CK_BYTE* data, CK_ULONG data_len, const CK_BYTE* signature,
                  CK_ULONG signature_len) {
  return once(session, kVerifying, mechanism, key,
              [&](const CK_MECHANISM& given, const Object& object) -> CK_RV {
                std::size_t length;
                if (const CK_RV rv = read_mac_length(given, &length); rv != CKR_OK) return rv;
                return check_mac(object, length, data, data_len, signature, signature_len);
              });
}

}  // namespace strongroom::token::operations
