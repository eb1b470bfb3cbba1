#include "token/algorithms/curves.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include <algorithm>
#include <memory>

#include "token/algorithms/random_provider.h"
#include "token/algorithms/secp256k1.h"

namespace strongroom::algorithms {
namespace {

constexpr std::size_t kCurveCount = 4;

constexpr std::uint8_t kP256[] = {0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};
constexpr std::uint8_t kP384[] = {0x06, 5, 0x2b, 0x81, 0x04, 0, 34};
constexpr std::uint8_t kP521[] = {0x06, 5, 0x2b, 0x81, 0x04, 0, 35};
constexpr std::uint8_t kSecp256k1[] = {0x06, 5, 0x2b, 0x81, 0x04, 0, 10};

// By Curve.
const std::array<CurveFacts, kCurveCount> kCurves = {{
    {"P-256", NID_X9_62_prime256v1, 256, 32, kP256},
    {"P-384", NID_secp384r1, 384, 48, kP384},
    {"P-521", NID_secp521r1, 521, 66, kP521},
    {"secp256k1", NID_secp256k1, 256, 32, kSecp256k1},
}};

// Made once, only read after that, never freed.
const EC_GROUP* group(Curve curve) {
  static const std::array<EC_GROUP*, kCurveCount> groups = [] {
    std::array<EC_GROUP*, kCurveCount> made{};
    for (std::size_t i = 0; i < kCurveCount; ++i)
      made[i] = EC_GROUP_new_by_curve_name_ex(library()->context, nullptr, kCurves[i].nid);
    return made;
  }();
  return groups[static_cast<std::size_t>(curve)];
}

struct Free {
  void operator()(BIGNUM* number) const { BN_clear_free(number); }
  void operator()(BN_CTX* context) const { BN_CTX_free(context); }
  void operator()(EC_POINT* point) const { EC_POINT_free(point); }
};

}  // namespace

const CurveFacts& facts(Curve curve) { return kCurves[static_cast<std::size_t>(curve)]; }

std::size_t field_length(Curve curve) { return facts(curve).field_bytes; }

Bytes curve_parameters(Curve curve) { return facts(curve).parameters; }

bool curve_of_parameters(Bytes parameters, Curve* out) {
  for (std::size_t i = 0; i < kCurveCount; ++i) {
    if (!std::ranges::equal(kCurves[i].parameters, parameters)) continue;
    *out = static_cast<Curve>(i);
    return true;
  }
  return false;
}

CK_RV public_point(Curve curve, Bytes scalar, MutableBytes point) {
  if constexpr (secp256k1::kBuiltIn) {
    if (curve == Curve::kSecp256k1)
      return secp256k1::public_point(scalar, point) ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
  }
  if (library() == nullptr || group(curve) == nullptr) return CKR_HOST_MEMORY;
  const OpenSslCall call;
  const std::unique_ptr<BN_CTX, Free> context(BN_CTX_secure_new_ex(library()->context));
  const std::unique_ptr<BIGNUM, Free> number(BN_secure_new());
  const std::unique_ptr<EC_POINT, Free> made(EC_POINT_new(group(curve)));
  if (context == nullptr || number == nullptr || made == nullptr ||
      BN_bin2bn(scalar.data(), static_cast<int>(scalar.size()), number.get()) == nullptr)
    return call.outcome(false, CKR_HOST_MEMORY);
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  if (BN_is_zero(number.get()) == 1 || BN_cmp(number.get(), EC_GROUP_get0_order(group(curve))) >= 0)
    return CKR_ATTRIBUTE_VALUE_INVALID;
  const bool good =
      EC_POINT_mul(group(curve), made.get(), number.get(), nullptr, nullptr, context.get()) == 1 &&
      EC_POINT_point2oct(group(curve), made.get(), POINT_CONVERSION_UNCOMPRESSED, point.data(),
                         point.size(), context.get()) == point.size();
  return call.outcome(good, CKR_FUNCTION_FAILED);
}

}  // namespace strongroom::algorithms
