// ChaCha20-Poly1305: RFC 8439 section 2.8.
#include "token/algorithms/aead_context.h"
#include "token/algorithms/key.h"
#include "token/algorithms/unchecked.h"

namespace strongroom::algorithms {
namespace {

CK_RV check_lengths(const Key& key, Bytes iv, Bytes aad, Bytes in, MutableBytes out, Bytes tag) {
  if (key.value().size() != 32) return CKR_KEY_SIZE_RANGE;
  if (iv.size() != unchecked::kChaCha20NonceBytes || tag.size() != unchecked::kPoly1305TagBytes ||
      aad.size() > kGcmDataBytesMax)
    return CKR_MECHANISM_PARAM_INVALID;
  return in.size() == out.size() ? CKR_OK : CKR_ARGUMENTS_BAD;
}

}  // namespace

namespace unchecked {

CK_RV chacha20_poly1305_seal(Key& key, Bytes iv, Bytes aad, Bytes plaintext,
                             MutableBytes ciphertext, MutableBytes tag) {
  if (const CK_RV rv = check_lengths(key, iv, aad, plaintext, ciphertext, tag); rv != CKR_OK)
    return rv;
  if (plaintext.size() > kGcmDataBytesMax) return CKR_DATA_LEN_RANGE;
  Lease lease(key);
  EVP_CIPHER_CTX* const context = lease.cipher(Keyed::kChaCha20Poly1305);
  if (context == nullptr) return CKR_HOST_MEMORY;
  if (aead_seal(context, iv, aad, plaintext, ciphertext, tag)) return CKR_OK;
  lease.discard(Keyed::kChaCha20Poly1305);
  wipe(ciphertext.data(), ciphertext.size());
  return CKR_FUNCTION_FAILED;
}

CK_RV chacha20_poly1305_open(Key& key, Bytes iv, Bytes aad, Bytes ciphertext, Bytes tag,
                             MutableBytes plaintext) {
  if (const CK_RV rv = check_lengths(key, iv, aad, ciphertext, plaintext, tag); rv != CKR_OK)
    return rv;
  if (ciphertext.size() > kGcmDataBytesMax) return CKR_ENCRYPTED_DATA_LEN_RANGE;
  Lease lease(key);
  EVP_CIPHER_CTX* const context = lease.cipher(Keyed::kChaCha20Poly1305);
  if (context == nullptr) return CKR_HOST_MEMORY;
  const AeadOpened opened = aead_open(context, iv, aad, ciphertext, tag, plaintext);
  if (opened == AeadOpened::kYes) return CKR_OK;
  if (opened == AeadOpened::kForged) return CKR_ENCRYPTED_DATA_INVALID;
  lease.discard(Keyed::kChaCha20Poly1305);
  return CKR_FUNCTION_FAILED;
}

}  // namespace unchecked
}  // namespace strongroom::algorithms
