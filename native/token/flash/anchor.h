// anchor.h: what must never be rolled back, as the root-secret provider keeps it.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "token/flash/flash.h"
#include "token/flash/layout.h"

namespace strongroom::flash {

inline constexpr std::size_t kAnchorBytes = 624;

struct Anchor {
  DeviceId device_id{};
  Head head;                   // the journal's committed end
  std::uint64_t id_limit = 0;  // every id handed out so far is below
  std::array<std::array<std::uint32_t, 2>, kSlotCountMax> failed_tries{};  // [slot][PinRole]
};

// anchor_key: derived from the root secret with kAnchorLabel. out: kAnchorBytes.
CK_RV encode_anchor(algorithms::Key& anchor_key, const Anchor& anchor, MutableBytes out);
// CKR_STRONGROOM_FLASH_VERSION, or CKR_STRONGROOM_FLASH_INTEGRITY if it was not made with this key.
CK_RV decode_anchor(algorithms::Key& anchor_key, Bytes in, Anchor* anchor, std::string* cause);

}  // namespace strongroom::flash
