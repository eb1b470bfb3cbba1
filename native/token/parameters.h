// parameters.h: mechanism parameters as the algorithms take them, read from the standard's
// structures once.
#pragma once

#include "token/algorithms/asymmetric.h"

namespace strongroom::token {

struct SignatureParameters {
  std::size_t mac_length = 0;  // HMAC: bytes of MAC
  algorithms::Pss pss{};
};

// Views into the caller's parameter, or into what an Operation keeps of it.
struct CipherParameters {
  Bytes iv;                   // GCM
  Bytes aad;                  // GCM
  std::size_t tag_bytes = 0;  // GCM
  algorithms::Oaep oaep{};
};

}  // namespace strongroom::token
