// token_loops.h: the token, driven by a C program through its function list. The sources of
// native/token are linked into this addon a second time, so this is a token of its own with a
// device in memory; nothing is exported for it from the product's addon. Each loop does the work
// `count` times and leaves the last result in `out`; all throw std::runtime_error with the CKR_*
// number when the token refuses, and are for one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "bytes.h"

namespace strongroom::bench::token {

// Makes the device and logs in. Once a process.
void open();

struct Attribute {
  std::uint64_t type;  // CKA_*
  Input value;         // as C_CreateObject takes it
};
// Answers the handle, which the loops take as `key`.
std::uint64_t create_object(std::span<const Attribute> attributes);

// C_EncryptInit and C_Encrypt with CKM_AES_GCM. out: ciphertext, then 16 bytes of tag.
void encrypt(std::size_t count, std::uint64_t key, Input iv, Input aad, Input data, Output out);
// C_EncryptMessage with CKM_AES_GCM, initialised once. out: ciphertext, then 16 bytes of tag.
void encrypt_message(std::size_t count, std::uint64_t key, Input iv, Input aad, Input data,
                     Output out);
// C_SignInit and C_Sign. CKM_SHA256_RSA_PKCS_PSS has SHA-256 for MGF1, too, and a salt of 32 bytes;
// other mechanisms have no parameter. out: as long as a signature.
void sign(std::size_t count, std::uint64_t mechanism, std::uint64_t key, Input data, Output out);
// C_VerifyInit and C_Verify. verdict: 1 byte, 1 for a good signature and 0 for a wrong one.
void verify(std::size_t count, std::uint64_t mechanism, std::uint64_t key, Input data,
            Input signature, Output verdict);
void generate_random(std::size_t count, Output out);
// C_MessageEncryptInit, C_EncryptMessage and C_MessageEncryptFinal with
// CKM_STRONGROOM_DERIVE_AES_GCM, as one request does it. out: nonce of 28 bytes, tag of 16,
// ciphertext.
void derive_seal(std::size_t count, std::uint64_t key, Input aad, Input data, Output out);

}  // namespace strongroom::bench::token
