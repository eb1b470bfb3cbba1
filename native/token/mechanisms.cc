#include "token/mechanisms.h"

#include <algorithm>

namespace strongroom::token {
namespace {

constexpr std::size_t kAesMin = 16;
constexpr std::size_t kAesMax = 32;
constexpr std::size_t kMac = kSecretKeyBytesMax;
// A backing key is itself the only secret of its messages: full strength or nothing.
constexpr std::size_t kSealMin = 32;
constexpr std::size_t kSealMax = 64;

// Generic secret generation counts bits (6.8.4), everything else here bytes.
constexpr MechanismRow kRows[] = {
    {CKM_GENERIC_SECRET_KEY_GEN, {8, 8 * kSecretKeyBytesMax, CKF_GENERATE}, 0, 0, 0},
    {CKM_AES_KEY_GEN, {kAesMin, kAesMax, CKF_GENERATE}, 0, 0, 0},
    {CKM_AES_GCM,
     {kAesMin, kAesMax,
      CKF_ENCRYPT | CKF_DECRYPT | CKF_WRAP | CKF_UNWRAP | CKF_MESSAGE_ENCRYPT |
          CKF_MESSAGE_DECRYPT},
     kAesKeys,
     kAesMin,
     kAesMax},
    {CKM_AES_KEY_WRAP_KWP, {kAesMin, kAesMax, CKF_WRAP | CKF_UNWRAP}, kAesKeys, kAesMin, kAesMax},
    {CKM_SHA256_HMAC, {1, kMac, CKF_SIGN | CKF_VERIFY}, kGenericKeys | kHmacKeys, 1, kMac},
    {CKM_SHA256_HMAC_GENERAL, {1, kMac, CKF_SIGN | CKF_VERIFY}, kGenericKeys | kHmacKeys, 1, kMac},
    {CKM_SP800_108_COUNTER_KDF, {1, kMac, CKF_DERIVE}, kGenericKeys | kHmacKeys, 1, kMac},
    {CKM_STRONGROOM_DERIVE_AES_GCM,
     {kSealMin, kSealMax, CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT},
     kGenericKeys,
     kSealMin,
     kSealMax},
};

std::uint32_t mask_of(CK_KEY_TYPE type) {
  return type == CKK_AES              ? kAesKeys
         : type == CKK_GENERIC_SECRET ? kGenericKeys
         : type == CKK_SHA256_HMAC    ? kHmacKeys
                                      : 0u;
}

}  // namespace

std::span<const MechanismRow> mechanism_rows() { return kRows; }

const MechanismRow* mechanism_row(CK_MECHANISM_TYPE type) {
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows),
                                 [&](const auto& each) { return each.type == type; });
  return row != std::end(kRows) ? row : nullptr;
}

const MechanismRow* mechanism_for(const CK_MECHANISM& mechanism, CK_FLAGS function) {
  const MechanismRow* row = mechanism_row(mechanism.mechanism);
  return row && row->info.flags & function ? row : nullptr;
}

CK_RV check_key(const Object& key, const MechanismRow& row, std::uint32_t usage) {
  if (key.opaque || key.object_class != CKO_SECRET_KEY ||
      !(mask_of(key.key_type) & row.key_types)) {
    return CKR_KEY_TYPE_INCONSISTENT;
  }
  const std::size_t length = key.value().size();
  if (length < row.key_bytes_min || length > row.key_bytes_max) return CKR_KEY_SIZE_RANGE;
  if (!(key.usage & usage)) return CKR_KEY_FUNCTION_NOT_PERMITTED;
  return key.allows(row.type) ? CKR_OK : CKR_MECHANISM_INVALID;
}

}  // namespace strongroom::token
