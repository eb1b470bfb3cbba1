// Elliptic-curve keys: making them from their numbers and generating them (FIPS 186-5 A.2).
#include <algorithm>
#include <bit>
#include <new>

#include "token/algorithms/asymmetric_key.h"
#include "token/algorithms/random_provider.h"
#include "token/drbg/drbg.h"
#include "token/no_wait.h"
#include "token/self_test/pairwise.h"
#include "token/self_test/self_test.h"

namespace strongroom::algorithms {
namespace {

constexpr std::uint8_t kUncompressed = 0x04;  // SEC 1 2.3.3

// scalar empty: the public key. Null: OpenSSL refuses it, or out of memory.
OwnedPkey import_numbers(const EcNumbers& key) {
  Secret native;
  std::array<OSSL_PARAM, 4> list;
  std::size_t count = 0;
  list[count++] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                                   const_cast<char*>(facts(key.curve).group), 0);
  list[count++] = OSSL_PARAM_construct_octet_string(
      OSSL_PKEY_PARAM_PUB_KEY, const_cast<std::uint8_t*>(key.point.data()), key.point.size());
  if (!key.scalar.empty()) {
    native = Secret(key.scalar);
    if (!native) return nullptr;
    if constexpr (std::endian::native == std::endian::little)
      std::ranges::reverse(native.mutable_bytes());
    list[count++] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native.data(), native.size());
  }
  list[count] = OSSL_PARAM_construct_end();
  return import_key("EC", key.scalar.empty() ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR, list.data());
}

// A scalar in [1, order - 1] by rejection (A.2.2): the candidates are as long as the order, so all
// but P-521's are nearly always good, and P-521's are cut to its bits.
CK_RV random_scalar(Curve curve, MutableBytes scalar, MutableBytes point) {
  for (;;) {
    if (const CK_RV rv = drbg::generate(scalar); rv != CKR_OK) return rv;
    const std::size_t surplus_bits = scalar.size() * 8 - facts(curve).bits;
    scalar[0] = static_cast<std::uint8_t>(scalar[0] & 0xff >> surplus_bits);
    const CK_RV rv = public_point(curve, scalar, point);
    if (rv != CKR_ATTRIBUTE_VALUE_INVALID) return rv;
  }
}

CK_RV prepare(Curve curve) {
  if constexpr (secp256k1::kBuiltIn) {
    if (by_libsecp256k1(curve)) return secp256k1::prepare();
  }
  return library() != nullptr ? CKR_OK : CKR_HOST_MEMORY;
}

// The same for numbers that are known to fit: point belongs to scalar.
CK_RV make_pair(Curve curve, Bytes scalar, Bytes point, std::shared_ptr<PrivateKey>* out) {
  std::shared_ptr<PublicKey> public_key;
  if (const CK_RV rv = make_ec_public_key(curve, point, &public_key); rv != CKR_OK) return rv;
  const EcNumbers numbers{curve, scalar, point};
  Secret value = write_pkcs8(numbers);
  if (!value) return CKR_HOST_MEMORY;
  DecodedPrivateKey written;  // for the place of the scalar in it
  if (!read_pkcs8(value.bytes(), &written)) return CKR_FUNCTION_FAILED;
  OwnedPkey imported;
  if (!by_libsecp256k1(curve)) {
    imported = import_numbers(numbers);
    if (imported == nullptr) return CKR_HOST_MEMORY;
  }
  try {
    *out = std::make_shared<PrivateKeyWithContexts>(std::move(public_key), std::move(value),
                                                    written.ec.scalar, std::move(imported));
  } catch (const std::bad_alloc&) {
    return CKR_HOST_MEMORY;
  }
  return CKR_OK;
}

}  // namespace

EcPublicKey::EcPublicKey(Curve curve, Bytes point, OwnedPkey key, const secp256k1::Point& parsed)
    : evp_(std::move(key)),
      curve_(curve),
      parsed_(parsed),
      point_(point.begin(), point.end()),
      info_(write_spki(curve, point)) {}

CK_RV make_ec_public_key(Curve curve, Bytes point, std::shared_ptr<PublicKey>* out) {
  if (library() == nullptr) return CKR_HOST_MEMORY;
  if (point.size() != point_length(field_length(curve)) || point[0] != kUncompressed)
    return CKR_ATTRIBUTE_VALUE_INVALID;
  OwnedPkey imported;
  secp256k1::Point parsed{};
  if constexpr (secp256k1::kBuiltIn) {
    if (by_libsecp256k1(curve) && !secp256k1::parse(point, &parsed))
      return CKR_ATTRIBUTE_VALUE_INVALID;
  }
  if (!by_libsecp256k1(curve)) {
    imported = import_numbers({curve, {}, point});
    if (imported == nullptr) return CKR_ATTRIBUTE_VALUE_INVALID;  // not on the curve
  }
  try {
    *out = std::make_shared<EcPublicKey>(curve, point, std::move(imported), parsed);
  } catch (const std::bad_alloc&) {
    return CKR_HOST_MEMORY;
  }
  return CKR_OK;
}

CK_RV make_ec_private_key(const EcNumbers& numbers, std::shared_ptr<PrivateKey>* out) {
  if (const CK_RV rv = prepare(numbers.curve); rv != CKR_OK) return rv;
  std::array<std::uint8_t, kPointBytesMax> room;
  const MutableBytes point(room.data(), point_length(field_length(numbers.curve)));
  if (const CK_RV rv = public_point(numbers.curve, numbers.scalar, point); rv != CKR_OK) return rv;
  if (!numbers.point.empty() && !std::ranges::equal(numbers.point, point))
    return CKR_ATTRIBUTE_VALUE_INVALID;
  return make_pair(numbers.curve, numbers.scalar, point, out);
}

CK_RV generate_ec_key(Curve curve, std::shared_ptr<PrivateKey>* out) {
  if (no_wait && is_slow(curve)) return CKR_STRONGROOM_BUSY;
  if (const CK_RV rv = prepare(curve); rv != CKR_OK) return rv;
  if (const CK_RV rv = self_test::require(ecdsa_test(curve)); rv != CKR_OK) return rv;
  Secret scalar(field_length(curve));
  if (!scalar) return CKR_HOST_MEMORY;
  std::array<std::uint8_t, kPointBytesMax> room;
  const MutableBytes point(room.data(), point_length(scalar.size()));
  if (const CK_RV rv = random_scalar(curve, scalar.mutable_bytes(), point); rv != CKR_OK) return rv;
  std::shared_ptr<PrivateKey> made;
  if (const CK_RV rv = make_pair(curve, scalar.bytes(), point, &made); rv != CKR_OK) return rv;
  if (const CK_RV rv = self_test::pairwise(*made); rv != CKR_OK) return rv;
  *out = std::move(made);
  return CKR_OK;
}

}  // namespace strongroom::algorithms
