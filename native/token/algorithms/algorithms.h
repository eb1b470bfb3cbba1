// algorithms.h: every algorithm of the token over OpenSSL EVP, by key object. This header is the
// wall: no OpenSSL type appears above it. Lengths are bytes. Outputs never overlap inputs unless
// stated.
//
// Functions run their algorithm's self-test before first use and answer CKR_FIPS_SELF_TEST_FAILED
// in the error state. They never throw and never wait (but for that first self-test).
#pragma once

#include <memory>

#include "token/algorithms/iv_counter.h"
#include "token/secure_memory.h"

namespace strongroom::algorithms {

// Key: one unsealed secret and its contexts. Contexts (key schedules, MAC states) are made on first
// use by each thread and never shared between two threads; all are cleansed with the key. Safe to
// use from any thread; destroyed when the last reference goes, which may be in the middle of
// another thread's release.
class Key {
 public:
  static std::shared_ptr<Key> make(Secret value);  // null: out of memory
  virtual ~Key() = default;
  virtual Bytes value() const = 0;

  // count_iv: IvCounter::next of this key.
  CK_RV count_iv(bool exclusive_or, CK_ULONG fixed_bits, MutableBytes iv) {
    return ivs_.next(exclusive_or, fixed_bits, iv);
  }

 private:
  IvCounter ivs_;
};

inline constexpr std::size_t kGcmTagBytes = 16;

// AES-GCM (SP 800-38D). iv 1 to 128 bytes (12 is the fast path; OpenSSL holds no longer one), tag
// 12 to 16 bytes (4 and 8 allowed for open). ciphertext.size() == plaintext.size(). open:
// CKR_ENCRYPTED_DATA_INVALID and plaintext wiped on a bad tag.
CK_RV aes_gcm_seal(Key&, Bytes iv, Bytes aad, Bytes plaintext, MutableBytes ciphertext,
                   MutableBytes tag);
CK_RV aes_gcm_open(Key&, Bytes iv, Bytes aad, Bytes ciphertext, Bytes tag, MutableBytes plaintext);

// AES-KWP (SP 800-38F 6.3, RFC 5649). wrapped.size() == kwp_wrapped_length(input.size()).
// unwrap: *length receives the unpadded length; CKR_WRAPPED_KEY_INVALID on a bad check value or
// padding.
std::size_t kwp_wrapped_length(std::size_t input_length);
CK_RV aes_kwp_wrap(Key&, Bytes input, MutableBytes wrapped);
CK_RV aes_kwp_unwrap(Key&, Bytes wrapped, MutableBytes output, std::size_t* length);

// The first bytes of AES (FIPS 197) of a block of zeros: CKA_CHECK_VALUE of an AES key.
inline constexpr std::size_t kCheckValueBytes = 3;
CK_RV aes_check_value(Key&, std::span<std::uint8_t, kCheckValueBytes> out);

// HMAC-SHA-256 (FIPS 198-1). mac.size() 1 to 32: leftmost bytes. Key of any length.
CK_RV hmac_sha256(Key&, Bytes data, MutableBytes mac);
CK_RV hmac_sha256(Key&, Bytes first, Bytes second, MutableBytes mac);  // over the concatenation

// One data field of an SP 800-108 input, in order. counter: big or little endian of width bits.
struct KdfField {
  enum class Kind { kCounter, kLength, kBytes } kind;
  bool little_endian;
  unsigned width_bits;  // 8, 16, 24 or 32
  Bytes bytes;          // kBytes only
};
// SP 800-108r1 section 4.1, counter mode, PRF HMAC-SHA-256. out of 1 to 65,535 bytes.
CK_RV sp800_108_counter(Key&, std::span<const KdfField> fields, MutableBytes out);

// CKM_STRONGROOM_DERIVE_AES_GCM. nonce 28 bytes, tag 16 bytes.
//   nonce      = leftmost 28 of HMAC-SHA-256(key, "hedge" block over DRBG output, aad and
//   plaintext) message key = SP 800-108 counter mode over fixed label and nonce[0..16), L = 256
//   ciphertext  = AES-256-GCM(message key, IV = nonce[16..28), aad, plaintext)
// The exact bytes are in docs/formats.md.
CK_RV derive_seal(Key&, Bytes aad, Bytes plaintext, MutableBytes nonce, MutableBytes ciphertext,
                  MutableBytes tag);
CK_RV derive_open(Key&, Bytes nonce, Bytes aad, Bytes ciphertext, Bytes tag,
                  MutableBytes plaintext);

CK_RV sha256(Bytes data, MutableBytes digest);
CK_RV pbkdf2_hmac_sha256(Bytes password, Bytes salt, unsigned iterations, MutableBytes out);
bool equal_constant_time(Bytes a, Bytes b);

}  // namespace strongroom::algorithms
