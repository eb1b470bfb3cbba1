// device.h: for fuzz targets: a fresh device in memory for each input, and the secret that no
// output may show.
#pragma once

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>

#include "cryptoki/vendor.h"

namespace strongroom::fuzz {

inline constexpr char kSoPin[] = "so pin";
inline constexpr char kUserPin[] = "user pin";

// A broken promise: libFuzzer keeps the input that broke it.
inline void require(bool kept, const char* promise) {
  if (kept) return;
  static_cast<void>(std::fprintf(stderr, "broken promise: %s\n", promise));
  std::abort();
}

// The value of a key that is sensitive and not extractable. Made anew for each process: no input
// knows it.
inline constexpr std::size_t kNeedleBytes = 32;
const std::array<CK_BYTE, kNeedleBytes>& needle();

inline void require_no_needle(std::span<const CK_BYTE> output) {
  require(output.size() < kNeedleBytes ||
              memmem(output.data(), output.size(), needle().data(), kNeedleBytes) == nullptr,
          "no output shows a sensitive key");
}

// One slot; one initialised token.
class MemoryDevice {
 public:
  MemoryDevice();
  ~MemoryDevice();
  MemoryDevice(const MemoryDevice&) = delete;
  MemoryDevice& operator=(const MemoryDevice&) = delete;

  SR_DEVICE device() const { return device_; }
  CK_SLOT_ID slot() const { return slot_; }

 private:
  SR_DEVICE device_ = 0;
  CK_SLOT_ID slot_ = 0;
};

// Makes the needle key in a session that the user is logged in to.
CK_OBJECT_HANDLE create_needle(CK_SESSION_HANDLE session);

CK_UTF8CHAR_PTR utf8(const char* text);

}  // namespace strongroom::fuzz
