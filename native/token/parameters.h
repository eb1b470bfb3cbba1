// parameters.h: mechanism parameters as the algorithms take them, read from the standard's
// structures once.
#pragma once

#include <array>

#include "token/algorithms/asymmetric.h"
#include "token/algorithms/ciphers.h"

namespace strongroom::token {

struct SignatureParameters {
  std::size_t mac_length = 0;  // HMAC: bytes of MAC
  algorithms::Pss pss{};
};

// Its views are into the caller's parameter, or into what an Operation keeps of it.
struct CipherParameters {
  Bytes iv;                   // AEAD: IV or nonce; key wrap: initial value
  Bytes aad;                  // AEAD: additional data; OAEP: label
  std::size_t tag_bytes = 0;  // AEAD
  std::array<std::uint8_t, algorithms::kBlockBytes>
      block;                     // CBC: IV; CTR, ChaCha20: first counter block
  std::uint64_t length_max = 0;  // CTR, ChaCha20: bytes until the counter is used up
  std::uint64_t length = 0;      // CCM: bytes of plaintext
  algorithms::Oaep oaep{};
};

}  // namespace strongroom::token
