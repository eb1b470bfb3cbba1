#include "token/algorithms/openssl.h"

#include <openssl/provider.h>

#include <string>

#include "token/algorithms/random_provider.h"

namespace strongroom::algorithms {
namespace {

// Before and after the bits of the key.
struct CipherName {
  const char* before;
  const char* after;  // null: the name is complete, and the key has 256 bits
};
// By CipherMode.
constexpr std::array<CipherName, static_cast<std::size_t>(CipherMode::kCount)> kCipherNames = {{
    {"AES-", "-ECB"},
    {"AES-", "-CBC"},
    {"AES-", "-CTR"},
    {"AES-", "-GCM"},
    {"AES-", "-CCM"},
    {"AES-", "-WRAP"},
    {"AES-", "-WRAP-PAD"},
    {"ChaCha20", nullptr},
    {"ChaCha20-Poly1305", nullptr},
}};

bool fetch(OSSL_LIB_CTX* context, const CipherName& name, std::array<EVP_CIPHER*, 3>* out) {
  static constexpr std::array<const char*, 3> kBits = {"128", "192", "256"};
  for (std::size_t i = name.after == nullptr ? 2 : 0; i < kBits.size(); ++i) {
    const std::string full =
        name.after == nullptr ? name.before : name.before + std::string(kBits[i]) + name.after;
    (*out)[i] = EVP_CIPHER_fetch(context, full.c_str(), nullptr);
    if ((*out)[i] == nullptr) return false;
  }
  return true;
}

const Library* fetch_all() {
  OSSL_LIB_CTX* context = OSSL_LIB_CTX_new();
  if (context == nullptr || OSSL_PROVIDER_load(context, "default") == nullptr ||
      !use_token_drbg(context))
    return nullptr;
  const auto hash = [&](Hash which) { return EVP_MD_fetch(context, name_of(which), nullptr); };
  auto* made = new Library{
      .context = context,
      .ciphers = {},
      .hashes = {hash(Hash::kSha1), hash(Hash::kSha224), hash(Hash::kSha256), hash(Hash::kSha384),
                 hash(Hash::kSha512)},
      .pbkdf2 = EVP_KDF_fetch(context, "PBKDF2", nullptr),
      .ctr_drbg = EVP_RAND_fetch(context, "CTR-DRBG", nullptr),
      .seed_source = EVP_RAND_fetch(context, "SEED-SRC", nullptr),
      .fixed_source = EVP_RAND_fetch(context, "TEST-RAND", nullptr),
  };
  for (std::size_t i = 0; i < kCipherNames.size(); ++i)
    if (!fetch(context, kCipherNames[i], &made->ciphers[i])) return nullptr;
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

EVP_CIPHER* cipher_for(CipherMode mode, std::size_t key_length) {
  const Library* const algorithms = library();
  if (algorithms == nullptr || key_length % 8 != 0 || key_length < 16 || key_length > 32)
    return nullptr;
  return algorithms->ciphers[static_cast<std::size_t>(mode)][key_length / 8 - 2];
}

}  // namespace strongroom::algorithms
