#include "token/self_test/pairwise.h"

#include <array>

#include "token/self_test/registry.h"

namespace strongroom::self_test {
namespace {

using algorithms::PrivateKey;

constexpr std::size_t kSignatureBytesMax = 512;  // RSA 4096

CK_RV sign_and_verify(PrivateKey& key, bool corrupt) {
  std::array<std::uint8_t, kSignatureBytesMax> room;
  std::array<std::uint8_t, 32> digest;
  digest.fill(0x5a);
  algorithms::PublicKey& public_key = *key.public_key();
  const bool rsa = public_key.type() == CKK_RSA;
  const std::size_t length =
      rsa ? public_key.modulus().size() : 2 * algorithms::field_length(public_key.curve());
  const MutableBytes signature(room.data(), length);
  const CK_RV rv = rsa ? algorithms::rsa_pkcs1_sign(key, digest, signature)
                       : algorithms::ecdsa_sign(key, digest, signature);
  if (rv != CKR_OK) return rv;
  if (corrupt) signature[length / 2] ^= 1;
  return rsa ? algorithms::rsa_pkcs1_verify(public_key, digest, signature)
             : algorithms::ecdsa_verify(public_key, digest, signature);
}

}  // namespace

CK_RV pairwise(PrivateKey& key) {
  const Test test = key.public_key()->type() == CKK_RSA ? Test::kRsaPairwise : Test::kEcPairwise;
  const CK_RV rv = sign_and_verify(key, take_fault(test));
  if (rv == CKR_OK) record(test, true);
  if (rv != CKR_SIGNATURE_INVALID && rv != CKR_FUNCTION_FAILED) return rv;
  enter_error_state(test);
  return CKR_FIPS_SELF_TEST_FAILED;
}

}  // namespace strongroom::self_test
