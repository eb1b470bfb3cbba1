// public_key_support.h: key pairs for the tests of public-key cryptography, and OpenSSL's default
// library context as the other party: it knows our keys by their encodings alone.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <optional>

#include "test/support.h"
#include "token/algorithms/asymmetric.h"

namespace strongroom::test {

using algorithms::Curve;
using algorithms::Hash;
using algorithms::PrivateKey;
using algorithms::PublicKey;

inline constexpr std::array kCurves = {Curve::kP256, Curve::kP384, Curve::kP521, Curve::kSecp256k1};
inline constexpr std::array kHashes = {Hash::kSha1, Hash::kSha224, Hash::kSha256, Hash::kSha384,
                                       Hash::kSha512};

struct FreeOpenSsl {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
using OpenSslKey = std::unique_ptr<EVP_PKEY, FreeOpenSsl>;
using OpenSslContext = std::unique_ptr<EVP_PKEY_CTX, FreeOpenSsl>;

// A key pair of each kind, generated once and shared by the tests of a process.
std::shared_ptr<PrivateKey> rsa_key(std::size_t bits);
std::shared_ptr<PrivateKey> ec_key(Curve curve);

std::shared_ptr<PrivateKey> private_key_of(Bytes pkcs8);  // null: refused
CK_RV read_private_key(Bytes pkcs8);

OpenSslKey openssl_key(const PrivateKey& key);  // from PKCS#8
OpenSslKey openssl_key(const PublicKey& key);   // from SubjectPublicKeyInfo
Buffer openssl_pkcs8(EVP_PKEY* key);
OpenSslKey openssl_generate(const char* group);  // an EC key

// How OpenSSL is to pad; ECDSA without either.
struct Padding {
  enum class Kind { kNone, kPkcs1, kPss, kOaep } kind = Kind::kNone;
  const char* mgf1 = nullptr;  // kPss, kOaep
  int salt_length = 0;         // kPss
  Buffer label = {};           // kOaep
};
// Over a message, hashed by OpenSSL; ECDSA signatures are DER.
bool openssl_verify(EVP_PKEY* key, const char* hash, const Padding& padding, const Buffer& message,
                    const Buffer& signature);
Buffer openssl_sign(EVP_PKEY* key, const char* hash, const Padding& padding, const Buffer& message);
Buffer openssl_encrypt(EVP_PKEY* key, const char* hash, const Padding& padding,
                       const Buffer& plaintext);
std::optional<Buffer> openssl_decrypt(EVP_PKEY* key, const char* hash, const Padding& padding,
                                      const Buffer& ciphertext);
Buffer openssl_digest(const char* hash, const Buffer& message);

// OpenSSL's name of a hash.
const char* openssl_name(Hash hash);

// r || s to and from DER, by OpenSSL.
Buffer to_der(const Buffer& fixed);
Buffer to_fixed(const Buffer& der, std::size_t field_length);

}  // namespace strongroom::test
