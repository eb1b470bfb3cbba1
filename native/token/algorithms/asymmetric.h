// asymmetric.h: RSA and elliptic-curve keys, beside the secret keys of algorithms.h and with the
// same rules: no OpenSSL type above this header, every family's self-test before its first use, no
// exceptions, safe from any thread. All randomness (key generation, padding, salts, signature
// nonces) comes from the token's DRBG.
//
// `slow` marks what may take longer than an event loop should wait: such a call on a no-wait thread
// answers CKR_STRONGROOM_BUSY before it has done anything.
#pragma once

#include <memory>

#include "token/algorithms/algorithms.h"
#include "token/algorithms/hash.h"

namespace strongroom::algorithms {

// HMAC (FIPS 198-1) with any of the hashes. mac.size() 1 to hash_length: leftmost bytes.
CK_RV hmac(Key&, Hash, Bytes data, MutableBytes mac);
CK_RV digest(Hash, Bytes data, MutableBytes out);

enum class Curve : std::uint8_t { kP256, kP384, kP521, kSecp256k1 };
std::size_t field_length(Curve);  // bytes of a coordinate: 32, 48, 66, 32
// CKA_EC_PARAMS: the DER OBJECT IDENTIFIER of the curve. False: of none of these.
Bytes curve_parameters(Curve);
bool curve_of_parameters(Bytes parameters, Curve* out);

class PublicKey {
 public:
  virtual ~PublicKey() = default;
  virtual CK_KEY_TYPE type() const = 0;  // CKK_RSA or CKK_EC
  virtual std::size_t bits() const = 0;  // of modulus or field
  virtual Bytes info() const = 0;  // SubjectPublicKeyInfo, DER (RFC 5280): CKA_PUBLIC_KEY_INFO
  // RSA: big endian without leading zeros. Empty for CKK_EC.
  virtual Bytes modulus() const = 0;
  virtual Bytes exponent() const = 0;
  // EC: uncompressed point, 04 || X || Y (SEC 1, 2.3.3). Empty for CKK_RSA.
  virtual Bytes point() const = 0;
  virtual Curve curve() const = 0;
};

class PrivateKey {
 public:
  virtual ~PrivateKey() = default;
  virtual const std::shared_ptr<PublicKey>& public_key() const = 0;
  // PKCS#8 PrivateKeyInfo, DER, in the arena. What a wrap takes (PKCS#11 6.7, RFC 5958 version 0;
  // named curve, public point included; lengths as OpenSSL writes them).
  virtual Bytes value() const = 0;
};

// CKR_ATTRIBUTE_VALUE_INVALID: no such key (even or too short modulus, exponent below 3 or even,
// point not on the curve or not uncompressed).
CK_RV make_rsa_public_key(Bytes modulus, Bytes exponent, std::shared_ptr<PublicKey>* out);
CK_RV make_ec_public_key(Curve, Bytes point, std::shared_ptr<PublicKey>* out);
// From a SubjectPublicKeyInfo, with the same answer.
CK_RV make_public_key(Bytes info, std::shared_ptr<PublicKey>* out);
// Reads PKCS#8, RSA with two primes or EC with a named curve above; checks the key's consistency.
// CKR_ATTRIBUTE_VALUE_INVALID: not such a key. CKR_STRONGROOM_BUSY: reading this one is slow (RSA,
// and P-384 and P-521, whose public point takes a millisecond). `value` is consumed in any case.
CK_RV make_private_key(Secret value, std::shared_ptr<PrivateKey>* out);

// Key generation (FIPS 186-5 A.1.3, A.2.2), with the pairwise consistency test of FIPS 140-3 IG
// 10.3.A; a failed one puts the module into the error state. bits 2048, 3072 or 4096, exponent
// 65537. Slow but for the quick curves.
CK_RV generate_rsa_key(std::size_t bits, std::shared_ptr<PrivateKey>* out);
CK_RV generate_ec_key(Curve, std::shared_ptr<PrivateKey>* out);

// Does one private (public) operation with this key take longer than an event loop should wait? Not
// P-256, secp256k1 when libsecp256k1 does it (the quick curves), nor the public half of RSA.
bool is_slow(const PrivateKey&);
bool is_slow(const PublicKey&);

// RSASSA-PKCS1-v1_5 (RFC 8017 8.2). digest_info: what stands after the padding, 1 to
// modulus - 11 bytes (CKM_RSA_PKCS); with a Hash the token hashes the message and builds it.
CK_RV rsa_pkcs1_sign(PrivateKey&, Bytes digest_info, MutableBytes signature);
CK_RV rsa_pkcs1_sign(PrivateKey&, Hash, Bytes message, MutableBytes signature);
CK_RV rsa_pkcs1_verify(PublicKey&, Bytes digest_info,
                       Bytes signature);  // CKR_SIGNATURE_INVALID
CK_RV rsa_pkcs1_verify(PublicKey&, Hash, Bytes message, Bytes signature);

// RSASSA-PSS (RFC 8017 8.1), digest made by the caller or (digest_given false) here.
struct Pss {
  Hash hash;
  Hash mgf1;
  std::size_t salt_length;
};
CK_RV rsa_pss_sign(PrivateKey&, const Pss&, bool digest_given, Bytes data, MutableBytes signature);
CK_RV rsa_pss_verify(PublicKey&, const Pss&, bool digest_given, Bytes data, Bytes signature);

// RSAES-OAEP (RFC 8017 7.1). decrypt: output has room for the modulus; CKR_ENCRYPTED_DATA_INVALID
// for every padding error alike, in the same time.
struct Oaep {
  Hash hash;
  Hash mgf1;
  Bytes label;
};
CK_RV rsa_oaep_encrypt(PublicKey&, const Oaep&, Bytes plaintext, MutableBytes ciphertext);
CK_RV rsa_oaep_decrypt(PrivateKey&, const Oaep&, Bytes ciphertext, MutableBytes plaintext,
                       std::size_t* length);

// ECDSA (FIPS 186-5 6.4): r || s, each field_length bytes. The raw form takes a digest of any
// length (1 to 64 bytes; bits beyond the order's are dropped, as the standard says). Nonces are
// hedged.
CK_RV ecdsa_sign(PrivateKey&, Bytes digest, MutableBytes signature);
CK_RV ecdsa_sign(PrivateKey&, Hash, Bytes message, MutableBytes signature);
CK_RV ecdsa_verify(PublicKey&, Bytes digest,
                   Bytes signature);  // CKR_SIGNATURE_INVALID, _LEN_RANGE
CK_RV ecdsa_verify(PublicKey&, Hash, Bytes message, Bytes signature);

}  // namespace strongroom::algorithms
