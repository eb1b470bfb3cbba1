// The check value of an AES key. Asked for by people who compare keys, not on the way of any work,
// so it keeps no context.
#include <algorithm>
#include <memory>

#include "token/algorithms/algorithms.h"
#include "token/algorithms/openssl.h"
#include "token/self_test/self_test.h"

namespace strongroom::algorithms {
namespace {

struct Free {
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

const char* ecb_name(std::size_t key_length) {
  switch (key_length) {
    case 16:
      return "AES-128-ECB";
    case 24:
      return "AES-192-ECB";
    case 32:
      return "AES-256-ECB";
    default:
      return nullptr;
  }
}

}  // namespace

CK_RV aes_check_value(Key& key, std::span<std::uint8_t, kCheckValueBytes> out) {
  // GCM's test goes through the cipher's forward direction.
  if (const CK_RV rv = self_test::require(self_test::Algorithm::kAesGcm); rv != CKR_OK) return rv;
  const Library* const algorithms = library();
  const char* const name = ecb_name(key.value().size());
  if (name == nullptr) return CKR_KEY_SIZE_RANGE;
  if (algorithms == nullptr) return CKR_HOST_MEMORY;
  const std::unique_ptr<EVP_CIPHER, Free> cipher(
      EVP_CIPHER_fetch(algorithms->context, name, nullptr));
  const std::unique_ptr<EVP_CIPHER_CTX, Free> context(EVP_CIPHER_CTX_new());
  const std::uint8_t zeros[16] = {};
  std::uint8_t block[16 + EVP_MAX_BLOCK_LENGTH];
  int written = 0;
  const bool done =
      cipher != nullptr && context != nullptr &&
      EVP_EncryptInit_ex2(context.get(), cipher.get(), key.value().data(), nullptr, nullptr) == 1 &&
      EVP_EncryptUpdate(context.get(), block, &written, zeros, sizeof(zeros)) == 1;
  if (done) std::copy_n(block, kCheckValueBytes, out.begin());
  wipe(block, sizeof(block));
  ERR_clear_error();
  return done ? CKR_OK : CKR_HOST_MEMORY;
}

}  // namespace strongroom::algorithms
