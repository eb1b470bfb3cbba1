// openssl.h: the inner side of the wall. Only files of algorithms/ and drbg/ include it. Every
// algorithm is fetched once, from a library context of our own, so that a host's OpenSSL
// configuration cannot change it.
#pragma once

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>
#include <cstddef>

#include "token/algorithms/hash.h"

namespace strongroom::algorithms {

// Ciphers as OpenSSL has them.
enum class CipherMode : unsigned char {
  kAesEcb,
  kAesCbc,
  kAesCtr,
  kAesGcm,
  kAesCcm,
  kAesKw,
  kAesKwp,
  kChaCha20,
  kChaCha20Poly1305,
  kCount
};

struct Library {
  OSSL_LIB_CTX* context;
  // By CipherMode; AES-128, -192, -256, and for ChaCha20 the last alone.
  std::array<std::array<EVP_CIPHER*, 3>, static_cast<std::size_t>(CipherMode::kCount)> ciphers;
  std::array<EVP_MD*, kHashCount> hashes;  // by Hash
  EVP_KDF* pbkdf2;
  EVP_RAND* ctr_drbg;
  EVP_RAND* seed_source;   // the operating system's
  EVP_RAND* fixed_source;  // answers given bytes: known-answer test of the DRBG only
};

// Null when the context or any algorithm could not be had. Never freed: threads may outlive static
// destructors.
const Library* library();

// OpenSSL's name of a hash.
const char* name_of(Hash hash);

// The cipher for a key of this many bytes; null: it takes no such key, or there is no library.
EVP_CIPHER* cipher_for(CipherMode mode, std::size_t key_length);

// A null pointer means "argument not given" to EVP, also where the length is zero.
inline const unsigned char* given(const unsigned char* data) {
  static constexpr unsigned char kEmpty[1] = {0};
  return data != nullptr ? data : kEmpty;
}

}  // namespace strongroom::algorithms
