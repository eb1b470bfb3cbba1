// known_answers.h: one function per algorithm that computes a published result and compares.
// corrupt flips one bit of what was computed, so that a fault asked for goes through the comparison
// itself.
#pragma once

namespace strongroom::self_test::known_answers {

bool aes_gcm(bool corrupt);
bool aes_kwp(bool corrupt);
bool hmac_sha256(bool corrupt);
bool sp800_108(bool corrupt);
bool derive_seal(bool corrupt);
bool ctr_drbg(bool corrupt);
bool sha256(bool corrupt);
bool pbkdf2(bool corrupt);
bool hmac_sha1(bool corrupt);
bool hmac_sha224(bool corrupt);
bool hmac_sha384(bool corrupt);
bool hmac_sha512(bool corrupt);
bool rsa_signature(bool corrupt);
bool rsa_oaep(bool corrupt);
bool ecdsa_p256(bool corrupt);
bool ecdsa_p384(bool corrupt);
bool ecdsa_p521(bool corrupt);
bool ecdsa_secp256k1(bool corrupt);
bool aes_ecb(bool corrupt);
bool aes_cbc(bool corrupt);
bool aes_ctr(bool corrupt);
bool aes_ccm(bool corrupt);
bool aes_cmac(bool corrupt);
bool aes_kw(bool corrupt);
bool chacha20_poly1305(bool corrupt);

}  // namespace strongroom::self_test::known_answers
