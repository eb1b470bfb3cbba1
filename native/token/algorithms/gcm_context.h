// gcm_context.h: one GCM operation on a keyed context, for plain GCM and for the per-message
// composite.
#pragma once

#include "token/algorithms/openssl.h"
#include "token/secure_memory.h"

namespace strongroom::algorithms {

inline constexpr std::size_t kGcmIvBytesMax = 128;  // what OpenSSL's providers hold
// EVP counts in int; one operation stays well below.
inline constexpr std::size_t kGcmDataBytesMax = std::size_t{1} << 30;

// True: done. False: the context failed and is in no known state. Lengths are checked by the
// caller.
bool gcm_seal(EVP_CIPHER_CTX*, Bytes iv, Bytes aad, Bytes plaintext, MutableBytes ciphertext,
              MutableBytes tag);

// kForged: the tag does not fit; plaintext is wiped and the context is as good as before.
enum class GcmOpened { kYes, kForged, kFailed };
GcmOpened gcm_open(EVP_CIPHER_CTX*, Bytes iv, Bytes aad, Bytes ciphertext, Bytes tag,
                   MutableBytes plaintext);

}  // namespace strongroom::algorithms
