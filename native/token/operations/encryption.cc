// encryption.cc: C_EncryptInit, C_Encrypt, C_DecryptInit, C_Decrypt with CKM_AES_GCM (6.13.3):
// ciphertext, then tag.
#include "token/operations/common.h"

namespace strongroom::token::operations {
namespace {

using Kind = Operation::Kind;

constexpr CK_ULONG kIvBytesMax = 256;

CK_RV prepare_gcm(const CK_MECHANISM& mechanism, Operation& operation) {
  CK_GCM_PARAMS parameters;
  if (!read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &parameters))
    return CKR_MECHANISM_PARAM_INVALID;
  const bool iv_valid =
      parameters.pIv && parameters.ulIvLen >= 1 && parameters.ulIvLen <= kIvBytesMax;
  const bool tag_valid =
      parameters.ulTagBits % 8 == 0 && parameters.ulTagBits >= 96 && parameters.ulTagBits <= 128;
  if (!iv_valid || !tag_valid || !readable(parameters.pAAD, parameters.ulAADLen))
    return CKR_MECHANISM_PARAM_INVALID;
  operation.iv.assign(parameters.pIv, parameters.pIv + parameters.ulIvLen);
  operation.aad.assign(parameters.pAAD, parameters.pAAD + parameters.ulAADLen);
  operation.output_extra = parameters.ulTagBits / 8;
  return CKR_OK;
}

// C_Encrypt and C_Decrypt: everything but a length query, a short buffer and "busy" ends the
// operation.
template <class Work>
CK_RV single_part(Session& session, Kind kind, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out,
                  CK_ULONG* out_len, Work work) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active(session, kind); rv != CKR_OK) return rv;
  const CK_RV rv =
      out_len && readable(data, data_len) ? work(session.operation) : CKR_ARGUMENTS_BAD;
  const bool goes_on =
      rv == CKR_BUFFER_TOO_SMALL || rv == CKR_STRONGROOM_BUSY || (rv == CKR_OK && !out);
  if (!goes_on) session.operation.end();
  return rv;
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
  return single_part(
      session, Kind::kEncrypt, data, data_len, out, out_len, [&](Operation& operation) -> CK_RV {
        const CK_ULONG needed = data_len + operation.output_extra;
        const CK_ULONG room = *out_len;
        if (!out || room < needed) {
          *out_len = needed;
          return out ? CKR_BUFFER_TOO_SMALL : CKR_OK;
        }
        if (overlap_unevenly(data, data_len, out, needed)) return CKR_ARGUMENTS_BAD;
        const CK_RV rv = algorithms::aes_gcm_seal(*operation.key->key, operation.iv, operation.aad,
                                                  {data, data_len}, {out, data_len},
                                                  {out + data_len, operation.output_extra});
        if (rv == CKR_OK) *out_len = needed;
        return rv;
      });
}

CK_RV decrypt(Session& session, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out,
              CK_ULONG* out_len) {
  return single_part(session, Kind::kDecrypt, data, data_len, out, out_len,
                     [&](Operation& operation) -> CK_RV {
                       if (data_len < operation.output_extra) return CKR_ENCRYPTED_DATA_LEN_RANGE;
                       const CK_ULONG needed = data_len - operation.output_extra;
                       const CK_ULONG room = *out_len;
                       if (!out || room < needed) {
                         *out_len = needed;
                         return out ? CKR_BUFFER_TOO_SMALL : CKR_OK;
                       }
                       if (overlap_unevenly(data, data_len, out, needed)) return CKR_ARGUMENTS_BAD;
                       const CK_RV rv = algorithms::aes_gcm_open(
                           *operation.key->key, operation.iv, operation.aad, {data, needed},
                           {data + needed, operation.output_extra}, {out, needed});
                       if (rv == CKR_OK) *out_len = needed;
                       return rv;
                     });
}

}  // namespace strongroom::token::operations
