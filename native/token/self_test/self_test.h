// self_test.h: pre-operational integrity test and conditional known-answer tests (FIPS 140-3, 7.10;
// ISO/IEC 19790 7.10). Each has a name and can be made to fail; a failure stops all cryptography.
#pragma once

#include <string>

#include "cryptoki/vendor.h"
#include "token/algorithms/hash.h"

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
  kHmacSha1,
  kHmacSha224,
  kHmacSha384,
  kHmacSha512,
  kRsaSignature,
  kRsaOaep,
  kEcdsaP256,
  kEcdsaP384,
  kEcdsaP521,
  kEcdsaSecp256k1,
  kAesEcb,
  kAesCbc,
  kAesCtr,
  kAesCcm,
  kAesCmac,
  kAesKw,
  kChaCha20Poly1305,
  kCount
};

Algorithm hmac_with(algorithms::Hash hash);
// The test of a hash alone: for most that of its HMAC, which goes through all of it (FIPS 140-3 IG
// 10.3.A).
Algorithm hash_alone(algorithms::Hash hash);

// require runs the algorithm's known-answer test once per process before its first use (one thread
// runs it, others wait; a no-wait thread gets CKR_STRONGROOM_BUSY then, and whenever the test to be
// run is one of public-key cryptography, which take milliseconds). After that it is one relaxed
// atomic load.
CK_RV require(Algorithm algorithm);

// integrity checks the loaded library's own code and constants against the digest made at build or
// first load.
CK_RV integrity();

// run_all runs the integrity test and every known-answer test once more. CKR_STRONGROOM_BUSY on a
// no-wait thread.
CK_RV run_all();

// The error state is sticky for the process.
bool in_error_state();
std::string failed_test();
// fail_next makes the named test fail the next time it runs, and makes it run again before the next
// use of what it tests. Null clears all faults. False: no test of that name.
bool fail_next(const char* name);
// report: one line per test, tab separated: name, reference, "not run" | "passed" | "failed".
std::string report();

}  // namespace strongroom::self_test
