// aead_context.h: one authenticated encryption on a keyed context, where EVP drives the cipher as
// it drives GCM: GCM itself, ChaCha20-Poly1305 and the per-message composite.
#pragma once

#include "token/algorithms/openssl.h"
#include "token/secure_memory.h"

namespace strongroom::algorithms {

inline constexpr std::size_t kGcmIvBytesMax = 128;  // what OpenSSL's providers hold
// EVP counts in int; one operation stays well below.
inline constexpr std::size_t kGcmDataBytesMax = std::size_t{1} << 30;

// True: done. False: the context failed and is in no known state. Lengths are checked by the
// caller.
bool aead_seal(EVP_CIPHER_CTX*, Bytes iv, Bytes aad, Bytes plaintext, MutableBytes ciphertext,
               MutableBytes tag);

// kForged: the tag does not fit; plaintext is wiped and the context is as good as before.
enum class AeadOpened { kYes, kForged, kFailed };
AeadOpened aead_open(EVP_CIPHER_CTX*, Bytes iv, Bytes aad, Bytes ciphertext, Bytes tag,
                     MutableBytes plaintext);

// The steps of aead_seal, for a message in parts.
bool aead_start_sealing(EVP_CIPHER_CTX*, Bytes iv, Bytes aad);
bool aead_finish_sealing(EVP_CIPHER_CTX*, MutableBytes tag);

}  // namespace strongroom::algorithms
