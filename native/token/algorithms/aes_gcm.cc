// AES-GCM: NIST SP 800-38D.
#include "token/algorithms/aead_context.h"
#include "token/algorithms/key.h"
#include "token/algorithms/unchecked.h"
#include "token/self_test/self_test.h"

namespace strongroom::algorithms {
namespace {

CK_RV check_lengths(const Key& key, Bytes iv, Bytes aad, std::size_t input, std::size_t output) {
  const std::size_t key_length = key.value().size();
  if (key_length != 16 && key_length != 24 && key_length != 32) return CKR_KEY_SIZE_RANGE;
  if (iv.empty() || iv.size() > kGcmIvBytesMax || aad.size() > kGcmDataBytesMax)
    return CKR_MECHANISM_PARAM_INVALID;
  if (input != output) return CKR_ARGUMENTS_BAD;
  return CKR_OK;
}

}  // namespace

namespace unchecked {

CK_RV aes_gcm_seal(Key& key, Bytes iv, Bytes aad, Bytes plaintext, MutableBytes ciphertext,
                   MutableBytes tag) {
  if (const CK_RV rv = check_lengths(key, iv, aad, plaintext.size(), ciphertext.size());
      rv != CKR_OK)
    return rv;
  if (tag.size() < 12 || tag.size() > kGcmTagBytes) return CKR_MECHANISM_PARAM_INVALID;
  if (plaintext.size() > kGcmDataBytesMax) return CKR_DATA_LEN_RANGE;
  Lease lease(key);
  EVP_CIPHER_CTX* const context = lease.cipher(Keyed::kGcm);
  if (context == nullptr) return CKR_HOST_MEMORY;
  if (aead_seal(context, iv, aad, plaintext, ciphertext, tag)) return CKR_OK;
  lease.discard(Keyed::kGcm);
  wipe(ciphertext.data(), ciphertext.size());
  return CKR_FUNCTION_FAILED;
}

CK_RV aes_gcm_open(Key& key, Bytes iv, Bytes aad, Bytes ciphertext, Bytes tag,
                   MutableBytes plaintext) {
  if (const CK_RV rv = check_lengths(key, iv, aad, ciphertext.size(), plaintext.size());
      rv != CKR_OK)
    return rv;
  const bool short_tag = tag.size() == 4 || tag.size() == 8;  // SP 800-38D appendix C
  if (!short_tag && (tag.size() < 12 || tag.size() > kGcmTagBytes))
    return CKR_MECHANISM_PARAM_INVALID;
  if (ciphertext.size() > kGcmDataBytesMax) return CKR_ENCRYPTED_DATA_LEN_RANGE;
  Lease lease(key);
  EVP_CIPHER_CTX* const context = lease.cipher(Keyed::kGcm);
  if (context == nullptr) return CKR_HOST_MEMORY;
  switch (aead_open(context, iv, aad, ciphertext, tag, plaintext)) {
    case AeadOpened::kYes:
      return CKR_OK;
    case AeadOpened::kForged:
      return CKR_ENCRYPTED_DATA_INVALID;
    case AeadOpened::kFailed:
      break;
  }
  lease.discard(Keyed::kGcm);
  return CKR_FUNCTION_FAILED;
}

}  // namespace unchecked

CK_RV aes_gcm_seal(Key& key, Bytes iv, Bytes aad, Bytes plaintext, MutableBytes ciphertext,
                   MutableBytes tag) {
  const CK_RV rv = self_test::require(self_test::Algorithm::kAesGcm);
  return rv != CKR_OK ? rv : unchecked::aes_gcm_seal(key, iv, aad, plaintext, ciphertext, tag);
}

CK_RV aes_gcm_open(Key& key, Bytes iv, Bytes aad, Bytes ciphertext, Bytes tag,
                   MutableBytes plaintext) {
  const CK_RV rv = self_test::require(self_test::Algorithm::kAesGcm);
  return rv != CKR_OK ? rv : unchecked::aes_gcm_open(key, iv, aad, ciphertext, tag, plaintext);
}

}  // namespace strongroom::algorithms
