#include "token/algorithms/openssl.h"

#include <openssl/provider.h>

namespace strongroom::algorithms {
namespace {

const Library* fetch_all() {
  OSSL_LIB_CTX* context = OSSL_LIB_CTX_new();
  if (context == nullptr || OSSL_PROVIDER_load(context, "default") == nullptr) return nullptr;
  const auto cipher = [&](const char* name) { return EVP_CIPHER_fetch(context, name, nullptr); };
  const auto* made = new Library{
      .context = context,
      .gcm = {cipher("AES-128-GCM"), cipher("AES-192-GCM"), cipher("AES-256-GCM")},
      .kwp = {cipher("AES-128-WRAP-PAD"), cipher("AES-192-WRAP-PAD"), cipher("AES-256-WRAP-PAD")},
      .sha256 = EVP_MD_fetch(context, "SHA256", nullptr),
      .pbkdf2 = EVP_KDF_fetch(context, "PBKDF2", nullptr),
      .ctr_drbg = EVP_RAND_fetch(context, "CTR-DRBG", nullptr),
      .seed_source = EVP_RAND_fetch(context, "SEED-SRC", nullptr),
      .fixed_source = EVP_RAND_fetch(context, "TEST-RAND", nullptr),
  };
  for (std::size_t i = 0; i < 3; ++i)
    if (made->gcm[i] == nullptr || made->kwp[i] == nullptr) return nullptr;
  const bool complete = made->sha256 != nullptr && made->pbkdf2 != nullptr &&
                        made->ctr_drbg != nullptr && made->seed_source != nullptr &&
                        made->fixed_source != nullptr;
  return complete ? made : nullptr;
}

}  // namespace

const Library* library() {
  static const Library* const fetched = fetch_all();
  return fetched;
}

EVP_CIPHER* for_key_length(const std::array<EVP_CIPHER*, 3>& family, std::size_t key_length) {
  switch (key_length) {
    case 16:
      return family[0];
    case 24:
      return family[1];
    case 32:
      return family[2];
    default:
      return nullptr;
  }
}

}  // namespace strongroom::algorithms
