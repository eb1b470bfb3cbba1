#include "modules/evp.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "native/evp_support.h"

namespace strongroom::bench::evp {
namespace {

using CipherContext = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using Mac = Owned<EVP_MAC, EVP_MAC_free>;
using MacContext = Owned<EVP_MAC_CTX, EVP_MAC_CTX_free>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using Number = Owned<BIGNUM, BN_free>;
using Builder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Parameters = Owned<OSSL_PARAM, OSSL_PARAM_free>;

Key public_key(const char* type, OSSL_PARAM* parameters) {
  KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  require(context && EVP_PKEY_fromdata_init(context.get()) == 1 &&
              EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) == 1,
          "a public key");
  return Key(key);
}

KeyContext ready(EVP_PKEY* key, int (*init)(EVP_PKEY_CTX*)) {
  KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  require(context && init(context.get()) == 1, "a key context");
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    require(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 &&
                EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1,
            "RSA padding");
  }
  return context;
}

bool verifies(EVP_PKEY* key, const ByteString& digest, const ByteString& signature) {
  const KeyContext context = ready(key, EVP_PKEY_verify_init);
  return EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.data(),
                         digest.size()) == 1;
}

Subject signer(EVP_PKEY* made, const ByteString& digest) {
  require(made != nullptr, "a key pair");
  const std::shared_ptr<EVP_PKEY> key(made, EVP_PKEY_free);
  return {"EVP",
          [key, digest]() -> Operation {
            const std::shared_ptr<EVP_PKEY_CTX> context = ready(key.get(), EVP_PKEY_sign_init);
            return [context, key, digest](ByteString* output) {
              output->resize(512);
              std::size_t length = output->size();
              require(EVP_PKEY_sign(context.get(), output->data(), &length, digest.data(),
                                    digest.size()) == 1,
                      "a signature");
              output->resize(length);
            };
          },
          [key, digest](const ByteString& signature) {
            return verifies(key.get(), digest, signature);
          }};
}

}  // namespace

Operation gcm(const ByteString& key, const ByteString& iv, const ByteString& plaintext) {
  const std::shared_ptr<EVP_CIPHER_CTX> context = CipherContext(EVP_CIPHER_CTX_new());
  require(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), nullptr) == 1,
          "AES-256-GCM");
  return [context, iv, plaintext](ByteString* output) {
    output->resize(plaintext.size() + kTagBytes);
    int length = 0;
    require(EVP_EncryptInit_ex(context.get(), nullptr, nullptr, nullptr, iv.data()) == 1 &&
                EVP_EncryptUpdate(context.get(), output->data(), &length, plaintext.data(),
                                  static_cast<int>(plaintext.size())) == 1 &&
                EVP_EncryptFinal_ex(context.get(), output->data() + length, &length) == 1 &&
                EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                                    output->data() + plaintext.size()) == 1,
            "AES-256-GCM");
  };
}

Operation hmac(const ByteString& key, const ByteString& data) {
  const Mac mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  const std::shared_ptr<EVP_MAC_CTX> context = MacContext(EVP_MAC_CTX_new(mac.get()));
  char name[] = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                   OSSL_PARAM_construct_end()};
  require(context && EVP_MAC_init(context.get(), key.data(), key.size(), parameters) == 1, "HMAC");
  return [context, data](ByteString* output) {
    output->resize(kDigestBytes);
    std::size_t length = 0;
    // Without a key, EVP_MAC_init begins again with the one it has.
    require(EVP_MAC_init(context.get(), nullptr, 0, nullptr) == 1 &&
                EVP_MAC_update(context.get(), data.data(), data.size()) == 1 &&
                EVP_MAC_final(context.get(), output->data(), &length, output->size()) == 1,
            "HMAC");
  };
}

Subject ecdsa(const ByteString& digest) {
  return signer(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), digest);
}

Subject rsa(const ByteString& digest) {
  return signer(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}), digest);
}

bool ecdsa_verifies(const ByteString& point, const ByteString& digest, const ByteString& r_and_s) {
  char group[] = "P-256";
  // CKA_EC_POINT is an OCTET STRING of the point; its two bytes of DER are left out.
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(
          OSSL_PKEY_PARAM_PUB_KEY, const_cast<std::uint8_t*>(point.data()) + 2, point.size() - 2),
      OSSL_PARAM_construct_end()};
  const Key key = public_key("EC", parameters);
  const int half = static_cast<int>(r_and_s.size() / 2);
  const Owned<ECDSA_SIG, ECDSA_SIG_free> pair(ECDSA_SIG_new());
  require(ECDSA_SIG_set0(pair.get(), BN_bin2bn(r_and_s.data(), half, nullptr),
                         BN_bin2bn(r_and_s.data() + half, half, nullptr)) == 1,
          "r and s");
  ByteString der(static_cast<std::size_t>(i2d_ECDSA_SIG(pair.get(), nullptr)));
  std::uint8_t* end = der.data();
  i2d_ECDSA_SIG(pair.get(), &end);
  return verifies(key.get(), digest, der);
}

bool rsa_verifies(const ByteString& modulus, const ByteString& exponent, const ByteString& digest,
                  const ByteString& signature) {
  const Number n(BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr));
  const Number e(BN_bin2bn(exponent.data(), static_cast<int>(exponent.size()), nullptr));
  const Builder builder(OSSL_PARAM_BLD_new());
  require(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
              OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1,
          "a public key");
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const Key key = public_key("RSA", parameters.get());
  return verifies(key.get(), digest, signature);
}

}  // namespace strongroom::bench::evp
