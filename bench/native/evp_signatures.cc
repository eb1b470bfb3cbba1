#include "evp_signatures.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <array>

#include "cryptoki/constants.h"
#include "evp_support.h"

namespace strongroom::bench::evp {
namespace {

constexpr int kDigestBytes = 32;
constexpr std::size_t kDerBytesMax = 80;  // of r and s of 32 bytes each

using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using Digest = Owned<EVP_MD, EVP_MD_free>;
using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using Numbers = Owned<ECDSA_SIG, ECDSA_SIG_free>;

Key read_private_key(Input der) {
  const unsigned char* at = der.data();
  return Key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(der.size())));
}

Key read_public_key(Input der) {
  const unsigned char* at = der.data();
  return Key(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
}

KeyContext context_of(const Key& key) {
  KeyContext context(key ? EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr) : nullptr);
  require(context != nullptr, "the key");
  return context;
}

// After EVP_PKEY_sign_init or EVP_PKEY_verify_init.
void set_padding(EVP_PKEY_CTX* context, std::uint64_t mechanism) {
  if (mechanism == CKM_ECDSA_SHA256) return;
  const bool pss = mechanism == CKM_SHA256_RSA_PKCS_PSS;
  const int padding = pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
  require((pss || mechanism == CKM_SHA256_RSA_PKCS) &&
              EVP_PKEY_CTX_set_rsa_padding(context, padding) == 1 &&
              EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
              (!pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(context, kDigestBytes) == 1),
          "the padding");
}

class Sha256 {
 public:
  Sha256() : digest_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {
    require(digest_ && context_, "SHA-256");
  }

  Input of(Input data) {
    require(EVP_DigestInit_ex2(context_.get(), digest_.get(), nullptr) == 1 &&
                EVP_DigestUpdate(context_.get(), data.data(), data.size()) == 1 &&
                EVP_DigestFinal_ex(context_.get(), value_.data(), nullptr) == 1,
            "SHA-256");
    return value_;
  }

 private:
  Digest digest_;
  DigestContext context_;
  std::array<std::uint8_t, kDigestBytes> value_{};
};

// SEQUENCE { r, s }, which EVP speaks, as r || s.
void from_der(Input encoded, Output signature) {
  const unsigned char* at = encoded.data();
  const Numbers numbers(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(encoded.size())));
  const int half = static_cast<int>(signature.size() / 2);
  require(numbers &&
              BN_bn2binpad(ECDSA_SIG_get0_r(numbers.get()), signature.data(), half) == half &&
              BN_bn2binpad(ECDSA_SIG_get0_s(numbers.get()), signature.data() + half, half) == half,
          "r and s");
}

Input to_der(Input signature, std::array<std::uint8_t, kDerBytesMax>& room) {
  const int half = static_cast<int>(signature.size() / 2);
  const Numbers numbers(ECDSA_SIG_new());
  unsigned char* at = room.data();
  require(numbers && signature.size() == 2 * kDigestBytes &&
              ECDSA_SIG_set0(numbers.get(), BN_bin2bn(signature.data(), half, nullptr),
                             BN_bin2bn(signature.data() + half, half, nullptr)) == 1,
          "r and s");
  const int length = i2d_ECDSA_SIG(numbers.get(), &at);
  require(length > 0, "r and s");
  return {room.data(), static_cast<std::size_t>(length)};
}

}  // namespace

void sign(std::size_t count, std::uint64_t mechanism, Input private_key, Input data, Output out) {
  const Key key = read_private_key(private_key);
  const KeyContext context = context_of(key);
  require(EVP_PKEY_sign_init(context.get()) == 1, "to sign");
  set_padding(context.get(), mechanism);
  Sha256 sha256;
  std::array<std::uint8_t, kDerBytesMax> encoded{};
  const Output made = mechanism == CKM_ECDSA_SHA256 ? Output(encoded) : out;
  for (std::size_t i = 0; i < count; ++i) {
    const Input digest = sha256.of(data);
    std::size_t length = made.size();
    require(EVP_PKEY_sign(context.get(), made.data(), &length, digest.data(), digest.size()) == 1,
            "to sign");
    if (mechanism == CKM_ECDSA_SHA256) from_der(made.first(length), out);
  }
}

void verify(std::size_t count, std::uint64_t mechanism, Input public_key, Input data,
            Input signature, Output verdict) {
  const Key key = read_public_key(public_key);
  const KeyContext context = context_of(key);
  require(verdict.size() == 1 && EVP_PKEY_verify_init(context.get()) == 1, "to verify");
  set_padding(context.get(), mechanism);
  Sha256 sha256;
  std::array<std::uint8_t, kDerBytesMax> encoded{};
  for (std::size_t i = 0; i < count; ++i) {
    const Input digest = sha256.of(data);
    const Input given = mechanism == CKM_ECDSA_SHA256 ? to_der(signature, encoded) : signature;
    verdict[0] = EVP_PKEY_verify(context.get(), given.data(), given.size(), digest.data(),
                                 digest.size()) == 1
                     ? 1
                     : 0;
  }
}

}  // namespace strongroom::bench::evp
