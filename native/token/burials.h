// burials.h: what a token was told never to unwrap again (SR_BuryWrapped): digests over wrapping
// key and additional data, in flash for good and all of them in memory.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <span>
#include <unordered_set>
#include <vector>

#include "token/object.h"

namespace strongroom::token {

using BurialDigest = std::array<std::uint8_t, 32>;

// SHA-256 over what names a wrapped key: docs/formats/token-objects.md.
CK_RV burial_digest(const Object& wrapping, Bytes additional_data, BurialDigest* out);

// The value of one flash record: the digests of one call.
std::vector<std::uint8_t> encode_burials(std::span<const BurialDigest> digests);

class Burials {
 public:
  // One flash record. False: of a version this build cannot read.
  bool load(Bytes record);
  // Read without a lock: most tokens have none, and then an unwrap need not hash.
  bool empty() const { return count_.load(std::memory_order_acquire) == 0; }
  bool contains(const BurialDigest& digest);
  void insert(std::span<const BurialDigest> digests);
  void clear();

 private:
  struct First {
    std::size_t operator()(const BurialDigest& digest) const {
      return load_le<std::size_t>(digest.data());
    }
  };
  std::mutex mutex_;  // held for moments
  std::unordered_set<BurialDigest, First> digests_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace strongroom::token
