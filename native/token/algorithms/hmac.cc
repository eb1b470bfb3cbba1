// HMAC: FIPS 198-1, RFC 2104.
#include <cstring>

#include "token/algorithms/asymmetric.h"
#include "token/algorithms/key.h"
#include "token/algorithms/unchecked.h"
#include "token/self_test/self_test.h"

namespace strongroom::algorithms {
namespace {

template <Hash kHash>
CK_RV mac_with(Key& key, std::initializer_list<Bytes> pieces, MutableBytes mac) {
  constexpr std::size_t kLength = hash_length(kHash);
  if (mac.empty() || mac.size() > kLength) return CKR_MECHANISM_PARAM_INVALID;
  Lease lease(key);
  HmacState<kHash>* const state = lease.hmac<kHash>();
  if (state == nullptr) return CKR_HOST_MEMORY;
  bool good = state->start();
  for (const Bytes piece : pieces) good = good && state->add(piece);
  if (mac.size() == kLength) {
    good = good && state->finish(mac.data());
  } else {
    std::uint8_t whole[kLength];
    good = good && state->finish(whole);
    if (good) std::memcpy(mac.data(), whole, mac.size());
    wipe(whole, sizeof whole);
  }
  if (good) return CKR_OK;
  lease.discard_hmac<kHash>();
  wipe(mac.data(), mac.size());
  ERR_clear_error();
  return CKR_FUNCTION_FAILED;
}

}  // namespace

namespace unchecked {

CK_RV hmac_sha256(Key& key, std::initializer_list<Bytes> pieces, MutableBytes mac) {
  return mac_with<Hash::kSha256>(key, pieces, mac);
}

CK_RV hmac(Key& key, Hash hash, Bytes data, MutableBytes mac) {
  switch (hash) {
    case Hash::kSha1:
      return mac_with<Hash::kSha1>(key, {data}, mac);
    case Hash::kSha224:
      return mac_with<Hash::kSha224>(key, {data}, mac);
    case Hash::kSha256:
      return mac_with<Hash::kSha256>(key, {data}, mac);
    case Hash::kSha384:
      return mac_with<Hash::kSha384>(key, {data}, mac);
    case Hash::kSha512:
      break;
  }
  return mac_with<Hash::kSha512>(key, {data}, mac);
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

CK_RV hmac(Key& key, Hash hash, Bytes data, MutableBytes mac) {
  const CK_RV rv = self_test::require(self_test::hmac_with(hash));
  return rv != CKR_OK ? rv : unchecked::hmac(key, hash, data, mac);
}

}  // namespace strongroom::algorithms
