// unchecked.h: the algorithms without the question whether their self-tests passed. For algorithms/
// itself, for the self-tests (which come before the answer) and for nothing else. Same contracts as
// algorithms.h and asymmetric.h.
#pragma once

#include <initializer_list>

#include "token/algorithms/asymmetric.h"
#include "token/algorithms/ciphers.h"

namespace strongroom::algorithms::unchecked {

inline constexpr std::size_t kSha256Bytes = 32;
inline constexpr std::size_t kSealRandomBytes = 32;
inline constexpr std::size_t kChaCha20NonceBytes = 12;
inline constexpr std::size_t kPoly1305TagBytes = 16;

CK_RV aes_gcm_seal(Key&, Bytes iv, Bytes aad, Bytes plaintext, MutableBytes ciphertext,
                   MutableBytes tag);
CK_RV aes_gcm_open(Key&, Bytes iv, Bytes aad, Bytes ciphertext, Bytes tag, MutableBytes plaintext);
CK_RV aes_ccm_seal(Key&, Bytes iv, Bytes aad, Bytes plaintext, MutableBytes ciphertext,
                   MutableBytes tag);
CK_RV aes_ccm_open(Key&, Bytes iv, Bytes aad, Bytes ciphertext, Bytes tag, MutableBytes plaintext);
CK_RV chacha20_poly1305_seal(Key&, Bytes iv, Bytes aad, Bytes plaintext, MutableBytes ciphertext,
                             MutableBytes tag);
CK_RV chacha20_poly1305_open(Key&, Bytes iv, Bytes aad, Bytes ciphertext, Bytes tag,
                             MutableBytes plaintext);
CK_RV seal(Aead, Key&, Bytes iv, Bytes aad, Bytes plaintext, MutableBytes ciphertext,
           MutableBytes tag);
CK_RV open(Aead, Key&, Bytes iv, Bytes aad, Bytes ciphertext, Bytes tag, MutableBytes plaintext);
CK_RV transform(Key&, Cipher, Direction, Bytes iv, Bytes in, MutableBytes out);
CK_RV aes_cmac(Key&, Bytes data, MutableBytes mac);
CK_RV aes_kw_wrap(Key&, Bytes iv, Bytes input, MutableBytes wrapped);
CK_RV aes_kw_unwrap(Key&, Bytes iv, Bytes wrapped, MutableBytes output);
CK_RV aes_kwp_wrap(Key&, Bytes input, MutableBytes wrapped);
CK_RV aes_kwp_unwrap(Key&, Bytes wrapped, MutableBytes output, std::size_t* length);
CK_RV hmac_sha256(Key&, std::initializer_list<Bytes> pieces, MutableBytes mac);
CK_RV sp800_108_counter(Key&, std::span<const KdfField> fields, MutableBytes out);
// random: kSealRandomBytes from the DRBG.
CK_RV derive_seal(Key&, Bytes random, Bytes aad, Bytes plaintext, MutableBytes nonce,
                  MutableBytes ciphertext, MutableBytes tag);
CK_RV derive_open(Key&, Bytes nonce, Bytes aad, Bytes ciphertext, Bytes tag,
                  MutableBytes plaintext);
CK_RV hmac(Key&, Hash, Bytes data, MutableBytes mac);
CK_RV sha256(Bytes data, MutableBytes digest);
CK_RV digest(Hash, Bytes data, MutableBytes out);
CK_RV pbkdf2_hmac_sha256(Bytes password, Bytes salt, unsigned iterations, MutableBytes out);

CK_RV rsa_pkcs1_sign(PrivateKey&, Bytes digest_info, MutableBytes signature);
CK_RV rsa_pkcs1_sign(PrivateKey&, Hash, Bytes message, MutableBytes signature);
CK_RV rsa_pkcs1_verify(PublicKey&, Bytes digest_info, Bytes signature);
CK_RV rsa_pkcs1_verify(PublicKey&, Hash, Bytes message, Bytes signature);
CK_RV rsa_pss_sign(PrivateKey&, const Pss&, bool digest_given, Bytes data, MutableBytes signature);
CK_RV rsa_pss_verify(PublicKey&, const Pss&, bool digest_given, Bytes data, Bytes signature);
CK_RV rsa_oaep_encrypt(PublicKey&, const Oaep&, Bytes plaintext, MutableBytes ciphertext);
CK_RV rsa_oaep_decrypt(PrivateKey&, const Oaep&, Bytes ciphertext, MutableBytes plaintext,
                       std::size_t* length);
// hedge: secp256k1::kHedgeBytes from the DRBG, or empty for RFC 6979's deterministic nonce; of use
// to libsecp256k1 alone. An EC key, and a digest of an allowed length.
CK_RV ecdsa_sign(PrivateKey&, Bytes digest, Bytes hedge, MutableBytes signature);
CK_RV ecdsa_verify(PublicKey&, Bytes digest, Bytes signature);

}  // namespace strongroom::algorithms::unchecked
