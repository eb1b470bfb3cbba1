// secp256k1.h: ECDSA on secp256k1 by libsecp256k1, which is several times as fast as OpenSSL there.
// Compiled in when the build finds its sources; without them OpenSSL does it as it does the other
// curves.
#pragma once

#include <array>

#include "token/secure_memory.h"

namespace strongroom::algorithms::secp256k1 {

#ifdef STRONGROOM_LIBSECP256K1
inline constexpr bool kBuiltIn = true;
#else
inline constexpr bool kBuiltIn = false;
#endif

inline constexpr std::size_t kFieldBytes = 32;
inline constexpr std::size_t kHedgeBytes = 32;

// A point that was found to be on the curve, in the library's own form.
using Point = std::array<std::uint8_t, 2 * kFieldBytes>;

// Makes the library's tables, once in a process, blinded with random bytes. To be asked before
// public_point, sign and verify. CKR_STRONGROOM_BUSY: they are not there, and the thread must not
// wait. Else CKR_HOST_MEMORY and the DRBG's answers.
CK_RV prepare();

// point: uncompressed. False: not a point of the curve.
bool parse(Bytes point, Point* out);
// False: the scalar is not in [1, order - 1].
bool public_point(Bytes scalar, MutableBytes point);
// digest: kFieldBytes. The nonce is RFC 6979's with hedge as its additional data (kHedgeBytes from
// the DRBG; empty: the deterministic one). s is in the lower half of its range. False: no
// signature, which a valid scalar does not meet.
bool sign(Bytes scalar, Bytes digest, Bytes hedge, MutableBytes signature);
// An s in either half is good.
bool verify(const Point& point, Bytes digest, Bytes signature);

}  // namespace strongroom::algorithms::secp256k1
