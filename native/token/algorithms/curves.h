// curves.h: what is known of each curve (FIPS 186-5, SEC 2) and the arithmetic that reading a key
// needs.
#pragma once

#include "token/algorithms/asymmetric.h"
#include "token/algorithms/openssl.h"

namespace strongroom::algorithms {

inline constexpr std::size_t kFieldBytesMax = 66;
inline constexpr std::size_t kPointBytesMax = 1 + 2 * kFieldBytesMax;
inline constexpr std::size_t point_length(std::size_t field_bytes) { return 1 + 2 * field_bytes; }

struct CurveFacts {
  const char* group;  // OpenSSL's name
  int nid;
  std::size_t bits;         // of the field, and of the order
  std::size_t field_bytes;  // of a coordinate, and of a scalar
  Bytes parameters;         // OBJECT IDENTIFIER, DER
};
const CurveFacts& facts(Curve);

// The public point of a scalar of field_bytes, uncompressed, in constant time.
// CKR_ATTRIBUTE_VALUE_INVALID: the scalar is not in [1, order - 1].
CK_RV public_point(Curve, Bytes scalar, MutableBytes point);

}  // namespace strongroom::algorithms
