// hmac_state.h: HMAC-SHA-256 (FIPS 198-1) with one key, from two hash states that have taken in the
// padded key already.
//
// Not EVP_MAC: OpenSSL's HMAC keeps a copy of the key on the ordinary heap. Here the key is read in
// the arena, padded in the arena, and OpenSSL sees nothing but whole padded blocks, which SHA-256
// takes without storing them.
//
// Not EVP_MD either: a MAC of a short message is two blocks of SHA-256, and seven calls through EVP
// to get there cost about as much again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "token/secure_memory.h"

namespace strongroom::algorithms {

class HmacState {
 public:
  HmacState() = default;
  HmacState(const HmacState&) = delete;
  HmacState& operator=(const HmacState&) = delete;
  ~HmacState();

  // Once, with a key of any length. False: out of memory.
  bool set_key(Bytes key);

  // One MAC: start, add as often as wanted, finish (32 bytes). False: in no known state, to be
  // thrown away.
  bool start();
  bool add(Bytes data);
  bool finish(std::uint8_t* mac);

 private:
  // Room for OpenSSL's SHA256_CTX, whose header only the implementation includes.
  struct alignas(8) Hash {
    std::array<std::uint8_t, 112> bytes{};
  };
  Hash inner_;  // after the key's inner pad
  Hash outer_;
  Hash work_;  // holds nothing between two MACs
};

}  // namespace strongroom::algorithms
