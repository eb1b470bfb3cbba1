#include "token/operations/aead_messages.h"

#include "token/drbg/drbg.h"
#include "token/operations/ciphers.h"

namespace strongroom::token::operations {
namespace {

constexpr CK_ULONG kIvBytesMax = sizeof(MadeIv::room);
constexpr CK_ULONG kRandomIvBitsMin = 96;  // SP 800-38D, 8.2.2
constexpr CK_ULONG kChaCha20NonceBytes = 12;
constexpr CK_ULONG kPoly1305TagBytes = 16;

bool read_gcm(const void* parameter, CK_ULONG length, AeadMessage* out) {
  CK_GCM_MESSAGE_PARAMS given;
  if (!read_parameter(parameter, length, &given) || !given.pIv || given.ulIvLen < 1 ||
      given.ulIvLen > kIvBytesMax || !given.pTag || given.ulTagBits % 8 != 0 ||
      given.ulTagBits < 96 || given.ulTagBits > 128)
    return false;
  *out = {.iv = {given.pIv, given.ulIvLen},
          .fixed_bits = given.ulIvFixedBits,
          .generator = given.ivGenerator,
          .tag = {given.pTag, given.ulTagBits / 8}};
  return true;
}

bool read_ccm(const void* parameter, CK_ULONG length, AeadMessage* out) {
  CK_CCM_MESSAGE_PARAMS given;
  if (!read_parameter(parameter, length, &given) || !given.pNonce || !given.pMAC ||
      !ccm_lengths_valid(given.ulDataLen, given.ulNonceLen, given.ulMACLen))
    return false;
  *out = {.iv = {given.pNonce, given.ulNonceLen},
          .fixed_bits = given.ulNonceFixedBits,
          .generator = given.nonceGenerator,
          .tag = {given.pMAC, given.ulMACLen},
          .length = given.ulDataLen};
  return true;
}

bool read_chacha20_poly1305(const void* parameter, CK_ULONG length, AeadMessage* out) {
  CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS given;
  if (!read_parameter(parameter, length, &given) || !given.pNonce || !given.pTag ||
      !chacha20_nonce_valid(given.ulNonceLen))
    return false;
  *out = {.iv = {given.pNonce, kChaCha20NonceBytes}, .tag = {given.pTag, kPoly1305TagBytes}};
  return true;
}

CK_RV make_random_iv(const AeadMessage& message, MutableBytes iv) {
  const CK_ULONG fixed = message.fixed_bits;
  if (fixed % 8 != 0 || fixed > 8 * iv.size() || 8 * iv.size() - fixed < kRandomIvBitsMin)
    return CKR_MECHANISM_PARAM_INVALID;
  return drbg::generate(iv.subspan(fixed / 8));
}

}  // namespace

bool has_aead_messages(const MechanismRow& row) { return row.info.flags & CKF_MULTI_MESSAGE; }

algorithms::Aead aead_of(const MechanismRow& row) {
  switch (row.family) {
    case Family::kCcm:
      return algorithms::Aead::kAesCcm;
    case Family::kChaCha20Poly1305:
      return algorithms::Aead::kChaCha20Poly1305;
    default:
      return algorithms::Aead::kAesGcm;
  }
}

CK_RV read_aead_message(const MechanismRow& row, const void* parameter, CK_ULONG length,
                        AeadMessage* out) {
  bool valid = false;
  switch (aead_of(row)) {
    case algorithms::Aead::kAesGcm:
      valid = read_gcm(parameter, length, out);
      break;
    case algorithms::Aead::kAesCcm:
      valid = read_ccm(parameter, length, out);
      break;
    case algorithms::Aead::kChaCha20Poly1305:
      valid = read_chacha20_poly1305(parameter, length, out);
      break;
  }
  return valid ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

CK_RV make_iv(const Object& key, const AeadMessage& message, MadeIv* out) {
  out->length = message.iv.size();
  const MutableBytes iv = MutableBytes(out->room).first(out->length);
  std::memcpy(iv.data(), message.iv.data(), iv.size());
  switch (message.generator) {
    case CKG_NO_GENERATE:
      return CKR_OK;
    case CKG_GENERATE:
    case CKG_GENERATE_RANDOM:
      return make_random_iv(message, iv);
    case CKG_GENERATE_COUNTER:
    case CKG_GENERATE_COUNTER_XOR:
      // The count lives in memory: for a key that outlived it, it would begin again.
      if (key.on_token) return CKR_MECHANISM_PARAM_INVALID;
      return key.key->count_iv(message.generator == CKG_GENERATE_COUNTER_XOR, message.fixed_bits,
                               iv);
    default:
      return CKR_MECHANISM_PARAM_INVALID;
  }
}

CK_RV seal_message(const MechanismRow& row, const Object& key, const AeadMessage& message,
                   Bytes aad, Bytes plaintext, MutableBytes ciphertext) {
  MadeIv iv;
  if (const CK_RV rv = make_iv(key, message, &iv); rv != CKR_OK) return rv;
  const CK_RV rv =
      algorithms::seal(aead_of(row), *key.key, iv.bytes(), aad, plaintext, ciphertext, message.tag);
  if (rv == CKR_OK) std::memcpy(message.iv.data(), iv.room.data(), iv.length);
  return rv;
}

}  // namespace strongroom::token::operations
