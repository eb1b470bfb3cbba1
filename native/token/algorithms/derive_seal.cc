// CKM_STRONGROOM_DERIVE_AES_GCM: each message gets a key of its own, so that no number of messages
// under one key can repeat a (key, IV) pair by chance and nothing about IVs needs remembering.
//
//   nonce       = leftmost 28 bytes of HMAC-SHA-256(key, kHedgeLabel || random || length of aad (8
//   bytes, big endian)
//                 || aad || plaintext), random: 32 bytes of DRBG output
//   message key = SP 800-108r1 counter mode, one block: HMAC-SHA-256(key, 00000001 || kKeyLabel ||
//   00 ||
//                 nonce[0..16) || 00000100)
//   result      = AES-256-GCM(message key, IV nonce[16..28), aad, plaintext)
//
// The nonce depends on key and message as well as on the DRBG, so a cloned machine repeats one only
// for a repeated message, which then gives the same result and reveals nothing but that. The two
// HMAC inputs differ in their first byte, so neither can be made to serve as the other.
#include <array>
#include <cstring>

#include "token/algorithms/aead_context.h"
#include "token/algorithms/unchecked.h"
#include "token/drbg/drbg.h"
#include "token/per_thread.h"
#include "token/self_test/self_test.h"

namespace strongroom::algorithms {
namespace {

constexpr std::size_t kNonceBytes = SR_SEAL_NONCE_BYTES;
constexpr std::size_t kContextBytes = 16;  // the part of the nonce that chooses the message key
constexpr std::array<std::uint8_t, 8> kHedgeLabel = {'S', 'R', ' ', 'h', 'e', 'd', 'g', 'e'};
constexpr std::array<std::uint8_t, 14> kKeyLabel = {'S', 'R', ' ', 'm', 'e', 's', 's',
                                                    'a', 'g', 'e', ' ', 'k', 'e', 'y'};
constexpr std::size_t kHedgeHeadBytes = kHedgeLabel.size() + unchecked::kSealRandomBytes + 8;
constexpr std::size_t kKdfBytes = 4 + kKeyLabel.size() + 1 + kContextBytes + 4;

// What a thread needs for a moment, in the arena, and the GCM context it re-keys for each message.
struct Scratch {
  struct Layout {
    std::uint8_t random[unchecked::kSealRandomBytes];
    std::uint8_t hedge_head[kHedgeHeadBytes];
    std::uint8_t full_nonce[unchecked::kSha256Bytes];
    std::uint8_t message_key[unchecked::kSha256Bytes];
  };
  Secret memory{sizeof(Layout)};
  EVP_CIPHER_CTX* gcm = nullptr;

  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { EVP_CIPHER_CTX_free(gcm); }

