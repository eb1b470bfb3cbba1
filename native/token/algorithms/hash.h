// hash.h: the approved hashes (FIPS 180-4), by name.
#pragma once

#include <cstddef>
#include <cstdint>

namespace strongroom::algorithms {

enum class Hash : std::uint8_t { kSha1, kSha224, kSha256, kSha384, kSha512 };
inline constexpr std::size_t kHashCount = 5;
inline constexpr std::size_t kHashBytesMax = 64;

// Bytes of a digest.
constexpr std::size_t hash_length(Hash hash) {
  constexpr std::size_t kLengths[kHashCount] = {20, 28, 32, 48, 64};
  return kLengths[static_cast<std::size_t>(hash)];
}

}  // namespace strongroom::algorithms
