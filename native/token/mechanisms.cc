#include "token/mechanisms.h"

#include <algorithm>

namespace strongroom::token {
namespace {

using algorithms::Hash;
using enum Hash;

constexpr std::size_t kAesMin = 16;
constexpr std::size_t kAesMax = 32;
constexpr std::size_t kMac = kSecretKeyBytesMax;
// A backing key is itself the only secret of its messages: full strength or nothing.
constexpr std::size_t kSealMin = 32;
constexpr std::size_t kSealMax = 64;
constexpr std::size_t kRsaMin = 2048;
constexpr std::size_t kRsaMax = 4096;
constexpr std::size_t kEcMin = 256;
constexpr std::size_t kEcMax = 521;

constexpr std::size_t kChaCha20Key = 32;

constexpr CK_FLAGS kEncrypts = CKF_ENCRYPT | CKF_DECRYPT;
constexpr CK_FLAGS kWraps = CKF_WRAP | CKF_UNWRAP;
constexpr CK_FLAGS kEncryptsMessages =
    CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE;
constexpr CK_FLAGS kSigns = CKF_SIGN | CKF_VERIFY;
// Prime fields, curves by object identifier, points uncompressed.
constexpr CK_FLAGS kCurves = CKF_EC_F_P | CKF_EC_OID | CKF_EC_UNCOMPRESS;

constexpr MechanismRow rsa(CK_MECHANISM_TYPE type, CK_FLAGS flags, Family family,
                           std::optional<Hash> hash) {
  return {type, {kRsaMin, kRsaMax, flags}, family, hash, kRsaKeys, kRsaMin, kRsaMax};
}
constexpr MechanismRow ecdsa(CK_MECHANISM_TYPE type, std::optional<Hash> hash) {
  return {type, {kEcMin, kEcMax, kSigns | kCurves}, Family::kEcdsa, hash, kEcKeys, kEcMin, kEcMax};
}
// A generic secret, or a key of the one HMAC.
constexpr MechanismRow hmac(CK_MECHANISM_TYPE type, Family family, Hash hash, KeyTypeMask own) {
  return {type, {1, kMac, kSigns}, family, hash, kGenericKeys | own, 1, kMac};
}

constexpr MechanismRow digest(CK_MECHANISM_TYPE type, Hash hash) {
  return {type, {0, 0, CKF_DIGEST}, Family::kDigest, hash, 0, 0, 0};
}

constexpr MechanismRow aes(CK_MECHANISM_TYPE type, CK_FLAGS flags, Family family) {
  return {type, {kAesMin, kAesMax, flags}, family, {}, kAesKeys, kAesMin, kAesMax};
}
constexpr MechanismRow chacha20(CK_MECHANISM_TYPE type, CK_FLAGS flags, Family family) {
  return {type,        {kChaCha20Key, kChaCha20Key, flags}, family, {}, kChaCha20Keys, kChaCha20Key,
          kChaCha20Key};
}

constexpr MechanismRow secret_generation(CK_MECHANISM_TYPE type, CK_ULONG min, CK_ULONG max) {
  return {type, {min, max, CKF_GENERATE}, Family::kKeyGeneration, {}, 0, 0, 0};
}

// Ascending by type. Generic secret generation counts bits (6.8.4), as RSA and EC do; everything
// else here counts bytes.
constexpr MechanismRow kRows[] = {
    {CKM_RSA_PKCS_KEY_PAIR_GEN,
     {kRsaMin, kRsaMax, CKF_GENERATE_KEY_PAIR},
     Family::kKeyPairGeneration,
     {},
     0,
     0,
     0},
    rsa(CKM_RSA_PKCS, kSigns, Family::kRsaPkcs1, {}),
    rsa(CKM_SHA1_RSA_PKCS, kSigns, Family::kRsaPkcs1, kSha1),
    rsa(CKM_RSA_PKCS_OAEP, kEncrypts | kWraps, Family::kRsaOaep, {}),
    rsa(CKM_RSA_PKCS_PSS, kSigns, Family::kRsaPss, {}),
    rsa(CKM_SHA1_RSA_PKCS_PSS, kSigns, Family::kRsaPss, kSha1),
    rsa(CKM_SHA256_RSA_PKCS, kSigns, Family::kRsaPkcs1, kSha256),
    rsa(CKM_SHA384_RSA_PKCS, kSigns, Family::kRsaPkcs1, kSha384),
    rsa(CKM_SHA512_RSA_PKCS, kSigns, Family::kRsaPkcs1, kSha512),
    rsa(CKM_SHA256_RSA_PKCS_PSS, kSigns, Family::kRsaPss, kSha256),
    rsa(CKM_SHA384_RSA_PKCS_PSS, kSigns, Family::kRsaPss, kSha384),
    rsa(CKM_SHA512_RSA_PKCS_PSS, kSigns, Family::kRsaPss, kSha512),
    rsa(CKM_SHA224_RSA_PKCS, kSigns, Family::kRsaPkcs1, kSha224),
    rsa(CKM_SHA224_RSA_PKCS_PSS, kSigns, Family::kRsaPss, kSha224),
    digest(CKM_SHA_1, kSha1),
    hmac(CKM_SHA_1_HMAC, Family::kHmac, kSha1, kSha1HmacKeys),
    hmac(CKM_SHA_1_HMAC_GENERAL, Family::kHmacGeneral, kSha1, kSha1HmacKeys),
    digest(CKM_SHA256, kSha256),
    hmac(CKM_SHA256_HMAC, Family::kHmac, kSha256, kSha256HmacKeys),
    hmac(CKM_SHA256_HMAC_GENERAL, Family::kHmacGeneral, kSha256, kSha256HmacKeys),
    digest(CKM_SHA224, kSha224),
    hmac(CKM_SHA224_HMAC, Family::kHmac, kSha224, kSha224HmacKeys),
    hmac(CKM_SHA224_HMAC_GENERAL, Family::kHmacGeneral, kSha224, kSha224HmacKeys),
    digest(CKM_SHA384, kSha384),
    hmac(CKM_SHA384_HMAC, Family::kHmac, kSha384, kSha384HmacKeys),
    hmac(CKM_SHA384_HMAC_GENERAL, Family::kHmacGeneral, kSha384, kSha384HmacKeys),
    digest(CKM_SHA512, kSha512),
    hmac(CKM_SHA512_HMAC, Family::kHmac, kSha512, kSha512HmacKeys),
    hmac(CKM_SHA512_HMAC_GENERAL, Family::kHmacGeneral, kSha512, kSha512HmacKeys),
    secret_generation(CKM_GENERIC_SECRET_KEY_GEN, 8, 8 * kSecretKeyBytesMax),
    {CKM_SP800_108_COUNTER_KDF,
     {1, kMac, CKF_DERIVE},
     Family::kCounterKdf,
     kSha256,
     kGenericKeys | kSha256HmacKeys,
     1,
     kMac},
    {CKM_EC_KEY_PAIR_GEN,
     {kEcMin, kEcMax, CKF_GENERATE_KEY_PAIR | kCurves},
     Family::kKeyPairGeneration,
     {},
     0,
     0,
     0},
    ecdsa(CKM_ECDSA, {}),
    ecdsa(CKM_ECDSA_SHA1, kSha1),
    ecdsa(CKM_ECDSA_SHA224, kSha224),
    ecdsa(CKM_ECDSA_SHA256, kSha256),
    ecdsa(CKM_ECDSA_SHA384, kSha384),
    ecdsa(CKM_ECDSA_SHA512, kSha512),
    rsa(CKM_RSA_AES_KEY_WRAP, kWraps, Family::kRsaAesKeyWrap, {}),
    secret_generation(CKM_AES_KEY_GEN, kAesMin, kAesMax),
    aes(CKM_AES_ECB, kEncrypts | kWraps, Family::kEcb),
    aes(CKM_AES_CBC, kEncrypts | kWraps, Family::kCbc),
    aes(CKM_AES_CBC_PAD, kEncrypts | kWraps, Family::kCbcPad),
    aes(CKM_AES_CTR, kEncrypts | kWraps, Family::kCtr),
    aes(CKM_AES_GCM, kEncrypts | kWraps | kEncryptsMessages, Family::kGcm),
    aes(CKM_AES_CCM, kEncrypts | kWraps | kEncryptsMessages, Family::kCcm),
    aes(CKM_AES_CMAC, kSigns, Family::kCmac),
    aes(CKM_AES_CMAC_GENERAL, kSigns, Family::kCmacGeneral),
    secret_generation(CKM_CHACHA20_KEY_GEN, kChaCha20Key, kChaCha20Key),
    chacha20(CKM_CHACHA20, kEncrypts, Family::kChaCha20),
    aes(CKM_AES_KEY_WRAP, kEncrypts | kWraps, Family::kKw),
    aes(CKM_AES_KEY_WRAP_KWP, kEncrypts | kWraps, Family::kKwp),
    chacha20(CKM_CHACHA20_POLY1305, kEncrypts | kEncryptsMessages, Family::kChaCha20Poly1305),
    {CKM_STRONGROOM_DERIVE_AES_GCM,
     {kSealMin, kSealMax, CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT},
     Family::kSeal,
     {},
     kGenericKeys,
     kSealMin,
     kSealMax},
};
static_assert(std::is_sorted(std::begin(kRows), std::end(kRows),
                             [](const MechanismRow& a, const MechanismRow& b) {
                               return a.type < b.type;
                             }));

std::uint32_t mask_of(CK_KEY_TYPE type) {
  switch (type) {
    case CKK_AES:
      return kAesKeys;
    case CKK_GENERIC_SECRET:
      return kGenericKeys;
    case CKK_SHA_1_HMAC:
      return kSha1HmacKeys;
    case CKK_SHA224_HMAC:
      return kSha224HmacKeys;
    case CKK_SHA256_HMAC:
      return kSha256HmacKeys;
    case CKK_SHA384_HMAC:
      return kSha384HmacKeys;
    case CKK_SHA512_HMAC:
      return kSha512HmacKeys;
    case CKK_RSA:
      return kRsaKeys;
    case CKK_EC:
      return kEcKeys;
    case CKK_CHACHA20:
      return kChaCha20Keys;
    default:
      return 0;
  }
}

// Which half of a pair does what is asked; a secret key does all of it.
CK_OBJECT_CLASS class_for(const MechanismRow& row, std::uint32_t usage) {
  if (!(row.key_types & (kRsaKeys | kEcKeys))) return CKO_SECRET_KEY;
  return usage & (kSignUsage | kDecryptUsage | kUnwrapUsage) ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY;
}

}  // namespace

std::span<const MechanismRow> mechanism_rows() { return kRows; }

const MechanismRow* mechanism_row(CK_MECHANISM_TYPE type) {
  const auto* row =
      std::lower_bound(std::begin(kRows), std::end(kRows), type,
                       [](const MechanismRow& a, CK_MECHANISM_TYPE b) { return a.type < b; });
  return row != std::end(kRows) && row->type == type ? row : nullptr;
}

const MechanismRow* mechanism_for(const CK_MECHANISM& mechanism, CK_FLAGS function) {
  const MechanismRow* row = mechanism_row(mechanism.mechanism);
  return row && row->info.flags & function ? row : nullptr;
}

CK_RV check_key(const Object& key, const MechanismRow& row, std::uint32_t usage, Use use) {
  if (key.opaque || key.object_class != class_for(row, usage) ||
      !(mask_of(key.key_type) & row.key_types)) {
    return CKR_KEY_TYPE_INCONSISTENT;
  }
  if (key.unavailable != CKR_OK) return key.unavailable;
  const std::size_t size = key.key_size();
  if (size < row.key_size_min || size > row.key_size_max) return CKR_KEY_SIZE_RANGE;
  if (!(key.usage & usage)) return CKR_KEY_FUNCTION_NOT_PERMITTED;
  if (!key.allows(row.type)) return CKR_MECHANISM_INVALID;
  return key.always_authenticate && use == Use::kAtOnce ? CKR_USER_NOT_LOGGED_IN : CKR_OK;
}

std::optional<Hash> hash_of(CK_MECHANISM_TYPE digest) {
  switch (digest) {
    case CKM_SHA_1:
      return kSha1;
    case CKM_SHA224:
      return kSha224;
    case CKM_SHA256:
      return kSha256;
    case CKM_SHA384:
      return kSha384;
    case CKM_SHA512:
      return kSha512;
    default:
      return std::nullopt;
  }
}

std::optional<Hash> hash_of_mgf1(CK_RSA_PKCS_MGF_TYPE function) {
  switch (function) {
    case CKG_MGF1_SHA1:
      return kSha1;
    case CKG_MGF1_SHA224:
      return kSha224;
    case CKG_MGF1_SHA256:
      return kSha256;
    case CKG_MGF1_SHA384:
      return kSha384;
    case CKG_MGF1_SHA512:
      return kSha512;
    default:
      return std::nullopt;
  }
}

}  // namespace strongroom::token
