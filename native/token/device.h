// device.h: one simulated HSM: its flash, its root secret and its slots.
#pragma once

#include "token/slot.h"

namespace strongroom::token {

inline constexpr CK_ULONG kSlotsMax = 64;
inline constexpr CK_ULONG kSessionsDefault = 16384;             // per slot
inline constexpr CK_ULONG kSessionIdleSecondsMax = 31'536'000;  // a year

class Device {
 public:
  // The answers of SR_OpenDevice (vendor.h).
  static CK_RV open(const SR_DEVICE_CONFIG& config, CK_ULONG number, std::shared_ptr<Device>* out);
  // SR_ChangeRootPassphrase.
  static CK_RV change_root_passphrase(const char* root_directory, Bytes passphrase,
                                      Bytes new_passphrase);
  ~Device();

  const CK_ULONG number;
  const CK_ULONG max_sessions;
  const CK_ULONG max_read_write_sessions;
  const std::uint64_t session_idle_ms;  // 0: sessions live until they are closed
  const std::uint32_t pin_iterations;

  flash::Flash& flash() { return *flash_; }
  std::size_t slot_count() const { return slots_.size(); }
  Slot& slot(std::size_t index) { return *slots_[index]; }
  void unload();
  // By the clock the device was given. Only where session_idle_ms is set.
  std::uint64_t now_ms() const { return clock_(); }
  // Closes every session, of whichever application, that has been idle too long. Asked before
  // sessions are counted or opened: there is no timer, so nothing else ends them but their own use.
  void close_idle_sessions();

 private:
  Device(const SR_DEVICE_CONFIG& config, CK_ULONG number);

  const SR_MONOTONIC_CLOCK clock_;

  std::unique_ptr<flash::FileSystem> memory_;  // where the flash lives, when it lives in memory
  std::unique_ptr<flash::Flash> flash_;
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace strongroom::token
