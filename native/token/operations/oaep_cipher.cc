// oaep_cipher.cc: CKM_RSA_PKCS_OAEP (6.1.8, RFC 8017 7.1).
#include "token/operations/ciphers.h"

namespace strongroom::token::operations {
namespace {

CK_RV read(const CK_MECHANISM& mechanism, CipherParameters* out) {
  CK_RSA_PKCS_OAEP_PARAMS parameters;
  if (!read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &parameters))
    return CKR_MECHANISM_PARAM_INVALID;
  const auto hash = hash_of(parameters.hashAlg);
  const auto mgf1 = hash_of_mgf1(parameters.mgf);
  const auto* label = static_cast<const CK_BYTE*>(parameters.pSourceData);
  // No source at all stands for an empty label.
  const bool source_valid = parameters.source == CKZ_DATA_SPECIFIED ||
                            (parameters.source == 0 && parameters.ulSourceDataLen == 0);
  if (!hash || !mgf1 || !source_valid || !readable(label, parameters.ulSourceDataLen))
    return CKR_MECHANISM_PARAM_INVALID;
  out->oaep = {*hash, *mgf1, {}};
  out->aad = {label, parameters.ulSourceDataLen};
  return CKR_OK;
}

std::size_t modulus_length(const Ciphering& what) { return (what.key.key_size() + 7) / 8; }

// Of a plaintext. The smallest modulus admitted has room for two of the longest hash.
std::size_t length_max(const Ciphering& what) {
  return modulus_length(what) - 2 * algorithms::hash_length(what.parameters.oaep.hash) - 2;
}

algorithms::Oaep oaep_of(const Ciphering& what) {
  return {what.parameters.oaep.hash, what.parameters.oaep.mgf1, what.parameters.aad};
}

CK_RV encrypt(const Ciphering& what, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  if (out && data.size() > length_max(what)) return CKR_DATA_LEN_RANGE;
  const std::size_t needed = modulus_length(what);
  return run_to(needed, data, out, out_len, [&] {
    return algorithms::rsa_oaep_encrypt(*what.key.public_key, oaep_of(what), data, {out, needed});
  });
}

// How long the plaintext is shows only when it is there, so a length query answers what is enough
// for any, and the plaintext is opened in the arena.
CK_RV decrypt(const Ciphering& what, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  if (!out) {
    *out_len = length_max(what);
    return CKR_OK;
  }
  if (data.size() != modulus_length(what)) return CKR_ENCRYPTED_DATA_LEN_RANGE;
  Secret plaintext(modulus_length(what));
  if (!plaintext) return CKR_DEVICE_MEMORY;
  std::size_t length = 0;
  const CK_RV rv = algorithms::rsa_oaep_decrypt(*what.key.private_key, oaep_of(what), data,
                                                plaintext.mutable_bytes(), &length);
  if (rv != CKR_OK) return rv;
  const CK_ULONG room = *out_len;
  *out_len = length;
  if (room < length) return CKR_BUFFER_TOO_SMALL;
  if (length != 0) std::memcpy(out, plaintext.data(), length);
  return CKR_OK;
}

}  // namespace

const CipherScheme kOaepScheme = {read, encrypt, decrypt};

}  // namespace strongroom::token::operations
