// ctr_drbg.h: one SP 800-90A CTR_DRBG instance (AES-256 with derivation function, strength 256
// bits) over EVP_RAND.
#pragma once

#include "token/algorithms/openssl.h"
#include "token/secure_memory.h"

namespace strongroom::drbg {

class CtrDrbg {
 public:
  CtrDrbg() = default;
  CtrDrbg(const CtrDrbg&) = delete;
  CtrDrbg& operator=(const CtrDrbg&) = delete;
  ~CtrDrbg() { EVP_RAND_CTX_free(context_); }

  // Seeds from parent, which stays the source of later seeds; it may be shared if its locking is
  // enabled. reseed_requests: requests between two seeds, 0 for no limit of its own.
  bool instantiate(EVP_RAND_CTX* parent, Bytes personalization, unsigned reseed_requests);
  bool instantiated() const { return context_ != nullptr; }
  bool enable_locking() { return EVP_RAND_enable_locking(context_) == 1; }
  EVP_RAND_CTX* as_parent() { return context_; }

  // entropy empty: from the parent alone; else both.
  bool reseed(Bytes entropy, Bytes additional_input);
  bool generate(MutableBytes out, Bytes additional_input);

 private:
  EVP_RAND_CTX* context_ = nullptr;
};

// Replays a published vector with a parent that answers given bytes: instantiate, reseed, generate
// twice.
struct Replay {
  Bytes entropy, nonce, personalization, entropy_reseed, additional_reseed, additional_1,
      additional_2;
};
// Fills out with the second generate's bits. False: some step failed.
bool replay(const Replay& vector, MutableBytes out);

}  // namespace strongroom::drbg
