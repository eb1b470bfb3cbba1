// device.h: one simulated HSM: its flash, its root secret and its slots.
#pragma once

#include "token/slot.h"

namespace strongroom::token {

inline constexpr CK_ULONG kSlotsMax = 64;
inline constexpr CK_ULONG kSessionsDefault = 16384;  // per slot

class Device {
 public:
  // The answers of SR_OpenDevice (vendor.h).
  static CK_RV open(const SR_DEVICE_CONFIG& config, CK_ULONG number, std::shared_ptr<Device>* out);
  ~Device();

  const CK_ULONG number;
  const CK_ULONG max_sessions;
  const std::uint32_t pin_iterations;

  flash::Flash& flash() { return *flash_; }
  std::size_t slot_count() const { return slots_.size(); }
  Slot& slot(std::size_t index) { return *slots_[index]; }
  void unload();

 private:
  Device(const SR_DEVICE_CONFIG& config, CK_ULONG number);

  std::unique_ptr<flash::FileSystem> memory_;  // where the flash lives, when it lives in memory
  std::unique_ptr<flash::Flash> flash_;
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace strongroom::token
