#include "token/algorithms/openssl.h"

#include <openssl/provider.h>

#include "token/algorithms/random_provider.h"

namespace strongroom::algorithms {
namespace {

const Library* fetch_all() {
  OSSL_LIB_CTX* context = OSSL_LIB_CTX_new();
  if (context == nullptr || OSSL_PROVIDER_load(context, "default") == nullptr ||
      !use_token_drbg(context))
    return nullptr;
  const auto cipher = [&](const char* name) { return EVP_CIPHER_fetch(context, name, nullptr); };
  const auto hash = [&](Hash which) { return EVP_MD_fetch(context, name_of(which), nullptr); };
  const auto* made = new Library{
      .context = context,
      .gcm = {cipher("AES-128-GCM"), cipher("AES-192-GCM"), cipher("AES-256-GCM")},
      .kwp = {cipher("AES-128-WRAP-PAD"), cipher("AES-192-WRAP-PAD"), cipher("AES-256-WRAP-PAD")},
      .hashes = {hash(Hash::kSha1), hash(Hash::kSha224), hash(Hash::kSha256), hash(Hash::kSha384),
                 hash(Hash::kSha512)},
      .pbkdf2 = EVP_KDF_fetch(context, "PBKDF2", nullptr),
      .ctr_drbg = EVP_RAND_fetch(context, "CTR-DRBG", nullptr),
      .seed_source = EVP_RAND_fetch(context, "SEED-SRC", nullptr),
      .fixed_source = EVP_RAND_fetch(context, "TEST-RAND", nullptr),
  };
  for (std::size_t i = 0; i < 3; ++i)
    if (made->gcm[i] == nullptr || made->kwp[i] == nullptr) return nullptr;
  for (const EVP_MD* const fetched : made->hashes)
    if (fetched == nullptr) return nullptr;
  const bool complete = made->pbkdf2 != nullptr && made->ctr_drbg != nullptr &&
                        made->seed_source != nullptr && made->fixed_source != nullptr;
  return complete ? made : nullptr;
}

}  // namespace

const Library* library() {
  static const Library* const fetched = fetch_all();
  return fetched;
}

const char* name_of(Hash hash) {
  static constexpr std::array<const char*, kHashCount> kNames = {"SHA1", "SHA224", "SHA256",
                                                                 "SHA384", "SHA512"};
  return kNames[static_cast<std::size_t>(hash)];
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
