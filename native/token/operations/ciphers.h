// ciphers.h: the families of encryption mechanisms, one Scheme each: single part, parts, and
// wrapping of keys go through it.
#pragma once

#include "token/operations/common.h"

namespace strongroom::token::operations {

using algorithms::Direction;

// One message to be encrypted or decrypted.
struct Ciphering {
  const Object& key;  // admitted for the mechanism
  const CipherParameters& parameters;
};

struct CipherScheme {
  // CKR_MECHANISM_PARAM_INVALID.
  CK_RV (*read)(const CK_MECHANISM&, CipherParameters*);
  // The conventions of 5.2 for output and length. Data and output may be the same.
  using Run = CK_RV(const Ciphering&, Bytes data, CK_BYTE* out, CK_ULONG* out_len);
  // CKR_DATA_LEN_RANGE.
  Run* encrypt;
  // CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE.
  Run* decrypt;
  // A message in parts; what Ciphering refers to outlives the stream. Null: the mechanism has
  // single parts only.
  using Begin = CK_RV(const Ciphering&, std::unique_ptr<CipherStream>* out);
  Begin* begin_encrypting = nullptr;
  Begin* begin_decrypting = nullptr;
};

// The scheme of a mechanism with CKF_ENCRYPT or CKF_WRAP.
const CipherScheme& cipher_scheme(const MechanismRow& row);

extern const CipherScheme kEcbScheme;  // block_ciphers.cc
extern const CipherScheme kCbcScheme;
extern const CipherScheme kCbcPadScheme;
extern const CipherScheme kCtrScheme;  // stream_ciphers.cc
extern const CipherScheme kChaCha20Scheme;
extern const CipherScheme kGcmScheme;  // aead_ciphers.cc
extern const CipherScheme kCcmScheme;
extern const CipherScheme kChaCha20Poly1305Scheme;
extern const CipherScheme kKwScheme;  // key_wrap_ciphers.cc
extern const CipherScheme kKwpScheme;
extern const CipherScheme kRsaAesKeyWrapScheme;
extern const CipherScheme kOaepScheme;  // oaep_cipher.cc

// Lengths that SP 800-38C allows together, in bytes.
bool ccm_lengths_valid(CK_ULONG data, CK_ULONG nonce, CK_ULONG tag);
// Of ChaCha20-Poly1305: 96, since the standard counts bits, or 12, since NSS counts bytes.
bool chacha20_nonce_valid(CK_ULONG length);

inline CK_RV length_range(Direction direction) {
  return direction == Direction::kEncrypt ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_LEN_RANGE;
}

// What a part of an operation's output takes and what the caller has: true where there is nothing
// to do but to answer *rv.
inline bool length_only(std::size_t needed, const CK_BYTE* out, CK_ULONG* out_len, CK_RV* rv) {
  const CK_ULONG room = *out_len;
  if (out && room >= needed) return false;
  *out_len = needed;
  *rv = out ? CKR_BUFFER_TOO_SMALL : CKR_OK;
  return true;
}

// run_to: the conventions of 5.2 for a result of known length. work() writes it.
template <class Work>
CK_RV run_to(std::size_t needed, Bytes data, CK_BYTE* out, CK_ULONG* out_len, Work work) {
  CK_RV rv;
  if (length_only(needed, out, out_len, &rv)) return rv;
  if (overlap_unevenly(data.data(), data.size(), out, needed)) return CKR_ARGUMENTS_BAD;
  rv = work();
  if (rv == CKR_OK) *out_len = needed;
  return rv;
}

// Longest message that is gathered, in bytes. docs/pkcs11.md names it.
inline constexpr std::size_t kGatheredBytesMax = std::size_t{256} << 20;

// Gathering: what cannot be given out before all of it is there (plaintext, before its tag is
// checked; CCM, whose first block names the length) comes with the last call, as from a single
// part.
class GatheringStream final : public CipherStream {
 public:
  GatheringStream(const Ciphering& what, CipherScheme::Run* run, CK_RV too_long)
      : what_(what), run_(run), too_long_(too_long) {}

  std::size_t next_length(std::size_t) const override { return 0; }
  CK_RV add(Bytes part, CK_BYTE*) override {
    if (part.size() > kGatheredBytesMax - message_.size()) return too_long_;
    return message_.append(part) ? CKR_OK : CKR_HOST_MEMORY;
  }
  CK_RV finish(CK_BYTE* out, CK_ULONG* out_len) override {
    return run_(what_, message_.bytes(), out, out_len);
  }

 private:
  const Ciphering what_;
  CipherScheme::Run* const run_;
  const CK_RV too_long_;
  WipedBuffer message_;
};

}  // namespace strongroom::token::operations
