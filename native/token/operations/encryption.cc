// encryption.cc: C_EncryptInit, C_Encrypt, C_DecryptInit, C_Decrypt with CKM_AES_GCM (6.13.3):
// ciphertext, then tag.
#include "token/operations/common.h"

namespace strongroom::token::operations {
namespace {

using Kind = Operation::Kind;

constexpr CK_ULONG kIvBytesMax = 256;

CK_RV read_gcm(const CK_MECHANISM& mechanism, CK_GCM_PARAMS* out) {
  if (!read_parameter(mechanism.pParameter, mechanism.ulParameterLen, out))
    return CKR_MECHANISM_PARAM_INVALID;
  const CK_GCM_PARAMS& parameters = *out;
  const bool iv_valid =
      parameters.pIv && parameters.ulIvLen >= 1 && parameters.ulIvLen <= kIvBytesMax;
  const bool tag_valid =
      parameters.ulTagBits % 8 == 0 && parameters.ulTagBits >= 96 && parameters.ulTagBits <= 128;
  if (!iv_valid || !tag_valid || !readable(parameters.pAAD, parameters.ulAADLen))
    return CKR_MECHANISM_PARAM_INVALID;
  return CKR_OK;
}

CK_RV prepare_gcm(const CK_MECHANISM& mechanism, Operation& operation) {
  CK_GCM_PARAMS parameters;
  if (const CK_RV rv = read_gcm(mechanism, &parameters); rv != CKR_OK) return rv;
  operation.iv.assign(parameters.pIv, parameters.pIv + parameters.ulIvLen);
  operation.aad.assign(parameters.pAAD, parameters.pAAD + parameters.ulAADLen);
  operation.output_extra = parameters.ulTagBits / 8;
  return CKR_OK;
}

// What an operation works with: from C_*Init, or from the parameter itself when there is no Init.
struct Gcm {
  algorithms::Key& key;
  Bytes iv;
  Bytes aad;
  std::size_t tag_bytes;

  explicit Gcm(const Operation& operation)
      : key(*operation.key->key),
        iv(operation.iv),
        aad(operation.aad),
        tag_bytes(operation.output_extra) {}
  Gcm(const Object& object, const CK_GCM_PARAMS& parameters)
      : key(*object.key),
        iv(parameters.pIv, parameters.ulIvLen),
        aad(parameters.pAAD, parameters.ulAADLen),
        tag_bytes(parameters.ulTagBits / 8) {}
};
using Work = CK_RV (*)(const Gcm&, const CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*);

CK_RV seal(const Gcm& gcm, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out,
           CK_ULONG* out_len) {
  const CK_ULONG needed = data_len + gcm.tag_bytes;
  const CK_ULONG room = *out_len;
  if (!out || room < needed) {
    *out_len = needed;
    return out ? CKR_BUFFER_TOO_SMALL : CKR_OK;
  }
  if (overlap_unevenly(data, data_len, out, needed)) return CKR_ARGUMENTS_BAD;
  const CK_RV rv = algorithms::aes_gcm_seal(gcm.key, gcm.iv, gcm.aad, {data, data_len},
                                            {out, data_len}, {out + data_len, gcm.tag_bytes});
  if (rv == CKR_OK) *out_len = needed;
  return rv;
}

CK_RV open(const Gcm& gcm, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out,
           CK_ULONG* out_len) {
  if (data_len < gcm.tag_bytes) return CKR_ENCRYPTED_DATA_LEN_RANGE;
  const CK_ULONG needed = data_len - gcm.tag_bytes;
  const CK_ULONG room = *out_len;
  if (!out || room < needed) {
    *out_len = needed;
    return out ? CKR_BUFFER_TOO_SMALL : CKR_OK;
  }
  if (overlap_unevenly(data, data_len, out, needed)) return CKR_ARGUMENTS_BAD;
  const CK_RV rv = algorithms::aes_gcm_open(gcm.key, gcm.iv, gcm.aad, {data, needed},
                                            {data + needed, gcm.tag_bytes}, {out, needed});
  if (rv == CKR_OK) *out_len = needed;
  return rv;
}

// C_Encrypt and C_Decrypt: everything but a length query, a short buffer and "busy" ends the
// operation.
CK_RV single_part(Session& session, Kind kind, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out,
                  CK_ULONG* out_len, Work work) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active(session, kind); rv != CKR_OK) return rv;
  const CK_RV rv = out_len && readable(data, data_len)
                       ? work(Gcm(session.operation), data, data_len, out, out_len)
                       : CKR_ARGUMENTS_BAD;
  const bool goes_on =
      rv == CKR_BUFFER_TOO_SMALL || rv == CKR_STRONGROOM_BUSY || (rv == CKR_OK && !out);
  if (!goes_on) session.operation.end();
  return rv;
}

CK_RV single_call(Session& session, const Beginning& what, const CK_MECHANISM* mechanism,
                  CK_OBJECT_HANDLE key, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out,
                  CK_ULONG* out_len, Work work) {
  return once(session, what, mechanism, key,
              [&](const CK_MECHANISM& given, const Object& object) -> CK_RV {
                CK_GCM_PARAMS parameters;
                if (const CK_RV rv = read_gcm(given, &parameters); rv != CKR_OK) return rv;
                return out_len && readable(data, data_len)
                           ? work(Gcm(object, parameters), data, data_len, out, out_len)
                           : CKR_ARGUMENTS_BAD;
              });
}

}  // namespace

CK_RV encrypt_init(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  return begin(session, {Kind::kEncrypt, CKF_ENCRYPT, kEncryptUsage}, mechanism, key, prepare_gcm);
}

CK_RV decrypt_init(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  return begin(session, {Kind::kDecrypt, CKF_DECRYPT, kDecryptUsage}, mechanism, key, prepare_gcm);
}

CK_RV encrypt(Session& session, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out,
              CK_ULONG* out_len) {
  return single_part(session, Kind::kEncrypt, data, data_len, out, out_len, seal);
}

CK_RV decrypt(Session& session, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out,
              CK_ULONG* out_len) {
  return single_part(session, Kind::kDecrypt, data, data_len, out, out_len, open);
}

CK_RV encrypt_once(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key,
                   const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out, CK_ULONG* out_len) {
  return single_call(session, {Kind::kEncrypt, CKF_ENCRYPT, kEncryptUsage}, mechanism, key, data,
                     data_len, out, out_len, seal);
}

CK_RV decrypt_once(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key,
                   const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out, CK_ULONG* out_len) {
  return single_call(session, {Kind::kDecrypt, CKF_DECRYPT, kDecryptUsage}, mechanism, key, data,
                     data_len, out, out_len, open);
}

}  // namespace strongroom::token::operations
