// pairwise.h: the pairwise consistency test of a new key pair (FIPS 140-3 IG 10.3.A).
#pragma once

#include "token/algorithms/asymmetric.h"

namespace strongroom::self_test {

// Signs with the private key and verifies with its public key, before anyone uses either. A pair
// that does not fit puts the module into the error state: CKR_FIPS_SELF_TEST_FAILED. Trouble that
// says nothing about the pair (no entropy, no memory) is answered as it is.
CK_RV pairwise(algorithms::PrivateKey& key);

}  // namespace strongroom::self_test
