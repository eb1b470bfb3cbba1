// anchor.cc: the anchor's bytes and MAC.

#include "token/flash/anchor.h"

#include <algorithm>

namespace strongroom::flash {
namespace {

constexpr std::string_view kMagic = "SRANCHOR";
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kLengthAt = 12;
constexpr std::size_t kDeviceIdAt = 16;
constexpr std::size_t kGenerationAt = 32;
constexpr std::size_t kSequenceAt = 40;
constexpr std::size_t kChainAt = 48;
constexpr std::size_t kJournalLengthAt = 64;
constexpr std::size_t kIdLimitAt = 72;
constexpr std::size_t kFailedTriesAt = 80;
constexpr std::size_t kMacAt = kFailedTriesAt + kSlotCountMax * 2 * sizeof(std::uint32_t);
static_assert(kMacAt + kMacBytes == kAnchorBytes);

}  // namespace

CK_RV encode_anchor(algorithms::Key& anchor_key, const Anchor& anchor, MutableBytes out) {
  std::uint8_t* const to = out.data();
  std::copy(kMagic.begin(), kMagic.end(), to);
  store_u32(to + kVersionAt, kFormatVersion);
  store_u32(to + kLengthAt, kAnchorBytes);
  std::copy(anchor.device_id.begin(), anchor.device_id.end(), to + kDeviceIdAt);
  store_u64(to + kGenerationAt, anchor.head.generation);
  store_u64(to + kSequenceAt, anchor.head.sequence);
  std::copy(anchor.head.chain.begin(), anchor.head.chain.end(), to + kChainAt);
  store_u64(to + kJournalLengthAt, anchor.head.length);
  store_u64(to + kIdLimitAt, anchor.id_limit);
  std::uint8_t* counter = to + kFailedTriesAt;
  for (const auto& slot : anchor.failed_tries) {
    for (const std::uint32_t count : slot) {
      store_u32(counter, count);
      counter += sizeof(std::uint32_t);
    }
  }
  return algorithms::hmac_sha256(anchor_key, Bytes(to, kMacAt),
                                 MutableBytes(to + kMacAt, kMacBytes));
}

CK_RV decode_anchor(algorithms::Key& anchor_key, Bytes in, Anchor* anchor, std::string* cause) {
  *cause = "The anchor beside the root secret is damaged.";
  if (in.size() < kLengthAt + sizeof(std::uint32_t)) return CKR_STRONGROOM_FLASH_INTEGRITY;
  const std::uint8_t* const from = in.data();
  if (!std::equal(kMagic.begin(), kMagic.end(), from)) return CKR_STRONGROOM_FLASH_INTEGRITY;
  if (load_u32(from + kVersionAt) > kFormatVersion) {
    *cause = newer_version("The anchor beside the root secret", load_u32(from + kVersionAt));
    return CKR_STRONGROOM_FLASH_VERSION;
  }
  if (load_u32(from + kVersionAt) != kFormatVersion || in.size() != kAnchorBytes ||
      load_u32(from + kLengthAt) != kAnchorBytes) {
    return CKR_STRONGROOM_FLASH_INTEGRITY;
  }
  std::array<std::uint8_t, kMacBytes> mac{};
  const CK_RV rv = algorithms::hmac_sha256(anchor_key, in.first(kMacAt), mac);
  if (rv != CKR_OK) return rv;
  if (!algorithms::equal_constant_time(mac, in.subspan(kMacAt))) {
    *cause = "The anchor was not made with this root secret.";
    return CKR_STRONGROOM_FLASH_INTEGRITY;
  }
  std::copy_n(from + kDeviceIdAt, anchor->device_id.size(), anchor->device_id.begin());
  anchor->head.generation = load_u64(from + kGenerationAt);
  anchor->head.sequence = load_u64(from + kSequenceAt);
  std::copy_n(from + kChainAt, anchor->head.chain.size(), anchor->head.chain.begin());
  anchor->head.length = load_u64(from + kJournalLengthAt);
  anchor->id_limit = load_u64(from + kIdLimitAt);
  const std::uint8_t* counter = from + kFailedTriesAt;
  for (auto& slot : anchor->failed_tries) {
    for (std::uint32_t& count : slot) {
      count = load_u32(counter);
      counter += sizeof(std::uint32_t);
    }
  }
  cause->clear();
  return CKR_OK;
}

}  // namespace strongroom::flash
