// unchecked.h: the algorithms without the question whether their self-tests passed. For algorithms/
// itself, for the self-tests (which come before the answer) and for nothing else. Same contracts as
// algorithms.h.
#pragma once

#include <initializer_list>

#include "token/algorithms/algorithms.h"

namespace strongroom::algorithms::unchecked {

inline constexpr std::size_t kSha256Bytes = 32;
inline constexpr std::size_t kSealRandomBytes = 32;

CK_RV aes_gcm_seal(Key&, Bytes iv, Bytes aad, Bytes plaintext, MutableBytes ciphertext,
                   MutableBytes tag);
CK_RV aes_gcm_open(Key&, Bytes iv, Bytes aad, Bytes ciphertext, Bytes tag, MutableBytes plaintext);
CK_RV aes_kwp_wrap(Key&, Bytes input, MutableBytes wrapped);
CK_RV aes_kwp_unwrap(Key&, Bytes wrapped, MutableBytes output, std::size_t* length);
CK_RV hmac_sha256(Key&, std::initializer_list<Bytes> pieces, MutableBytes mac);
CK_RV sp800_108_counter(Key&, std::span<const KdfField> fields, MutableBytes out);
// random: kSealRandomBytes from the DRBG.
CK_RV derive_seal(Key&, Bytes random, Bytes aad, Bytes plaintext, MutableBytes nonce,
                  MutableBytes ciphertext, MutableBytes tag);
CK_RV derive_open(Key&, Bytes nonce, Bytes aad, Bytes ciphertext, Bytes tag,
                  MutableBytes plaintext);
CK_RV sha256(Bytes data, MutableBytes digest);
CK_RV pbkdf2_hmac_sha256(Bytes password, Bytes salt, unsigned iterations, MutableBytes out);

}  // namespace strongroom::algorithms::unchecked
