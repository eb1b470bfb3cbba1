// digest_state.h: a hash (FIPS 180-4) of a message that comes in parts. Used by one thread at a
// time.
#pragma once

#include <memory>

#include "token/algorithms/hash.h"
#include "token/secure_memory.h"

namespace strongroom::algorithms {

class DigestState {
 public:
  // CKR_HOST_MEMORY; CKR_FIPS_SELF_TEST_FAILED.
  static CK_RV begin(Hash hash, std::unique_ptr<DigestState>* out);
  virtual ~DigestState() = default;  // cleanses what it has taken in

  virtual CK_RV add(Bytes part) = 0;
  // Once, into hash_length bytes; nothing can be added afterwards.
  virtual CK_RV finish(MutableBytes digest) = 0;
};

}  // namespace strongroom::algorithms
