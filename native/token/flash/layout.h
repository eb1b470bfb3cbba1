// layout.h: what journal and anchor share: version, small types, little-endian numbers, key
// derivation. docs/formats/flash.md lists every byte.
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "token/algorithms/algorithms.h"
#include "token/secure_memory.h"

namespace strongroom::flash {

// Of journal, anchor and root-secret file alike. A reader refuses a higher one and never guesses.
inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::size_t kMagicBytes = 8;
inline constexpr std::size_t kMacBytes = 32;

using DeviceId = std::array<std::uint8_t, 16>;
using Chain = std::array<std::uint8_t, 16>;

inline constexpr std::string_view kJournalLabel = "Strongroom flash journal";
inline constexpr std::string_view kHeaderLabel = "Strongroom flash header";
inline constexpr std::string_view kAnchorLabel = "Strongroom flash anchor";
// Before the label of Flash::derive_key, so that no caller can derive one of the three above.
inline constexpr std::string_view kCallerLabel = "Strongroom above flash: ";

// Head: where a journal ends. Generation 0: there is no journal yet.
struct Head {
  std::uint64_t generation = 0;
  std::uint64_t sequence = 0;  // of the last batch, counted on through all generations
  Chain chain{};  // its tag; at the start of a generation the first bytes of the header's MAC
  std::uint64_t length = 0;  // bytes of the file up to the end of that batch

  bool operator==(const Head&) const = default;
};

inline void store_u32(std::uint8_t* to, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) to[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

inline void store_u64(std::uint8_t* to, std::uint64_t value) {
  for (unsigned i = 0; i < 8; ++i) to[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

inline std::uint32_t load_u32(const std::uint8_t* from) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(from[i]) << (8 * i);
  return value;
}

inline std::uint64_t load_u64(const std::uint8_t* from) {
  return load_u32(from) | static_cast<std::uint64_t>(load_u32(from + 4)) << 32;
}

inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// [counter]32 || label || 0x00 || context || [L]32, big-endian: SP 800-108r1 section 4.1. key: 32
// bytes.
CK_RV derive(algorithms::Key& root, std::string_view prefix, std::string_view label, Bytes context,
             Secret* key);
CK_RV derive_key_object(algorithms::Key& root, std::string_view label, Bytes context,
                        std::shared_ptr<algorithms::Key>* key);

// "<what> has format version <version>; this program reads up to <kFormatVersion>."
std::string newer_version(const char* what, std::uint32_t version);

// The code for a file system call that failed just now: CKR_DEVICE_MEMORY for no space, else
// CKR_DEVICE_ERROR.
CK_RV file_failure();

}  // namespace strongroom::flash
