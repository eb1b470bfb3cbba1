// token_loops.h: the token, driven by a C program through its function list. The sources of
// native/token are linked into this addon a second time, so this is a token of its own with a
// device in memory; nothing is exported for it from the product's addon. Each loop does the work
// `count` times and leaves the last result in `out`; all throw std::runtime_error with the CKR_*
// number when the token refuses, and are for one thread.
#pragma once

#include <cstddef>

#include "bytes.h"

namespace strongroom::bench::token {

// Makes the device, logs in and creates the keys: AES-256 for encrypt, a generic secret of 32 bytes
// for sign, and the same bytes once more as a key that may only derive, for derive_seal. Once a
// process.
void open(Input aes_key, Input secret);

// C_EncryptInit and C_Encrypt with CKM_AES_GCM. out: ciphertext, then 16 bytes of tag.
void encrypt(std::size_t count, Input iv, Input aad, Input data, Output out);
// C_EncryptMessage with CKM_AES_GCM, initialised once. out: ciphertext, then 16 bytes of tag.
void encrypt_message(std::size_t count, Input iv, Input aad, Input data, Output out);
// C_SignInit and C_Sign with CKM_SHA256_HMAC. out: 32 bytes.
void sign(std::size_t count, Input data, Output out);
void generate_random(std::size_t count, Output out);
// C_MessageEncryptInit, C_EncryptMessage and C_MessageEncryptFinal with
// CKM_STRONGROOM_DERIVE_AES_GCM, as one request does it. out: nonce of 28 bytes, tag of 16,
// ciphertext.
void derive_seal(std::size_t count, Input aad, Input data, Output out);

}  // namespace strongroom::bench::token
