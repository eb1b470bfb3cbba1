// asymmetric_key.h: what stands behind PublicKey and PrivateKey, for the files of algorithms/. The
// functions of asymmetric.h make all of them, so a key of CKK_RSA is one of the Rsa classes here
// and one of CKK_EC one of the Ec classes.
#pragma once

#include <vector>

#include "token/algorithms/asymmetric.h"
#include "token/algorithms/curves.h"
#include "token/algorithms/evp_key.h"
#include "token/algorithms/key_encoding.h"
#include "token/algorithms/secp256k1.h"
#include "token/self_test/self_test.h"

namespace strongroom::algorithms {

inline constexpr std::size_t kModulusBitsMin = 2048;  // FIPS 186-5 5.1
inline constexpr std::size_t kModulusBitsMax = 4096;
inline constexpr std::size_t kModulusBytesMax = kModulusBitsMax / 8;

class RsaPublicKey final : public PublicKey {
 public:
  // @throws std::bad_alloc
  RsaPublicKey(const RsaPublicNumbers& numbers, OwnedPkey key);
  CK_KEY_TYPE type() const override { return CKK_RSA; }
  std::size_t bits() const override { return bits_; }
  Bytes info() const override { return info_; }
  Bytes modulus() const override { return modulus_; }
  Bytes exponent() const override { return exponent_; }
  Bytes point() const override { return {}; }
  Curve curve() const override { return Curve::kP256; }  // of no meaning

  EvpKey& evp() { return evp_; }

 private:
  EvpKey evp_;
  std::vector<std::uint8_t> modulus_, exponent_, info_;
  std::size_t bits_;
};

class EcPublicKey final : public PublicKey {
 public:
  // key: null where libsecp256k1 does the work, with parsed. @throws std::bad_alloc
  EcPublicKey(Curve curve, Bytes point, OwnedPkey key, const secp256k1::Point& parsed);
  CK_KEY_TYPE type() const override { return CKK_EC; }
  std::size_t bits() const override { return facts(curve_).bits; }
  Bytes info() const override { return info_; }
  Bytes modulus() const override { return {}; }
  Bytes exponent() const override { return {}; }
  Bytes point() const override { return point_; }
  Curve curve() const override { return curve_; }

  EvpKey& evp() { return evp_; }
  const secp256k1::Point& parsed() const { return parsed_; }

 private:
  EvpKey evp_;
  Curve curve_;
  secp256k1::Point parsed_;
  std::vector<std::uint8_t> point_, info_;
};

// RSA or EC. key: null where libsecp256k1 does the work. scalar: of EC, inside value.
class PrivateKeyWithContexts final : public PrivateKey {
 public:
  PrivateKeyWithContexts(std::shared_ptr<PublicKey> public_key, Secret value, Bytes scalar,
                         OwnedPkey key);
  const std::shared_ptr<PublicKey>& public_key() const override { return public_key_; }
  Bytes value() const override { return value_.bytes(); }

  EvpKey& evp() { return evp_; }
  Bytes scalar() const { return scalar_; }

 private:
  EvpKey evp_;
  std::shared_ptr<PublicKey> public_key_;
  Secret value_;
  Bytes scalar_;
};

// Does one operation with a key on this curve take longer than an event loop should wait?
bool is_slow(Curve curve);

// The self-test of ECDSA on a curve.
self_test::Algorithm ecdsa_test(Curve curve);

inline bool is_rsa(const PublicKey& key) { return key.type() == CKK_RSA; }
inline bool by_libsecp256k1(Curve curve) {
  return secp256k1::kBuiltIn && curve == Curve::kSecp256k1;
}
inline RsaPublicKey& as_rsa(PublicKey& key) { return static_cast<RsaPublicKey&>(key); }
inline EcPublicKey& as_ec(PublicKey& key) { return static_cast<EcPublicKey&>(key); }
inline PrivateKeyWithContexts& with_contexts(PrivateKey& key) {
  return static_cast<PrivateKeyWithContexts&>(key);
}

// From numbers that were read; the two halves of make_private_key.
CK_RV make_rsa_private_key(const RsaNumbers& numbers, std::shared_ptr<PrivateKey>* out);
CK_RV make_ec_private_key(const EcNumbers& numbers, std::shared_ptr<PrivateKey>* out);

}  // namespace strongroom::algorithms
