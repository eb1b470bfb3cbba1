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

struct Library {
  OSSL_LIB_CTX* context;
  std::array<EVP_CIPHER*, 3> gcm;  // AES-128, -192, -256
  std::array<EVP_CIPHER*, 3> kwp;
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

// The AES cipher of a family for a key of 16, 24 or 32 bytes; null for any other length.
EVP_CIPHER* for_key_length(const std::array<EVP_CIPHER*, 3>& family, std::size_t key_length);

// A null pointer means "argument not given" to EVP, also where the length is zero.
inline const unsigned char* given(const unsigned char* data) {
  static constexpr unsigned char kEmpty[1] = {0};
  return data != nullptr ? data : kEmpty;
}

}  // namespace strongroom::algorithms
