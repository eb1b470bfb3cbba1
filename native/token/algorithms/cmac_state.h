// cmac_state.h: AES-CMAC (NIST SP 800-38B) with one key, for MAC after MAC.
//
// Not EVP_MAC: that of OpenSSL 3.0 cannot begin anew with the key it has.
#pragma once

#include "token/secure_memory.h"

struct CMAC_CTX_st;

namespace strongroom::algorithms {

inline constexpr std::size_t kCmacBytes = 16;

class CmacState {
 public:
  CmacState() = default;
  CmacState(const CmacState&) = delete;
  CmacState& operator=(const CmacState&) = delete;
  ~CmacState();  // cleansed

  // Once, with an AES key. False: out of memory, or no such key.
  bool set_key(Bytes key);

  // One MAC: start, add as often as wanted, finish (kCmacBytes). False: in no known state, to be
  // thrown away.
  bool start();
  bool add(Bytes data);
  bool finish(std::uint8_t* mac);

 private:
  CMAC_CTX_st* context_ = nullptr;
};

}  // namespace strongroom::algorithms
