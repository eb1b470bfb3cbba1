// One authenticated encryption on a context that keeps its key.
#include "token/algorithms/aead_context.h"

namespace strongroom::algorithms {
namespace {

// A context keeps key and tables; each operation brings its IV. One context serves both directions:
// these ciphers use their forward direction in both.
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

// These ciphers keep nothing back, so the last step writes no data.
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

}  // namespace

bool aead_start_sealing(EVP_CIPHER_CTX* context, Bytes iv, Bytes aad) {
  return start(context, 1, iv) && update(context, nullptr, aad);
}

bool aead_finish_sealing(EVP_CIPHER_CTX* context, MutableBytes tag) {
  return finish(context) && get_tag(context, tag);
}

bool aead_seal(EVP_CIPHER_CTX* context, Bytes iv, Bytes aad, Bytes plaintext,
               MutableBytes ciphertext, MutableBytes tag) {
  if (aead_start_sealing(context, iv, aad) && update(context, ciphertext.data(), plaintext) &&
      aead_finish_sealing(context, tag))
    return true;
  ERR_clear_error();
  return false;
}

AeadOpened aead_open(EVP_CIPHER_CTX* context, Bytes iv, Bytes aad, Bytes ciphertext, Bytes tag,
                     MutableBytes plaintext) {
  // EVP takes the expected tag through a pointer to non-const and only reads it.
  auto* const expected = const_cast<std::uint8_t*>(tag.data());
  const bool started = start(context, 0, iv) &&
                       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG,
                                           static_cast<int>(tag.size()), expected) == 1 &&
                       update(context, nullptr, aad) &&
                       update(context, plaintext.data(), ciphertext);
  if (started && finish(context)) return AeadOpened::kYes;
  // They decrypt before they check.
  wipe(plaintext.data(), plaintext.size());
  ERR_clear_error();
  return started ? AeadOpened::kForged : AeadOpened::kFailed;
}

}  // namespace strongroom::algorithms
