// self_test.h: pre-operational integrity test and conditional known-answer tests (FIPS 140-3, 7.10;
// ISO/IEC 19790 7.10). Each has a name and can be made to fail; a failure stops all cryptography.
#pragma once

#include <string>

#include "cryptoki/vendor.h"

namespace strongroom::self_test {

enum class Algorithm {
  kAesGcm,
  kAesKwp,
  kHmacSha256,
  kSp800108,
  kDeriveSeal,
  kCtrDrbg,
  kSha256,
  kPbkdf2,
  kCount
};

// require runs the algorithm's known-answer test once per process before its first use (one thread
// runs it, others wait; a no-wait thread gets CKR_STRONGROOM_BUSY). After that it is one relaxed
// atomic load.
CK_RV require(Algorithm algorithm);

// integrity checks the loaded library's own code and constants against the digest made at build or
// first load.
CK_RV integrity();

// The error state is sticky for the process.
bool in_error_state();
std::string failed_test();
// fail_next makes the named test fail the next time it runs, and makes it run again before the next
// use of what it tests. Null clears all faults. False: no test of that name.
bool fail_next(const char* name);
// report: one line per test, tab separated: name, reference, "not run" | "passed" | "failed".
std::string report();

}  // namespace strongroom::self_test
