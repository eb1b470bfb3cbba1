// hmac_state.h: HMAC-SHA-256 (FIPS 198-1) with one key, on two digests that have taken in the
// padded key already.
//
// Not EVP_MAC: OpenSSL's HMAC keeps a copy of the key on the ordinary heap. Here the key is read in
// the arena, padded in the arena, and OpenSSL sees nothing but whole padded blocks, which SHA-256
// takes without storing them. It is also faster.
#pragma once

#include "token/algorithms/openssl.h"
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
  EVP_MD_CTX* inner_ = nullptr;  // after the key's inner pad
  EVP_MD_CTX* outer_ = nullptr;
  EVP_MD_CTX* work_ = nullptr;  // holds nothing between two MACs
};

}  // namespace strongroom::algorithms
