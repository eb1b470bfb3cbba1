// registry.h: the names of all self-tests, the faults asked for and the results seen. Inner side of
// self_test.h.
#pragma once

#include <cstddef>

#include "token/self_test/self_test.h"

namespace strongroom::self_test {

// Every test: the algorithms' in the order of Algorithm, then those that are not an algorithm's.
enum class Test : std::size_t {
  kIntegrity = static_cast<std::size_t>(Algorithm::kCount),
  kEntropy,
  kRsaPairwise,
  kEcPairwise,
  kCount,
};
inline constexpr Test test_of(Algorithm algorithm) { return static_cast<Test>(algorithm); }
inline constexpr std::size_t kTestCount = static_cast<std::size_t>(Test::kCount);

// take_fault answers whether test was told to fail, once for each time it was told.
bool take_fault(Test test);

// record keeps the result for report(). Entropy's failure is passing (CKR_RANDOM_NO_RNG until it
// works again); enter_error_state is for all others.
void record(Test test, bool passed);
void enter_error_state(Test test);

}  // namespace strongroom::self_test
