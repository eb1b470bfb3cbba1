// key_encoding.h: keys as bytes: PKCS#8 (RFC 5958, version 0) of private keys and
// SubjectPublicKeyInfo (RFC 5280) of public ones, as OpenSSL writes them. Numbers are big endian
// without leading zeros unless stated.
#pragma once

#include <vector>

#include "token/algorithms/asymmetric.h"

namespace strongroom::algorithms {

struct RsaPublicNumbers {
  Bytes modulus, exponent;
};

struct RsaNumbers {  // RFC 8017 A.1.2
  Bytes modulus, exponent, private_exponent, prime1, prime2, exponent1, exponent2, coefficient;
};

struct EcNumbers {  // RFC 5915
  Curve curve = Curve::kP256;
  Bytes scalar;  // field_length bytes
  Bytes point;   // uncompressed; reading: empty when the key is without
};

// What was read; views into the bytes it was read from.
struct DecodedPrivateKey {
  CK_KEY_TYPE type = CKK_RSA;
  RsaNumbers rsa;
  EcNumbers ec;
};
struct DecodedPublicKey {
  CK_KEY_TYPE type = CKK_RSA;
  RsaPublicNumbers rsa;
  EcNumbers ec;  // without scalar
};

// False: not the DER of an RSA key of two primes or of a key of one of our named curves. The
// numbers may still be wrong.
bool read_pkcs8(Bytes, DecodedPrivateKey* out);
bool read_spki(Bytes, DecodedPublicKey* out);

// Empty: out of memory.
Secret write_pkcs8(const RsaNumbers&);
Secret write_pkcs8(const EcNumbers&);

// @throws std::bad_alloc
std::vector<std::uint8_t> write_spki(const RsaPublicNumbers&);
std::vector<std::uint8_t> write_spki(Curve, Bytes point);

}  // namespace strongroom::algorithms