  Layout* layout() { return reinterpret_cast<Layout*>(memory.data()); }
};

constinit PerThread<Scratch> scratches;

Scratch* scratch() {
  Scratch* const mine = scratches.get();
  return mine != nullptr && mine->memory ? mine : nullptr;
}

bool set_key(Scratch& own, const std::uint8_t* key) {
  if (own.gcm == nullptr) {
    EVP_CIPHER* const cipher = cipher_for(CipherMode::kAesGcm, unchecked::kSha256Bytes);
    own.gcm = cipher != nullptr ? EVP_CIPHER_CTX_new() : nullptr;
    return own.gcm != nullptr && EVP_CipherInit_ex2(own.gcm, cipher, key, nullptr, 1, nullptr) == 1;
  }
  return EVP_CipherInit_ex2(own.gcm, nullptr, key, nullptr, 1, nullptr) == 1;
}

// Overwrites the schedule and hash tables of the message key with those of the zero key, which is
// cheaper than a new context and leaves nothing of the old one. If even that fails the context
// goes, cleansed by OpenSSL.
void forget_key(Scratch& own) {
  static constexpr std::uint8_t kZeroKey[32] = {};
  wipe(own.layout(), sizeof(Scratch::Layout));
  if (own.gcm == nullptr ||
      EVP_CipherInit_ex2(own.gcm, nullptr, kZeroKey, nullptr, 1, nullptr) == 1)
    return;
  EVP_CIPHER_CTX_free(own.gcm);
  own.gcm = nullptr;
}

// Leaves the message key of nonce in the scratch context.
CK_RV use_message_key(Key& key, Scratch& own, Bytes nonce) {
  std::uint8_t input[kKdfBytes] = {0, 0, 0, 1};
  std::uint8_t* at = input + 4;
  std::memcpy(at, kKeyLabel.data(), kKeyLabel.size());
  at += kKeyLabel.size() + 1;
  std::memcpy(at, nonce.data(), kContextBytes);
  at[kContextBytes + 2] = 1;  // L = 256 bits
  auto& message_key = own.layout()->message_key;
  if (const CK_RV rv = unchecked::hmac_sha256(key, {input}, message_key); rv != CKR_OK) return rv;
  return set_key(own, message_key) ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV make_nonce(Key& key, Scratch& own, Bytes random, Bytes aad, Bytes plaintext,
                 MutableBytes nonce) {
  auto& head = own.layout()->hedge_head;
  std::memcpy(head, kHedgeLabel.data(), kHedgeLabel.size());
  std::memcpy(head + kHedgeLabel.size(), random.data(), random.size());
  for (std::size_t i = 0; i < 8; ++i)
    head[kHedgeHeadBytes - 1 - i] = static_cast<std::uint8_t>(std::uint64_t{aad.size()} >> (8 * i));
  auto& full = own.layout()->full_nonce;
  if (const CK_RV rv = unchecked::hmac_sha256(key, {head, aad, plaintext}, full); rv != CKR_OK)
    return rv;
  std::memcpy(nonce.data(), full, kNonceBytes);
  return CKR_OK;
}

CK_RV check_lengths(std::size_t nonce, Bytes aad, std::size_t input, std::size_t output,
                    std::size_t tag) {
  if (nonce != kNonceBytes || tag != SR_SEAL_TAG_BYTES || input != output) return CKR_ARGUMENTS_BAD;
  return aad.size() > kGcmDataBytesMax ? CKR_MECHANISM_PARAM_INVALID : CKR_OK;
}

}  // namespace

namespace unchecked {

CK_RV derive_seal(Key& key, Bytes random, Bytes aad, Bytes plaintext, MutableBytes nonce,
                  MutableBytes ciphertext, MutableBytes tag) {
  if (const CK_RV rv =
          check_lengths(nonce.size(), aad, plaintext.size(), ciphertext.size(), tag.size());
      rv != CKR_OK)
    return rv;
  if (plaintext.size() > kGcmDataBytesMax) return CKR_DATA_LEN_RANGE;
  Scratch* const own = scratch();
  if (own == nullptr) return CKR_HOST_MEMORY;
  CK_RV rv = make_nonce(key, *own, random, aad, plaintext, nonce);
  if (rv == CKR_OK) rv = use_message_key(key, *own, nonce);
  if (rv == CKR_OK &&
      !aead_seal(own->gcm, nonce.subspan(kContextBytes), aad, plaintext, ciphertext, tag))
    rv = CKR_FUNCTION_FAILED;
  forget_key(*own);
  if (rv != CKR_OK) wipe(ciphertext.data(), ciphertext.size());
  return rv;
}

CK_RV derive_open(Key& key, Bytes nonce, Bytes aad, Bytes ciphertext, Bytes tag,
                  MutableBytes plaintext) {
  if (const CK_RV rv =
          check_lengths(nonce.size(), aad, ciphertext.size(), plaintext.size(), tag.size());
      rv != CKR_OK)
    return rv;
  if (ciphertext.size() > kGcmDataBytesMax) return CKR_ENCRYPTED_DATA_LEN_RANGE;
  Scratch* const own = scratch();
  if (own == nullptr) return CKR_HOST_MEMORY;
  CK_RV rv = use_message_key(key, *own, nonce);
  if (rv == CKR_OK) {
    const AeadOpened opened =
        aead_open(own->gcm, nonce.subspan(kContextBytes), aad, ciphertext, tag, plaintext);
    if (opened == AeadOpened::kForged) rv = CKR_ENCRYPTED_DATA_INVALID;
    if (opened == AeadOpened::kFailed) rv = CKR_FUNCTION_FAILED;
  }
  forget_key(*own);
  return rv;
}

}  // namespace unchecked

CK_RV derive_seal(Key& key, Bytes aad, Bytes plaintext, MutableBytes nonce, MutableBytes ciphertext,
                  MutableBytes tag) {
  if (const CK_RV rv = self_test::require(self_test::Algorithm::kDeriveSeal); rv != CKR_OK)
    return rv;
  Scratch* const own = scratch();
  if (own == nullptr) return CKR_HOST_MEMORY;
  auto& random = own->layout()->random;
  if (const CK_RV rv = drbg::generate(random); rv != CKR_OK) return rv;
  const CK_RV rv = unchecked::derive_seal(key, random, aad, plaintext, nonce, ciphertext, tag);
  wipe(random, sizeof random);
  return rv;
}

CK_RV derive_open(Key& key, Bytes nonce, Bytes aad, Bytes ciphertext, Bytes tag,
                  MutableBytes plaintext) {
  const CK_RV rv = self_test::require(self_test::Algorithm::kDeriveSeal);
  return rv != CKR_OK ? rv : unchecked::derive_open(key, nonce, aad, ciphertext, tag, plaintext);
}

}  // namespace strongroom::algorithms
