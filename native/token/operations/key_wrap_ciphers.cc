// key_wrap_ciphers.cc: CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_KWP (6.16), and CKM_RSA_AES_KEY_WRAP
// (6.1), which is both AES-KWP and RSAES-OAEP. Single parts only.
#include "token/drbg/drbg.h"
#include "token/operations/ciphers.h"

namespace strongroom::token::operations {
namespace {

using algorithms::kSemiblockBytes;

// What unwrapping found wrong, as decryption says it.
CK_RV as_decrypted(CK_RV rv) {
  if (rv == CKR_WRAPPED_KEY_INVALID) return CKR_ENCRYPTED_DATA_INVALID;
  return rv == CKR_WRAPPED_KEY_LEN_RANGE ? CKR_ENCRYPTED_DATA_LEN_RANGE : rv;
}

// An initial value of the caller's, or the standard's where there is none.
CK_RV read_kw(const CK_MECHANISM& mechanism, CipherParameters* out) {
  static constexpr std::array<std::uint8_t, kSemiblockBytes> kInitialValue = {
      0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6};
  if (no_parameter(mechanism)) {
    out->iv = kInitialValue;
    return CKR_OK;
  }
  if (!mechanism.pParameter || mechanism.ulParameterLen != kSemiblockBytes)
    return CKR_MECHANISM_PARAM_INVALID;
  out->iv = {static_cast<const CK_BYTE*>(mechanism.pParameter), kSemiblockBytes};
  return CKR_OK;
}

CK_RV encrypt_kw(const Ciphering& what, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  if (data.size() < 2 * kSemiblockBytes || data.size() % kSemiblockBytes != 0)
    return CKR_DATA_LEN_RANGE;
  const std::size_t needed = data.size() + kSemiblockBytes;
  return run_to(needed, data, out, out_len, [&] {
    return algorithms::aes_kw_wrap(*what.key.key, what.parameters.iv, data, {out, needed});
  });
}

CK_RV decrypt_kw(const Ciphering& what, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  if (data.size() < 3 * kSemiblockBytes || data.size() % kSemiblockBytes != 0)
    return CKR_ENCRYPTED_DATA_LEN_RANGE;
  const std::size_t needed = data.size() - kSemiblockBytes;
  return run_to(needed, data, out, out_len, [&] {
    return as_decrypted(
        algorithms::aes_kw_unwrap(*what.key.key, what.parameters.iv, data, {out, needed}));
  });
}

CK_RV read_kwp(const CK_MECHANISM& mechanism, CipherParameters*) {
  return no_parameter(mechanism) ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

CK_RV encrypt_kwp_with(algorithms::Key& key, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  if (data.empty()) return CKR_DATA_LEN_RANGE;
  const std::size_t needed = algorithms::kwp_wrapped_length(data.size());
  return run_to(needed, data, out, out_len, [&] {
    return algorithms::aes_kwp_wrap(key, data, {out, needed});
  });
}

// How long the plaintext is shows only when it is there, so a length query answers what is enough
// for any, and the plaintext is opened in the arena.
CK_RV decrypt_kwp_with(algorithms::Key& key, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  if (data.size() < 2 * kSemiblockBytes || data.size() % kSemiblockBytes != 0)
    return CKR_ENCRYPTED_DATA_LEN_RANGE;
  if (!out) {
    *out_len = data.size() - kSemiblockBytes;
    return CKR_OK;
  }
  Secret plaintext(data.size());
  if (!plaintext) return CKR_DEVICE_MEMORY;
  std::size_t length = 0;
  const CK_RV rv = algorithms::aes_kwp_unwrap(key, data, plaintext.mutable_bytes(), &length);
  if (rv != CKR_OK) return as_decrypted(rv);
  return run_to(length, {}, out, out_len, [&] {
    std::memcpy(out, plaintext.data(), length);
    return CK_RV{CKR_OK};
  });
}

CK_RV encrypt_kwp(const Ciphering& what, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  return encrypt_kwp_with(*what.key.key, data, out, out_len);
}

CK_RV decrypt_kwp(const Ciphering& what, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  return decrypt_kwp_with(*what.key.key, data, out, out_len);
}

CK_RV read_rsa_aes(const CK_MECHANISM& mechanism, CipherParameters* out) {
  CK_RSA_AES_KEY_WRAP_PARAMS parameters;
  if (!read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &parameters) ||
      (parameters.ulAESKeyBits != 128 && parameters.ulAESKeyBits != 192 &&
       parameters.ulAESKeyBits != 256))
    return CKR_MECHANISM_PARAM_INVALID;
  out->length = parameters.ulAESKeyBits / 8;
  return kOaepScheme.read(
      {CKM_RSA_PKCS_OAEP, parameters.pOAEPParams, sizeof(*parameters.pOAEPParams)}, out);
}

std::size_t modulus_length(const Ciphering& what) { return (what.key.key_size() + 7) / 8; }

// The wrapped AES key, then what it wraps.
CK_RV encrypt_rsa_aes(const Ciphering& what, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  const std::size_t head = modulus_length(what);
  const std::size_t needed = head + algorithms::kwp_wrapped_length(data.size());
  if (data.empty()) return CKR_DATA_LEN_RANGE;
  return run_to(needed, data, out, out_len, [&] {
    Secret value(what.parameters.length);
    if (!value) return CK_RV{CKR_DEVICE_MEMORY};
    CK_RV rv = drbg::generate(value.mutable_bytes());
    CK_ULONG length = head;
    if (rv == CKR_OK) rv = kOaepScheme.encrypt(what, value.bytes(), out, &length);
    if (rv != CKR_OK) return rv;
    const auto key = algorithms::Key::make(std::move(value));
    return key ? algorithms::aes_kwp_wrap(*key, data, {out + head, needed - head})
               : CK_RV{CKR_DEVICE_MEMORY};
  });
}

CK_RV decrypt_rsa_aes(const Ciphering& what, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  const std::size_t head = modulus_length(what);
  if (data.size() < head + 2 * kSemiblockBytes || (data.size() - head) % kSemiblockBytes != 0)
    return CKR_ENCRYPTED_DATA_LEN_RANGE;
  if (!out) {
    *out_len = data.size() - head - kSemiblockBytes;
    return CKR_OK;
  }
  Secret room(head);
  if (!room) return CKR_DEVICE_MEMORY;
  CK_ULONG length = head;
  if (const CK_RV rv = kOaepScheme.decrypt(what, data.first(head), room.data(), &length);
      rv != CKR_OK)
    return rv;
  if (length != what.parameters.length) return CKR_ENCRYPTED_DATA_INVALID;
  Secret value(room.bytes().first(length));
  const auto key = value ? algorithms::Key::make(std::move(value)) : nullptr;
  return key ? decrypt_kwp_with(*key, data.subspan(head), out, out_len) : CK_RV{CKR_DEVICE_MEMORY};
}

}  // namespace

const CipherScheme kKwScheme = {read_kw, encrypt_kw, decrypt_kw};
const CipherScheme kKwpScheme = {read_kwp, encrypt_kwp, decrypt_kwp};
const CipherScheme kRsaAesKeyWrapScheme = {read_rsa_aes, encrypt_rsa_aes, decrypt_rsa_aes};

}  // namespace strongroom::token::operations
