#include "test/public_key_support.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <map>

namespace strongroom::test {
namespace {

void set_padding(EVP_PKEY_CTX* context, const char* hash, const Padding& padding) {
  switch (padding.kind) {
    case Padding::Kind::kNone:
      break;
    case Padding::Kind::kPkcs1:
      ASSERT_EQ(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING), 1);
      break;
    case Padding::Kind::kPss:
      ASSERT_EQ(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING), 1);
      ASSERT_EQ(EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, padding.mgf1, nullptr), 1);
      ASSERT_EQ(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, padding.salt_length), 1);
      break;
    case Padding::Kind::kOaep: {
      ASSERT_EQ(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING), 1);
      ASSERT_EQ(EVP_PKEY_CTX_set_rsa_oaep_md_name(context, hash, nullptr), 1);
      ASSERT_EQ(EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, padding.mgf1, nullptr), 1);
      if (padding.label.empty()) break;
      void* const label = OPENSSL_memdup(padding.label.data(), padding.label.size());
      ASSERT_EQ(
          EVP_PKEY_CTX_set0_rsa_oaep_label(context, label, static_cast<int>(padding.label.size())),
          1);
      break;
    }
  }
}

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

std::shared_ptr<PrivateKey> rsa_key(std::size_t bits) {
  static std::map<std::size_t, std::shared_ptr<PrivateKey>> keys;
  auto& key = keys[bits];
  if (key == nullptr) {
    EXPECT_EQ(algorithms::generate_rsa_key(bits, &key), CKR_OK);
  }
  return key;
}

std::shared_ptr<PrivateKey> ec_key(Curve curve) {
  static std::map<Curve, std::shared_ptr<PrivateKey>> keys;
  auto& key = keys[curve];
  if (key == nullptr) {
    EXPECT_EQ(algorithms::generate_ec_key(curve, &key), CKR_OK);
  }
  return key;
}

std::shared_ptr<PrivateKey> private_key_of(Bytes pkcs8) {
  std::shared_ptr<PrivateKey> key;
  return algorithms::make_private_key(Secret(pkcs8), &key) == CKR_OK ? key : nullptr;
}

CK_RV read_private_key(Bytes pkcs8) {
  std::shared_ptr<PrivateKey> key;
  return algorithms::make_private_key(Secret(pkcs8), &key);
}

OpenSslKey openssl_key(const PrivateKey& key) {
  const unsigned char* at = key.value().data();
  return OpenSslKey(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(key.value().size())));
}

OpenSslKey openssl_key(const PublicKey& key) {
  const unsigned char* at = key.info().data();
  return OpenSslKey(d2i_PUBKEY(nullptr, &at, static_cast<long>(key.info().size())));
}

Buffer openssl_pkcs8(EVP_PKEY* key) {
  PKCS8_PRIV_KEY_INFO* const info = EVP_PKEY2PKCS8(key);
  unsigned char* encoded = nullptr;
  const int length = i2d_PKCS8_PRIV_KEY_INFO(info, &encoded);
  Buffer bytes(encoded, encoded + length);
  OPENSSL_free(encoded);
  PKCS8_PRIV_KEY_INFO_free(info);
  return bytes;
}

OpenSslKey openssl_generate(const char* group) {
  return OpenSslKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", group));
}

bool openssl_verify(EVP_PKEY* key, const char* hash, const Padding& padding, const Buffer& message,
                    const Buffer& signature) {
  const std::unique_ptr<EVP_MD_CTX, FreeDigest> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* inner = nullptr;
  EXPECT_EQ(EVP_DigestVerifyInit_ex(context.get(), &inner, hash, nullptr, nullptr, key, nullptr),
            1);
  set_padding(inner, hash, padding);
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

Buffer openssl_sign(EVP_PKEY* key, const char* hash, const Padding& padding,
                    const Buffer& message) {
  const std::unique_ptr<EVP_MD_CTX, FreeDigest> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* inner = nullptr;
  EXPECT_EQ(EVP_DigestSignInit_ex(context.get(), &inner, hash, nullptr, nullptr, key, nullptr), 1);
  set_padding(inner, hash, padding);
  Buffer signature(1024);
  std::size_t length = signature.size();
  EXPECT_EQ(
      EVP_DigestSign(context.get(), signature.data(), &length, message.data(), message.size()), 1);
  signature.resize(length);
  return signature;
}

Buffer openssl_encrypt(EVP_PKEY* key, const char* hash, const Padding& padding,
                       const Buffer& plaintext) {
  const OpenSslContext context(EVP_PKEY_CTX_new(key, nullptr));
  EXPECT_EQ(EVP_PKEY_encrypt_init(context.get()), 1);
  set_padding(context.get(), hash, padding);
  Buffer ciphertext(1024);
  std::size_t length = ciphertext.size();
  EXPECT_EQ(EVP_PKEY_encrypt(context.get(), ciphertext.data(), &length, plaintext.data(),
                             plaintext.size()),
            1);
  ciphertext.resize(length);
  return ciphertext;
}

std::optional<Buffer> openssl_decrypt(EVP_PKEY* key, const char* hash, const Padding& padding,
                                      const Buffer& ciphertext) {
  const OpenSslContext context(EVP_PKEY_CTX_new(key, nullptr));
  EXPECT_EQ(EVP_PKEY_decrypt_init(context.get()), 1);
  set_padding(context.get(), hash, padding);
  Buffer plaintext(1024);
  std::size_t length = plaintext.size();
  if (EVP_PKEY_decrypt(context.get(), plaintext.data(), &length, ciphertext.data(),
                       ciphertext.size()) != 1)
    return std::nullopt;
  plaintext.resize(length);
  return plaintext;
}

Buffer openssl_digest(const char* hash, const Buffer& message) {
  Buffer digest(EVP_MAX_MD_SIZE);
  std::size_t length = 0;
  EXPECT_EQ(
      EVP_Q_digest(nullptr, hash, nullptr, message.data(), message.size(), digest.data(), &length),
      1);
  digest.resize(length);
  return digest;
}

const char* openssl_name(Hash hash) {
  constexpr std::array kNames = {"SHA1", "SHA224", "SHA256", "SHA384", "SHA512"};
  return kNames[static_cast<std::size_t>(hash)];
}

Buffer to_der(const Buffer& fixed) {
  const auto half = static_cast<int>(fixed.size() / 2);
  ECDSA_SIG* const signature = ECDSA_SIG_new();
  EXPECT_EQ(ECDSA_SIG_set0(signature, BN_bin2bn(fixed.data(), half, nullptr),
                           BN_bin2bn(fixed.data() + half, half, nullptr)),
            1);
  unsigned char* encoded = nullptr;
  const int length = i2d_ECDSA_SIG(signature, &encoded);
  Buffer der(encoded, encoded + length);
  OPENSSL_free(encoded);
  ECDSA_SIG_free(signature);
  return der;
}

Buffer to_fixed(const Buffer& der, std::size_t field_length) {
  const unsigned char* at = der.data();
  ECDSA_SIG* const signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  EXPECT_NE(signature, nullptr);
  Buffer fixed(2 * field_length);
  const auto length = static_cast<int>(field_length);
  EXPECT_EQ(BN_bn2binpad(ECDSA_SIG_get0_r(signature), fixed.data(), length), length);
  EXPECT_EQ(BN_bn2binpad(ECDSA_SIG_get0_s(signature), fixed.data() + length, length), length);
  ECDSA_SIG_free(signature);
  return fixed;
}

}  // namespace strongroom::test
