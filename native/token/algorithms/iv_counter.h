// iv_counter.h: IVs of one key by counting (SP 800-38D, 8.2.1): none comes twice.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "token/secure_memory.h"

namespace strongroom::algorithms {

// IvCounter: the count of one key. Safe to use from any thread.
class IvCounter {
 public:
  // The rightmost 8 * iv.size() - fixed_bits bits of iv become the count, or what they were at the
  // first call with the count added by exclusive or (RFC 8446, 5.3). The first call of a key
  // decides about lengths and way: with others its IVs could meet those made before.
  // CKR_MECHANISM_PARAM_INVALID, CKR_KEY_EXHAUSTED: every count was used.
  CK_RV next(bool exclusive_or, CK_ULONG fixed_bits, MutableBytes iv);

 private:
  struct Shape {
    bool exclusive_or;
    CK_ULONG fixed_bits;
    std::vector<std::uint8_t> first;  // the IV as it came with the first call
  };
  std::mutex mutex_;
  std::unique_ptr<Shape> shape_;
  std::uint64_t count_ = 0;
  bool exhausted_ = false;
};

}  // namespace strongroom::algorithms
