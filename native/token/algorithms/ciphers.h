// ciphers.h: symmetric ciphers by key object, whole messages and messages in parts. Part of the
// wall that algorithms.h describes; its rules hold here. Outputs may lie where inputs lie (the same
// first byte) or apart from them.
#pragma once

#include "token/algorithms/algorithms.h"

namespace strongroom::algorithms {

enum class Direction : std::uint8_t { kEncrypt, kDecrypt };

// Ciphers whose output is as long as their input, and which notice no change of it.
enum class Cipher : std::uint8_t {
  kAesEcb,    // SP 800-38A 6.1; whole blocks, no iv
  kAesCbc,    // SP 800-38A 6.2; whole blocks, iv of a block
  kAesCtr,    // SP 800-38A 6.5; iv: the first counter block, all of which counts, big endian
  kChaCha20,  // RFC 8439 2.4; iv: 4 bytes of counter, little endian, and 12 of nonce
};
inline constexpr std::size_t kBlockBytes = 16;  // of AES, and of every iv here

// transform: in.size() == out.size(). CKR_KEY_SIZE_RANGE, CKR_MECHANISM_PARAM_INVALID (iv),
// CKR_DATA_LEN_RANGE (no whole blocks), CKR_FUNCTION_FAILED.
CK_RV transform(Key&, Cipher, Direction, Bytes iv, Bytes in, MutableBytes out);

// Authenticated encryption.
enum class Aead : std::uint8_t {
  kAesGcm,
  kAesCcm,            // SP 800-38C; iv (nonce) 7 to 13 bytes, tag 4 to 16 bytes and even
  kChaCha20Poly1305,  // RFC 8439 2.8; iv 12 bytes, tag 16 bytes
};

// As aes_gcm_seal and aes_gcm_open.
CK_RV seal(Aead, Key&, Bytes iv, Bytes aad, Bytes plaintext, MutableBytes ciphertext,
           MutableBytes tag);
CK_RV open(Aead, Key&, Bytes iv, Bytes aad, Bytes ciphertext, Bytes tag, MutableBytes plaintext);

// AES key wrap (SP 800-38F 6.2, RFC 3394). iv: the 8 bytes of the initial value that integrity is
// checked by; input of two or more semiblocks of 8 bytes; wrapped.size() == input.size() + 8.
// unwrap: CKR_WRAPPED_KEY_INVALID on a bad check value.
inline constexpr std::size_t kSemiblockBytes = 8;
CK_RV aes_kw_wrap(Key&, Bytes iv, Bytes input, MutableBytes wrapped);
CK_RV aes_kw_unwrap(Key&, Bytes iv, Bytes wrapped, MutableBytes output);

// AES-CMAC (SP 800-38B). mac 1 to 16 bytes: leftmost bytes.
CK_RV aes_cmac(Key&, Bytes data, MutableBytes mac);

// CipherState: one message in parts, on a context of its own. Used by one thread at a time;
// cleansed when it goes. After anything but CKR_OK it is in no known state.
class CipherState {
 public:
  virtual ~CipherState() = default;

  // Answers as transform.
  static CK_RV begin(Key&, Cipher, Direction, Bytes iv, std::unique_ptr<CipherState>* out);
  // Sealing, of kAesGcm and kChaCha20Poly1305. Answers as seal.
  static CK_RV begin_sealing(Aead, Key&, Bytes iv, Bytes aad, std::unique_ptr<CipherState>* out);

  // in.size() == out.size(); of ECB and CBC whole blocks.
  virtual CK_RV add(Bytes in, MutableBytes out) = 0;
  // Sealing, once, after the last add.
  virtual CK_RV finish(MutableBytes tag) = 0;
};

}  // namespace strongroom::algorithms
