#include "evp_loops.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <array>
#include <cstring>

#include "evp_support.h"

namespace strongroom::bench::evp {
namespace {

constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kDigestBytes = 32;

using Cipher = Owned<EVP_CIPHER, EVP_CIPHER_free>;
using CipherContext = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using Mac = Owned<EVP_MAC, EVP_MAC_free>;
using MacContext = Owned<EVP_MAC_CTX, EVP_MAC_CTX_free>;
using Rand = Owned<EVP_RAND, EVP_RAND_free>;
using RandContext = Owned<EVP_RAND_CTX, EVP_RAND_CTX_free>;

CipherContext gcm_context(const std::uint8_t* key) {
  const Cipher cipher(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr));
  CipherContext context(EVP_CIPHER_CTX_new());
  require(cipher && context &&
              EVP_EncryptInit_ex2(context.get(), cipher.get(), key, nullptr, nullptr) == 1,
          "AES-256-GCM");
  return context;
}

// key null: the one the context has.
void gcm(EVP_CIPHER_CTX* context, const std::uint8_t* key, const std::uint8_t* iv, Input aad,
         Input data, std::uint8_t* ciphertext, std::uint8_t* tag) {
  int written = 0;
  const bool good = EVP_EncryptInit_ex2(context, nullptr, key, iv, nullptr) == 1 &&
                    EVP_EncryptUpdate(context, nullptr, &written, aad.data(),
                                      static_cast<int>(aad.size())) == 1 &&
                    EVP_EncryptUpdate(context, ciphertext, &written, data.data(),
                                      static_cast<int>(data.size())) == 1 &&
                    EVP_EncryptFinal_ex(context, tag, &written) == 1 &&
                    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag) == 1;
  require(good, "GCM");
}

MacContext hmac_context(Input key) {
  const Mac mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  MacContext context(EVP_MAC_CTX_new(mac.get()));
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end(),
  };
  require(mac && context && EVP_MAC_init(context.get(), key.data(), key.size(), parameters) == 1,
          "HMAC-SHA-256");
  return context;
}

void hmac(EVP_MAC_CTX* context, std::initializer_list<Input> pieces, std::uint8_t* out) {
  bool good = EVP_MAC_init(context, nullptr, 0, nullptr) == 1;
  for (const Input piece : pieces)
    good = good && EVP_MAC_update(context, piece.data(), piece.size()) == 1;
  std::size_t written = 0;
  require(good && EVP_MAC_final(context, out, &written, kDigestBytes) == 1, "HMAC");
}

// A generator of our own below the process's primary one, as a token has one.
class Generator {
 public:
  Generator() {
    const Rand method(EVP_RAND_fetch(nullptr, "CTR-DRBG", nullptr));
    context_.reset(EVP_RAND_CTX_new(method.get(), RAND_get0_primary(nullptr)));
    char cipher[] = "AES-256-CTR";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_DRBG_PARAM_CIPHER, cipher, 0),
        OSSL_PARAM_construct_end(),
    };
    require(context_ && EVP_RAND_instantiate(context_.get(), 256, 0, nullptr, 0, parameters) == 1,
            "CTR-DRBG");
  }

  void generate(Output out) {
    require(EVP_RAND_generate(context_.get(), out.data(), out.size(), 256, 0, nullptr, 0) == 1,
            "EVP_RAND_generate");
  }

  void take_from_stock(Output out) {
    if (available_ < out.size()) {
      generate(stock_);
      available_ = stock_.size();
    }
    std::memcpy(out.data(), stock_.data() + stock_.size() - available_, out.size());
    available_ -= out.size();
  }

 private:
  RandContext context_;
  std::array<std::uint8_t, 4096> stock_{};
  std::size_t available_ = 0;
};

}  // namespace

void gcm_seal(std::size_t count, Input key, Input iv, Input aad, Input data, Output out) {
  require(key.size() == 32 && iv.size() == 12 && out.size() == data.size() + kTagBytes, "lengths");
  const CipherContext context = gcm_context(key.data());
  for (std::size_t i = 0; i < count; ++i)
    gcm(context.get(), nullptr, iv.data(), aad, data, out.data(), out.data() + data.size());
}

void hmac_sha256(std::size_t count, Input key, Input data, Output out) {
  require(out.size() == kDigestBytes, "lengths");
  const MacContext context = hmac_context(key);
  for (std::size_t i = 0; i < count; ++i) hmac(context.get(), {data}, out.data());
}

void random(std::size_t count, Output out) {
  Generator generator;
  for (std::size_t i = 0; i < count; ++i) generator.generate(out);
}

void buffered_random(std::size_t count, Output out) {
  require(out.size() <= 4096, "lengths");
  Generator generator;
  for (std::size_t i = 0; i < count; ++i) generator.take_from_stock(out);
}

void derive_seal(std::size_t count, Input key, Input aad, Input data, Output out) {
  constexpr std::size_t kNonceBytes = 28;
  constexpr std::size_t kContextBytes = 16;
  constexpr std::size_t kRandomBytes = 32;
  require(key.size() == 32 && out.size() == kNonceBytes + kTagBytes + data.size(), "lengths");
  const MacContext mac = hmac_context(key);
  const CipherContext cipher = gcm_context(key.data());
  Generator generator;

  std::array<std::uint8_t, 8 + kRandomBytes + 8> hedge{'S', 'R', ' ', 'h', 'e', 'd', 'g', 'e'};
  for (std::size_t i = 0; i < 8; ++i)
    hedge[hedge.size() - 1 - i] = static_cast<std::uint8_t>(std::uint64_t{aad.size()} >> (8 * i));
  // Counter 1, label of 14 bytes, 00, context, L = 256.
  std::array<std::uint8_t, 4 + 15 + kContextBytes + 4> kdf{0, 0, 0, 1};
  std::memcpy(kdf.data() + 4, "SR message key", 14);
  kdf[kdf.size() - 2] = 1;

  std::array<std::uint8_t, kDigestBytes> digest{};
  std::array<std::uint8_t, kDigestBytes> message_key{};
  std::uint8_t* const tag = out.data() + kNonceBytes;
  for (std::size_t i = 0; i < count; ++i) {
    generator.take_from_stock({hedge.data() + 8, kRandomBytes});
    hmac(mac.get(), {hedge, aad, data}, digest.data());
    std::memcpy(out.data(), digest.data(), kNonceBytes);
    std::memcpy(kdf.data() + 19, out.data(), kContextBytes);
    hmac(mac.get(), {kdf}, message_key.data());
    gcm(cipher.get(), message_key.data(), out.data() + kContextBytes, aad, data, tag + kTagBytes,
        tag);
  }
}

}  // namespace strongroom::bench::evp
