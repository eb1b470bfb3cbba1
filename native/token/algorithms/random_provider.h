// random_provider.h: where OpenSSL gets its random bytes from when it works for us: an EVP_RAND of
// our own library context that asks the token's DRBG. So key generation, padding, salts, nonces and
// blinding stop when the DRBG stops, for its reason.
#pragma once

#include <openssl/types.h>

#include "token/secure_memory.h"

namespace strongroom::algorithms {

// Makes the token's DRBG the one of context. Once, before anything random is asked of it.
bool use_token_drbg(OSSL_LIB_CTX* context);

// One call into OpenSSL that may need random bytes, on one thread: make it, call, ask for the
// outcome.
class OpenSslCall {
 public:
  OpenSslCall();
  // CKR_OK when succeeded; else why: the DRBG's answer if it refused, CKR_HOST_MEMORY, or failure.
  // Empties OpenSSL's queue of errors, so that the host does not find ours.
  CK_RV outcome(bool succeeded, CK_RV failure) const;
};

// For known-answer tests alone: as long as it lives, the calling thread's random bytes are 00 01 02
// … ff 00 …, from the start. A test then needs no entropy and gives one result.
class FixedRandomness {
 public:
  FixedRandomness();
  FixedRandomness(const FixedRandomness&) = delete;
  FixedRandomness& operator=(const FixedRandomness&) = delete;
  ~FixedRandomness();
};

}  // namespace strongroom::algorithms
