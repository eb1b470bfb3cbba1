// AES-GCM: NIST SP 800-38D.
#include "token/algorithms/gcm_context.h"
#include "token/algorithms/key.h"
#include "token/algorithms/unchecked.h"
#include "token/self_test/self_test.h"

namespace strongroom::algorithms {
namespace {

// A context keeps key and tables; each operation brings its IV. One context serves both directions:
// GCM uses the cipher's forward direction in both.
bool start(EVP_CIPHER_CTX* context, int sealing, Bytes iv) {
  const int iv_length = static_cast<int>(iv.size());
  if (EVP_CIPHER_CTX_get_iv_length(context) != iv_length &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, iv_length, nullptr) != 1)
    return false;
  return EVP_CipherInit_ex2(context, nullptr, nullptr, iv.data(), sealing, nullptr) == 1;
}

// out null: additional data.
bool update(EVP_CIPHER_CTX* context, std::uint8_t* out, Bytes in) {
  int written = 0;
  return in.empty() ||
         EVP_CipherUpdate(context, out, &written, in.data(), static_cast<int>(in.size())) == 1;
}

// GCM keeps nothing back, so the last step writes no data.
bool finish(EVP_CIPHER_CTX* context) {
  std::uint8_t nothing[EVP_MAX_BLOCK_LENGTH];
  int written = 0;
  return EVP_CipherFinal_ex(context, nothing, &written) == 1;
}

// What EVP_CTRL_AEAD_GET_TAG does in the end, without finding out what to do.
bool get_tag(EVP_CIPHER_CTX* context, MutableBytes tag) {
  OSSL_PARAM wanted[] = {
      OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag.data(), tag.size()),
      OSSL_PARAM_END,
  };
  return EVP_CIPHER_CTX_get_params(context, wanted) == 1;
}

CK_RV check_lengths(const Key& key, Bytes iv, Bytes aad, std::size_t input, std::size_t output) {
  const std::size_t key_length = key.value().size();
  if (key_length != 16 && key_length != 24 && key_length != 32) return CKR_KEY_SIZE_RANGE;
  if (iv.empty() || iv.size() > kGcmIvBytesMax || aad.size() > kGcmDataBytesMax)
    return CKR_MECHANISM_PARAM_INVALID;
  if (input != output) return CKR_ARGUMENTS_BAD;
  return CKR_OK;
}

}  // namespace

bool gcm_seal(EVP_CIPHER_CTX* context, Bytes iv, Bytes aad, Bytes plaintext,
              MutableBytes ciphertext, MutableBytes tag) {
  if (start(context, 1, iv) && update(context, nullptr, aad) &&
      update(context, ciphertext.data(), plaintext) && finish(context) && get_tag(context, tag))
    return true;
  ERR_clear_error();
  return false;
}

GcmOpened gcm_open(EVP_CIPHER_CTX* context, Bytes iv, Bytes aad, Bytes ciphertext, Bytes tag,
                   MutableBytes plaintext) {
  // EVP takes the expected tag through a pointer to non-const and only reads it.
  auto* const expected = const_cast<std::uint8_t*>(tag.data());
  const bool started = start(context, 0, iv) &&
                       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG,
                                           static_cast<int>(tag.size()), expected) == 1 &&
                       update(context, nullptr, aad) &&
                       update(context, plaintext.data(), ciphertext);
  if (started && finish(context)) return GcmOpened::kYes;
  // GCM decrypts before it checks.
  wipe(plaintext.data(), plaintext.size());
  ERR_clear_error();
  return started ? GcmOpened::kForged : GcmOpened::kFailed;
}

namespace unchecked {

CK_RV aes_gcm_seal(Key& key, Bytes iv, Bytes aad, Bytes plaintext, MutableBytes ciphertext,
                   MutableBytes tag) {
  if (const CK_RV rv = check_lengths(key, iv, aad, plaintext.size(), ciphertext.size());
      rv != CKR_OK)
    return rv;
  if (tag.size() < 12 || tag.size() > kGcmTagBytes) return CKR_MECHANISM_PARAM_INVALID;
  if (plaintext.size() > kGcmDataBytesMax) return CKR_DATA_LEN_RANGE;
  Lease lease(key);
  EVP_CIPHER_CTX* const context = lease.gcm();
  if (context == nullptr) return CKR_HOST_MEMORY;
  if (gcm_seal(context, iv, aad, plaintext, ciphertext, tag)) return CKR_OK;
  lease.discard_gcm();
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
  EVP_CIPHER_CTX* const context = lease.gcm();
  if (context == nullptr) return CKR_HOST_MEMORY;
  switch (gcm_open(context, iv, aad, ciphertext, tag, plaintext)) {
    case GcmOpened::kYes:
      return CKR_OK;
    case GcmOpened::kForged:
      return CKR_ENCRYPTED_DATA_INVALID;
    case GcmOpened::kFailed:
      break;
  }
  lease.discard_gcm();
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
