// HMAC-SHA-256: FIPS 198-1, RFC 2104.
#include <cstring>

#include "token/algorithms/key.h"
#include "token/algorithms/unchecked.h"
#include "token/self_test/self_test.h"

namespace strongroom::algorithms {
namespace unchecked {

CK_RV hmac_sha256(Key& key, std::initializer_list<Bytes> pieces, MutableBytes mac) {
  if (mac.empty() || mac.size() > kSha256Bytes) return CKR_MECHANISM_PARAM_INVALID;
  Lease lease(key);
  HmacState* const state = lease.hmac();
  if (state == nullptr) return CKR_HOST_MEMORY;
  bool good = state->start();
  for (const Bytes piece : pieces) good = good && state->add(piece);
  if (mac.size() == kSha256Bytes) {
    good = good && state->finish(mac.data());
  } else {
    std::uint8_t whole[kSha256Bytes];
    good = good && state->finish(whole);
    if (good) std::memcpy(mac.data(), whole, mac.size());
    wipe(whole, sizeof whole);
  }
  if (good) return CKR_OK;
  lease.discard_hmac();
  wipe(mac.data(), mac.size());
  ERR_clear_error();
  return CKR_FUNCTION_FAILED;
}

}  // namespace unchecked

CK_RV hmac_sha256(Key& key, Bytes data, MutableBytes mac) {
  const CK_RV rv = self_test::require(self_test::Algorithm::kHmacSha256);
  return rv != CKR_OK ? rv : unchecked::hmac_sha256(key, {data}, mac);
}

CK_RV hmac_sha256(Key& key, Bytes first, Bytes second, MutableBytes mac) {
  const CK_RV rv = self_test::require(self_test::Algorithm::kHmacSha256);
  return rv != CKR_OK ? rv : unchecked::hmac_sha256(key, {first, second}, mac);
}

}  // namespace strongroom::algorithms
