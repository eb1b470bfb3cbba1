// mechanisms.h: one row for each mechanism: what C_GetMechanismInfo says of it is what the
// operations enforce.
#pragma once

#include <optional>
#include <span>

#include "token/object.h"

namespace strongroom::token {

// What the mechanisms of one family share: parameter, lengths and the algorithm behind them.
enum class Family : std::uint8_t {
  kKeyGeneration,
  kKeyPairGeneration,
  kEcb,
  kCbc,
  kCbcPad,
  kCtr,
  kGcm,
  kCcm,
  kChaCha20,
  kChaCha20Poly1305,
  kKw,
  kKwp,
  kRsaAesKeyWrap,
  kCmac,
  kCmacGeneral,
  kHmac,
  kHmacGeneral,
  kCounterKdf,
  kSeal,
  kRsaPkcs1,
  kRsaPss,
  kRsaOaep,
  kEcdsa,
  kDigest,
};

enum KeyTypeMask : std::uint32_t {
  kAesKeys = 1,
  kGenericKeys = 2,
  kSha1HmacKeys = 4,
  kSha224HmacKeys = 8,
  kSha256HmacKeys = 16,
  kSha384HmacKeys = 32,
  kSha512HmacKeys = 64,
  kRsaKeys = 128,
  kEcKeys = 256,
  kChaCha20Keys = 512,
};

struct MechanismRow {
  CK_MECHANISM_TYPE type;
  CK_MECHANISM_INFO info;  // sizes in the unit the standard gives the mechanism
  Family family;
  std::optional<algorithms::Hash> hash;  // none: it hashes nothing, or says what in its parameter
  std::uint32_t key_types;               // KeyTypeMask; 0: takes no key
  std::size_t key_size_min;              // of the key it takes: Object::key_size
  std::size_t key_size_max;
};

std::span<const MechanismRow> mechanism_rows();
const MechanismRow* mechanism_row(CK_MECHANISM_TYPE type);

// A mechanism of the token that the function asked (one CKF_* bit) can use. Null:
// CKR_MECHANISM_INVALID.
const MechanismRow* mechanism_for(const CK_MECHANISM& mechanism, CK_FLAGS function);

// When a key is used: at once, or after an Init, which leaves time for the context-specific login
// that a key with CKA_ALWAYS_AUTHENTICATE asks for (4.9).
enum class Use : std::uint8_t { kAtOnce, kAfterInit };

// check_key: may this key be used so? CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_SIZE_RANGE,
// CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_MECHANISM_INVALID (not among its CKA_ALLOWED_MECHANISMS),
// CKR_USER_NOT_LOGGED_IN (it asks for a login that this use has no place for).
CK_RV check_key(const Object& key, const MechanismRow& row, std::uint32_t usage,
                Use use = Use::kAtOnce);

// The hash that a parameter names: CKM_SHA_1 ..., CKG_MGF1_SHA1 ...
std::optional<algorithms::Hash> hash_of(CK_MECHANISM_TYPE digest);
std::optional<algorithms::Hash> hash_of_mgf1(CK_RSA_PKCS_MGF_TYPE function);

}  // namespace strongroom::token
