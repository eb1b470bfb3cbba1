// drbg.h: the token's own SP 800-90A CTR_DRBG (AES-256, derivation function), apart from the
// host's.
#pragma once

#include "token/secure_memory.h"

namespace strongroom::drbg {

// generate fills out (any length) from the calling thread's instance, over a small buffer in the
// arena whose bytes are wiped as they are used. Reseeds from the system's entropy source by SP
// 800-90A's counter. CKR_RANDOM_NO_RNG: entropy failed. CKR_FIPS_SELF_TEST_FAILED: error state.
// CKR_STRONGROOM_BUSY: no-wait thread and entropy would have to be taken from the system.
CK_RV generate(MutableBytes out);

// mix_in adds caller entropy as additional input (C_SeedRandom).
CK_RV mix_in(Bytes entropy);

// request_reseed makes the next generate of a thread that may wait take fresh entropy, and drops
// what every thread has buffered. Does nothing else itself, so it may be called from anywhere.
void request_reseed();

// begin_anew, in a forked child: nothing of the parent's generator is used again.
void begin_anew();

}  // namespace strongroom::drbg
