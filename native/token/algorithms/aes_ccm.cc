// AES-CCM: NIST SP 800-38C, RFC 3610.
#include "token/algorithms/key.h"
#include "token/algorithms/unchecked.h"

namespace strongroom::algorithms {
namespace {

// EVP counts in int, and takes the whole message at once.
constexpr std::size_t kDataBytesMax = std::size_t{1} << 30;

CK_RV check_lengths(const Key& key, Bytes iv, Bytes aad, Bytes in, MutableBytes out, Bytes tag) {
  const std::size_t key_length = key.value().size();
  if (key_length != 16 && key_length != 24 && key_length != 32) return CKR_KEY_SIZE_RANGE;
  if (iv.size() < 7 || iv.size() > 13 || tag.size() < 4 || tag.size() > 16 || tag.size() % 2 != 0 ||
      aad.size() > kDataBytesMax)
    return CKR_MECHANISM_PARAM_INVALID;
  return in.size() == out.size() ? CKR_OK : CKR_ARGUMENTS_BAD;
}

// The longest message that the length field beside a nonce of this length can count: 15 - n bytes.
std::size_t longest(Bytes iv) {
  return iv.size() == 13 ? 0xFFFF : iv.size() == 12 ? 0xFFFFFF : kDataBytesMax;
}

// The lengths of nonce and tag go into the first block, which OpenSSL makes when it takes the key;
// so a context is keyed again where they have changed, and only then. expected: the tag to open
// with, null to seal.
bool start(EVP_CIPHER_CTX* context, Bytes key, Bytes iv, std::size_t tag_length,
           const std::uint8_t* expected) {
  const int iv_length = static_cast<int>(iv.size());
  const int tag_bytes = static_cast<int>(tag_length);
  const bool as_before = EVP_CIPHER_CTX_get_iv_length(context) == iv_length &&
                         EVP_CIPHER_CTX_get_tag_length(context) == tag_bytes;
  const int sealing = expected == nullptr ? 1 : 0;
  if (!as_before &&
      (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, iv_length, nullptr) != 1 ||
       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_bytes, nullptr) != 1))
    return false;
  // EVP takes the expected tag through a pointer to non-const and only reads it.
  if (expected != nullptr && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_bytes,
                                                 const_cast<std::uint8_t*>(expected)) != 1)
    return false;
  return EVP_CipherInit_ex2(context, nullptr, as_before ? nullptr : key.data(), iv.data(), sealing,
                            nullptr) == 1;
}

// Additional data, after the length of the message.
bool add_aad(EVP_CIPHER_CTX* context, Bytes aad, std::size_t message_length) {
  int written = 0;
  return EVP_CipherUpdate(context, nullptr, &written, nullptr, static_cast<int>(message_length)) ==
             1 &&
         (aad.empty() || EVP_CipherUpdate(context, nullptr, &written, aad.data(),
                                          static_cast<int>(aad.size())) == 1);
}

// The message, which must be given even where it is empty.
bool run(EVP_CIPHER_CTX* context, Bytes in, MutableBytes out) {
  std::uint8_t nowhere[1];
  int written = 0;
  return EVP_CipherUpdate(context, out.empty() ? nowhere : out.data(), &written, given(in.data()),
                          static_cast<int>(in.size())) == 1;
}

}  // namespace

namespace unchecked {

CK_RV aes_ccm_seal(Key& key, Bytes iv, Bytes aad, Bytes plaintext, MutableBytes ciphertext,
                   MutableBytes tag) {
  if (const CK_RV rv = check_lengths(key, iv, aad, plaintext, ciphertext, tag); rv != CKR_OK)
    return rv;
  if (plaintext.size() > longest(iv)) return CKR_DATA_LEN_RANGE;
  Lease lease(key);
  EVP_CIPHER_CTX* const context = lease.cipher(Keyed::kCcmSeal);
  if (context == nullptr) return CKR_HOST_MEMORY;
  if (start(context, key.value(), iv, tag.size(), nullptr) &&
      add_aad(context, aad, plaintext.size()) && run(context, plaintext, ciphertext) &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag.size()),
                          tag.data()) == 1)
    return CKR_OK;
  lease.discard(Keyed::kCcmSeal);
  wipe(ciphertext.data(), ciphertext.size());
  ERR_clear_error();
  return CKR_FUNCTION_FAILED;
}

CK_RV aes_ccm_open(Key& key, Bytes iv, Bytes aad, Bytes ciphertext, Bytes tag,
                   MutableBytes plaintext) {
  if (const CK_RV rv = check_lengths(key, iv, aad, ciphertext, plaintext, tag); rv != CKR_OK)
    return rv;
  if (ciphertext.size() > longest(iv)) return CKR_ENCRYPTED_DATA_LEN_RANGE;
  Lease lease(key);
  EVP_CIPHER_CTX* const context = lease.cipher(Keyed::kCcmOpen);
  if (context == nullptr) return CKR_HOST_MEMORY;
  const bool started = start(context, key.value(), iv, tag.size(), tag.data()) &&
                       add_aad(context, aad, ciphertext.size());
  if (started && run(context, ciphertext, plaintext)) return CKR_OK;
  // What a forged message left behind in the context is no basis for the next one.
  lease.discard(Keyed::kCcmOpen);
  wipe(plaintext.data(), plaintext.size());
  ERR_clear_error();
  return started ? CKR_ENCRYPTED_DATA_INVALID : CKR_FUNCTION_FAILED;
}

}  // namespace unchecked
}  // namespace strongroom::algorithms
