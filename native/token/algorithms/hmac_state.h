// hmac_state.h: HMAC (FIPS 198-1) with one key, from two hash states that have taken in the padded
// key already.
//
// Not EVP_MAC: OpenSSL's HMAC keeps a copy of the key on the ordinary heap. Here the key is read in
// the arena, padded in the arena, and OpenSSL sees nothing but whole padded blocks, which the
// hashes take without storing them.
//
// Not EVP_MD either: a MAC of a short message is two blocks of SHA-256, and seven calls through EVP
// to get there cost about as much again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "token/algorithms/hash.h"
#include "token/secure_memory.h"

namespace strongroom::algorithms {

// Room for OpenSSL's SHA_CTX, SHA256_CTX and SHA512_CTX, whose header only the implementation
// includes.
constexpr std::size_t hash_state_bytes(Hash hash) {
  switch (hash) {
    case Hash::kSha1:
      return 96;
    case Hash::kSha224:
    case Hash::kSha256:
      return 112;
    case Hash::kSha384:
    case Hash::kSha512:
      break;
  }
  return 216;
}

template <Hash kHash>
class HmacState {
 public:
  HmacState() = default;
  HmacState(const HmacState&) = delete;
  HmacState& operator=(const HmacState&) = delete;
  ~HmacState();

  // Once, with a key of any length. False: out of memory.
  bool set_key(Bytes key);

  // One MAC: start, add as often as wanted, finish (hash_length bytes). False: in no known state,
  // to be thrown away.
  bool start();
  bool add(Bytes data);
  bool finish(std::uint8_t* mac);

 private:
  struct alignas(8) State {
    std::array<std::uint8_t, hash_state_bytes(kHash)> bytes{};
  };
  State inner_;  // after the key's inner pad
  State outer_;
  State work_;  // holds nothing between two MACs
};

using HmacSha256 = HmacState<Hash::kSha256>;

extern template class HmacState<Hash::kSha1>;
extern template class HmacState<Hash::kSha224>;
extern template class HmacState<Hash::kSha256>;
extern template class HmacState<Hash::kSha384>;
extern template class HmacState<Hash::kSha512>;

}  // namespace strongroom::algorithms
