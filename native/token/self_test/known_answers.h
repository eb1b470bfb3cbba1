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

}  // namespace strongroom::self_test::known_answers
