#include "token/algorithms/hmac_state.h"

#include <cstring>

namespace strongroom::algorithms {
namespace {

constexpr std::size_t kBlockBytes = 64;  // B of SHA-256
constexpr std::size_t kHashBytes = 32;
constexpr std::uint8_t kInnerPad = 0x36;
constexpr std::uint8_t kOuterPad = 0x5c;

void exclusive_or(Secret& block, std::uint8_t value) {
  for (std::uint8_t& byte : block.mutable_bytes()) byte ^= value;
}

}  // namespace

HmacState::~HmacState() {
  for (EVP_MD_CTX* context : {inner_, outer_, work_}) EVP_MD_CTX_free(context);
}

bool HmacState::set_key(Bytes key) {
  Secret block(kBlockBytes);
  if (library() == nullptr || !block) return false;
  for (EVP_MD_CTX** context : {&inner_, &outer_, &work_}) {
    *context = EVP_MD_CTX_new();
    if (*context == nullptr || EVP_DigestInit_ex2(*context, library()->sha256, nullptr) != 1)
      return false;
  }
  if (key.size() > kBlockBytes) {
    if (!add(key) || EVP_DigestFinal_ex(work_, block.data(), nullptr) != 1 ||
        EVP_DigestInit_ex2(work_, nullptr, nullptr) != 1)
      return false;
  } else if (!key.empty()) {
    std::memcpy(block.data(), key.data(), key.size());
  }
  exclusive_or(block, kInnerPad);
  if (EVP_DigestUpdate(inner_, block.data(), block.size()) != 1) return false;
  exclusive_or(block, kInnerPad ^ kOuterPad);
  return EVP_DigestUpdate(outer_, block.data(), block.size()) == 1;
}

bool HmacState::start() { return EVP_MD_CTX_copy_ex(work_, inner_) == 1; }

bool HmacState::add(Bytes data) {
  return data.empty() || EVP_DigestUpdate(work_, data.data(), data.size()) == 1;
}

bool HmacState::finish(std::uint8_t* mac) {
  std::uint8_t inner_hash[kHashBytes];
  // A digest keeps its result until it starts anew, and the result may be a derived key.
  const bool good = EVP_DigestFinal_ex(work_, inner_hash, nullptr) == 1 &&
                    EVP_MD_CTX_copy_ex(work_, outer_) == 1 &&
                    EVP_DigestUpdate(work_, inner_hash, sizeof inner_hash) == 1 &&
                    EVP_DigestFinal_ex(work_, mac, nullptr) == 1 &&
                    EVP_DigestInit_ex2(work_, nullptr, nullptr) == 1;
  wipe(inner_hash, sizeof inner_hash);
  return good;
}

}  // namespace strongroom::algorithms
