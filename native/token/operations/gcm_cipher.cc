// gcm_cipher.cc: CKM_AES_GCM in one part (6.13.3): ciphertext, then tag.
#include "token/operations/ciphers.h"

namespace strongroom::token::operations {
namespace {

constexpr CK_ULONG kIvBytesMax = 256;

CK_RV read(const CK_MECHANISM& mechanism, CipherParameters* out) {
  CK_GCM_PARAMS parameters;
  if (!read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &parameters))
    return CKR_MECHANISM_PARAM_INVALID;
  const bool iv_valid =
      parameters.pIv && parameters.ulIvLen >= 1 && parameters.ulIvLen <= kIvBytesMax;
  const bool tag_valid =
      parameters.ulTagBits % 8 == 0 && parameters.ulTagBits >= 96 && parameters.ulTagBits <= 128;
  if (!iv_valid || !tag_valid || !readable(parameters.pAAD, parameters.ulAADLen))
    return CKR_MECHANISM_PARAM_INVALID;
  out->iv = {parameters.pIv, parameters.ulIvLen};
  out->aad = {parameters.pAAD, parameters.ulAADLen};
  out->tag_bytes = parameters.ulTagBits / 8;
  return CKR_OK;
}

CK_RV encrypt(const Ciphering& what, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  const CipherParameters& gcm = what.parameters;
  const CK_ULONG needed = data.size() + gcm.tag_bytes;
  const CK_ULONG room = *out_len;
  if (!out || room < needed) {
    *out_len = needed;
    return out ? CKR_BUFFER_TOO_SMALL : CKR_OK;
  }
  if (overlap_unevenly(data.data(), data.size(), out, needed)) return CKR_ARGUMENTS_BAD;
  const CK_RV rv = algorithms::aes_gcm_seal(*what.key.key, gcm.iv, gcm.aad, data,
                                            {out, data.size()}, {out + data.size(), gcm.tag_bytes});
  if (rv == CKR_OK) *out_len = needed;
  return rv;
}

CK_RV decrypt(const Ciphering& what, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  const CipherParameters& gcm = what.parameters;
  if (data.size() < gcm.tag_bytes) return CKR_ENCRYPTED_DATA_LEN_RANGE;
  const CK_ULONG needed = data.size() - gcm.tag_bytes;
  const CK_ULONG room = *out_len;
  if (!out || room < needed) {
    *out_len = needed;
    return out ? CKR_BUFFER_TOO_SMALL : CKR_OK;
  }
  if (overlap_unevenly(data.data(), data.size(), out, needed)) return CKR_ARGUMENTS_BAD;
  const CK_RV rv = algorithms::aes_gcm_open(*what.key.key, gcm.iv, gcm.aad, data.first(needed),
                                            data.subspan(needed), {out, needed});
  if (rv == CKR_OK) *out_len = needed;
  return rv;
}

}  // namespace

const CipherScheme kGcmScheme = {read, encrypt, decrypt};

}  // namespace strongroom::token::operations
