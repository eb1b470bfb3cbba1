// evp_loops.h: the floor. What the same work costs a C program that uses OpenSSL's EVP as well as
// one can: contexts are made once a call and kept for all its operations. Nothing of the token is
// here: no handles, no rights, no self-tests, no wiping. Each function does the work `count` times
// and leaves the last result in `out`; it throws std::runtime_error when OpenSSL refuses, and is
// for one thread.
#pragma once

#include <cstddef>

#include "bytes.h"

namespace strongroom::bench::evp {

// AES-256-GCM. out: ciphertext, then 16 bytes of tag.
void gcm_seal(std::size_t count, Input key, Input iv, Input aad, Input data, Output out);

// out: 32 bytes.
void hmac_sha256(std::size_t count, Input key, Input data, Output out);

// CTR_DRBG (AES-256), one EVP_RAND_generate for each `out`.
void random(std::size_t count, Output out);
// The same from a stock of 4 KiB. out: at most 4 KiB.
void buffered_random(std::size_t count, Output out);

// The arithmetic of CKM_STRONGROOM_DERIVE_AES_GCM (native/token/algorithms/derive_seal.cc) with
// random bytes from a stock of 4 KiB. out: nonce of 28 bytes, tag of 16, ciphertext.
void derive_seal(std::size_t count, Input key, Input aad, Input data, Output out);

}  // namespace strongroom::bench::evp
