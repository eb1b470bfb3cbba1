// random.cc: C_SeedRandom, C_GenerateRandom.
#include "token/drbg/drbg.h"
#include "token/operations/common.h"

namespace strongroom::token::operations {

CK_RV seed_random(const CK_BYTE* seed, CK_ULONG seed_len) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!readable(seed, seed_len)) return CKR_ARGUMENTS_BAD;
  return seed_len == 0 ? CKR_OK : drbg::mix_in({seed, seed_len});
}

CK_RV generate_random(CK_BYTE* out, CK_ULONG length) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!readable(out, length)) return CKR_ARGUMENTS_BAD;
  return length == 0 ? CKR_OK : drbg::generate({out, length});
}

}  // namespace strongroom::token::operations
