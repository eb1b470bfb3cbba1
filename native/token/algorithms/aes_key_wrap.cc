// AES key wrap: NIST SP 800-38F sections 6.2 (RFC 3394), 6.3 with padding (RFC 5649).
#include <cstring>
#include <memory>

#include "token/algorithms/openssl.h"
#include "token/algorithms/unchecked.h"
#include "token/self_test/self_test.h"

namespace strongroom::algorithms {
namespace {

constexpr std::size_t kInputBytesMax = std::size_t{1} << 30;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

// Wrapping is rare, so its context is not kept with the key: made, used once, cleansed. Written:
// bytes in out, which has room for the longer of in and its result; negative: refused. iv empty:
// the standard's.
int wrap(Key& key, CipherMode mode, int wrapping, Bytes iv, Bytes in, MutableBytes out) {
  EVP_CIPHER* const cipher = cipher_for(mode, key.value().size());
  const std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context(EVP_CIPHER_CTX_new());
  if (context == nullptr) return -1;
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  int written = 0;
  if (EVP_CipherInit_ex2(context.get(), cipher, key.value().data(),
                         iv.empty() ? nullptr : iv.data(), wrapping, nullptr) == 1 &&
      EVP_CipherUpdate(context.get(), out.data(), &written, in.data(),
                       static_cast<int>(in.size())) == 1)
    return written;
  ERR_clear_error();
  return -1;
}

bool is_aes_key(const Key& key) {
  return cipher_for(CipherMode::kAesKwp, key.value().size()) != nullptr;
}

}  // namespace

std::size_t kwp_wrapped_length(std::size_t input_length) {
  return (input_length + kSemiblockBytes - 1) / kSemiblockBytes * kSemiblockBytes + kSemiblockBytes;
}

namespace unchecked {

CK_RV aes_kw_wrap(Key& key, Bytes iv, Bytes input, MutableBytes wrapped) {
  if (!is_aes_key(key)) return CKR_WRAPPING_KEY_SIZE_RANGE;
  if (iv.size() != kSemiblockBytes) return CKR_MECHANISM_PARAM_INVALID;
  if (input.size() < 2 * kSemiblockBytes || input.size() % kSemiblockBytes != 0 ||
      input.size() > kInputBytesMax)
    return CKR_DATA_LEN_RANGE;
  if (wrapped.size() != input.size() + kSemiblockBytes) return CKR_ARGUMENTS_BAD;
  const int written = wrap(key, CipherMode::kAesKw, 1, iv, input, wrapped);
  if (written == static_cast<int>(wrapped.size())) return CKR_OK;
  wipe(wrapped.data(), wrapped.size());
  return CKR_FUNCTION_FAILED;
}

CK_RV aes_kw_unwrap(Key& key, Bytes iv, Bytes wrapped, MutableBytes output) {
  if (!is_aes_key(key)) return CKR_UNWRAPPING_KEY_SIZE_RANGE;
  if (iv.size() != kSemiblockBytes) return CKR_MECHANISM_PARAM_INVALID;
  if (wrapped.size() < 3 * kSemiblockBytes || wrapped.size() % kSemiblockBytes != 0 ||
      wrapped.size() > kInputBytesMax)
    return CKR_WRAPPED_KEY_LEN_RANGE;
  if (output.size() != wrapped.size() - kSemiblockBytes) return CKR_ARGUMENTS_BAD;
  // EVP may write a semiblock more than what comes of it.
  Secret room(wrapped.size());
  if (!room) return CKR_HOST_MEMORY;
  const int written = wrap(key, CipherMode::kAesKw, 0, iv, wrapped, room.mutable_bytes());
  if (written != static_cast<int>(output.size())) return CKR_WRAPPED_KEY_INVALID;
  std::memcpy(output.data(), room.data(), output.size());
  return CKR_OK;
}

CK_RV aes_kwp_wrap(Key& key, Bytes input, MutableBytes wrapped) {
  if (!is_aes_key(key)) return CKR_WRAPPING_KEY_SIZE_RANGE;
  if (input.empty() || input.size() > kInputBytesMax) return CKR_DATA_LEN_RANGE;
  if (wrapped.size() != kwp_wrapped_length(input.size())) return CKR_ARGUMENTS_BAD;
  const int written = wrap(key, CipherMode::kAesKwp, 1, {}, input, wrapped);
  if (written == static_cast<int>(wrapped.size())) return CKR_OK;
  wipe(wrapped.data(), wrapped.size());
  return CKR_FUNCTION_FAILED;
}

CK_RV aes_kwp_unwrap(Key& key, Bytes wrapped, MutableBytes output, std::size_t* length) {
  *length = 0;
  if (!is_aes_key(key)) return CKR_UNWRAPPING_KEY_SIZE_RANGE;
  if (wrapped.size() < 2 * kSemiblockBytes || wrapped.size() % kSemiblockBytes != 0 ||
      wrapped.size() > kwp_wrapped_length(kInputBytesMax))
    return CKR_WRAPPED_KEY_LEN_RANGE;
  // The padding comes out with the key, so output may be shorter than what EVP writes.
  Secret padded(wrapped.size());
  if (!padded) return CKR_HOST_MEMORY;
  const int written = wrap(key, CipherMode::kAesKwp, 0, {}, wrapped, padded.mutable_bytes());
  if (written <= 0) return CKR_WRAPPED_KEY_INVALID;
  *length = static_cast<std::size_t>(written);
  if (output.size() < *length) return CKR_BUFFER_TOO_SMALL;
  std::memcpy(output.data(), padded.data(), *length);
  return CKR_OK;
}

}  // namespace unchecked

CK_RV aes_kw_wrap(Key& key, Bytes iv, Bytes input, MutableBytes wrapped) {
  const CK_RV rv = self_test::require(self_test::Algorithm::kAesKw);
  return rv != CKR_OK ? rv : unchecked::aes_kw_wrap(key, iv, input, wrapped);
}

CK_RV aes_kw_unwrap(Key& key, Bytes iv, Bytes wrapped, MutableBytes output) {
  const CK_RV rv = self_test::require(self_test::Algorithm::kAesKw);
  return rv != CKR_OK ? rv : unchecked::aes_kw_unwrap(key, iv, wrapped, output);
}

CK_RV aes_kwp_wrap(Key& key, Bytes input, MutableBytes wrapped) {
  const CK_RV rv = self_test::require(self_test::Algorithm::kAesKwp);
  return rv != CKR_OK ? rv : unchecked::aes_kwp_wrap(key, input, wrapped);
}

CK_RV aes_kwp_unwrap(Key& key, Bytes wrapped, MutableBytes output, std::size_t* length) {
  const CK_RV rv = self_test::require(self_test::Algorithm::kAesKwp);
  return rv != CKR_OK ? rv : unchecked::aes_kwp_unwrap(key, wrapped, output, length);
}

}  // namespace strongroom::algorithms
