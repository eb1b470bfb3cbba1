// SHA256_Init, _Update and _Final are marked deprecated in favour of EVP; hmac_state.h says why
// they are used all the same.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "token/algorithms/hmac_state.h"

#include <openssl/sha.h>

#include <cstring>

namespace strongroom::algorithms {
namespace {

constexpr std::size_t kBlockBytes = SHA256_CBLOCK;  // B of SHA-256
constexpr std::uint8_t kInnerPad = 0x36;
constexpr std::uint8_t kOuterPad = 0x5c;

void exclusive_or(Secret& block, std::uint8_t value) {
  for (std::uint8_t& byte : block.mutable_bytes()) byte ^= value;
}

template <class Hash>
SHA256_CTX* context(Hash& hash) {
  static_assert(sizeof(Hash) == sizeof(SHA256_CTX) && alignof(Hash) >= alignof(SHA256_CTX));
  return reinterpret_cast<SHA256_CTX*>(hash.bytes.data());
}

}  // namespace

HmacState::~HmacState() {
  for (Hash* hash : {&inner_, &outer_, &work_}) wipe(hash->bytes.data(), hash->bytes.size());
}

bool HmacState::set_key(Bytes key) {
  Secret block(kBlockBytes);
  if (!block) return false;
  if (key.size() > kBlockBytes) {
    if (SHA256_Init(context(work_)) != 1 || !add(key) ||
        SHA256_Final(block.data(), context(work_)) != 1)
      return false;
    wipe(work_.bytes.data(), work_.bytes.size());
  } else if (!key.empty()) {
    std::memcpy(block.data(), key.data(), key.size());
  }
  exclusive_or(block, kInnerPad);
  if (SHA256_Init(context(inner_)) != 1 ||
      SHA256_Update(context(inner_), block.data(), block.size()) != 1)
    return false;
  exclusive_or(block, kInnerPad ^ kOuterPad);
  return SHA256_Init(context(outer_)) == 1 &&
         SHA256_Update(context(outer_), block.data(), block.size()) == 1;
}

bool HmacState::start() {
  work_ = inner_;
  return true;
}

bool HmacState::add(Bytes data) {
  return data.empty() || SHA256_Update(context(work_), data.data(), data.size()) == 1;
}

bool HmacState::finish(std::uint8_t* mac) {
  std::uint8_t inner_hash[SHA256_DIGEST_LENGTH];
  bool good = SHA256_Final(inner_hash, context(work_)) == 1;
  work_ = outer_;
  good = good && SHA256_Update(context(work_), inner_hash, sizeof inner_hash) == 1 &&
         SHA256_Final(mac, context(work_)) == 1;
  // A hash keeps its result, which may be a derived key.
  wipe(work_.bytes.data(), work_.bytes.size());
  wipe(inner_hash, sizeof inner_hash);
  return good;
}

}  // namespace strongroom::algorithms
