#include "token/algorithms/asymmetric.h"

#include "token/algorithms/asymmetric_key.h"
#include "token/no_wait.h"

namespace strongroom::algorithms {
namespace {

// Public exponents in use are F4; one of 64 bits costs four times as much. By measurement, with F4:
// 2048 bits take 14 us, 3072 bits 40, and 4096 bits 70, which is above 100 where caches are cold.
constexpr std::size_t kQuickExponentBytes = 3;
constexpr std::size_t kQuickModulusBits = 3072;

}  // namespace

// By measurement: P-256 and libsecp256k1 take tens of microseconds, the others hundreds and more.
bool is_slow(Curve curve) { return curve != Curve::kP256 && !by_libsecp256k1(curve); }

self_test::Algorithm ecdsa_test(Curve curve) {
  switch (curve) {
    case Curve::kP256:
      return self_test::Algorithm::kEcdsaP256;
    case Curve::kP384:
      return self_test::Algorithm::kEcdsaP384;
    case Curve::kP521:
      return self_test::Algorithm::kEcdsaP521;
    case Curve::kSecp256k1:
      break;
  }
  return self_test::Algorithm::kEcdsaSecp256k1;
}

bool is_slow(const PrivateKey& key) {
  const PublicKey& public_key = *key.public_key();
  return is_rsa(public_key) || is_slow(public_key.curve());
}

bool is_slow(const PublicKey& key) {
  if (!is_rsa(key)) return is_slow(key.curve());
  return key.exponent().size() > kQuickExponentBytes || key.bits() > kQuickModulusBits;
}

CK_RV make_public_key(Bytes info, std::shared_ptr<PublicKey>* out) {
  DecodedPublicKey key;
  if (!read_spki(info, &key)) return CKR_ATTRIBUTE_VALUE_INVALID;
  return key.type == CKK_RSA ? make_rsa_public_key(key.rsa.modulus, key.rsa.exponent, out)
                             : make_ec_public_key(key.ec.curve, key.ec.point, out);
}

CK_RV make_private_key(Secret value, std::shared_ptr<PrivateKey>* out) {
  DecodedPrivateKey key;
  if (!read_pkcs8(value.bytes(), &key)) return CKR_ATTRIBUTE_VALUE_INVALID;
  if (no_wait && (key.type == CKK_RSA || is_slow(key.ec.curve))) return CKR_STRONGROOM_BUSY;
  return key.type == CKK_RSA ? make_rsa_private_key(key.rsa, out)
                             : make_ec_private_key(key.ec, out);
}

}  // namespace strongroom::algorithms
