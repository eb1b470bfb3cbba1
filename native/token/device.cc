#include "token/device.h"

#include <algorithm>

#include "token/library.h"
#include "token/self_test/self_test.h"

namespace strongroom::token {
namespace {

constexpr char kMemoryDirectory[] = "flash";

}  // namespace

Device::Device(const SR_DEVICE_CONFIG& config, CK_ULONG its_number)
    : number(its_number),
      max_sessions(config.ulMaxSessionCount != 0 ? config.ulMaxSessionCount : kSessionsDefault),
      max_read_write_sessions(config.ulMaxRwSessionCount != 0
                                  ? std::min(config.ulMaxRwSessionCount, max_sessions)
                                  : max_sessions),
      session_idle_ms(std::uint64_t{config.ulSessionIdleSeconds} * 1000),
      pin_iterations(config.ulPinIterations != 0
                         ? static_cast<std::uint32_t>(config.ulPinIterations)
                         : kPinIterationsDefault),
      clock_(config.pMonotonicMs) {}

Device::~Device() = default;

CK_RV Device::open(const SR_DEVICE_CONFIG& config, CK_ULONG number, std::shared_ptr<Device>* out) {
  const bool in_memory = !config.pFlashDirectory;
  if (!in_memory && !config.pRootDirectory) return CKR_ARGUMENTS_BAD;
  if (config.ulSlotCount < 1 || config.ulSlotCount > kSlotsMax) return CKR_ARGUMENTS_BAD;
  const CK_ULONG fewest = in_memory ? 1 : kPinIterationsMin;
  if (config.ulPinIterations != 0 &&
      (config.ulPinIterations < fewest || config.ulPinIterations > 0x7FFFFFFF)) {
    return CKR_ARGUMENTS_BAD;
  }
  if (config.ulRootPassphraseLen != 0 && (in_memory || !config.pRootPassphrase))
    return CKR_ARGUMENTS_BAD;
  if (config.bCreate > CK_TRUE || config.bShared > CK_TRUE) return CKR_ARGUMENTS_BAD;
  if (config.ulSessionIdleSeconds > kSessionIdleSecondsMax) return CKR_ARGUMENTS_BAD;
  if (config.ulSessionIdleSeconds != 0 && !config.pMonotonicMs) return CKR_ARGUMENTS_BAD;
  if (!initialise_secure_memory()) return CKR_HOST_MEMORY;
  if (const CK_RV rv = self_test::integrity(); rv != CKR_OK) return rv;

  std::shared_ptr<Device> device(new Device(config, number));
  CK_RV rv;
  if (in_memory) {
    device->memory_ = flash::memory_file_system();
    rv = flash::Flash::open(*device->memory_, kMemoryDirectory, flash::memory_root_secret(),
                            config.bCreate == CK_TRUE, &device->flash_, {.room_bytes = 0});
  } else {
    auto& files = flash::posix_file_system();
    rv = flash::Flash::open(
        files, config.pFlashDirectory,
        flash::file_root_secret(files, config.pRootDirectory,
                                {config.pRootPassphrase, config.ulRootPassphraseLen}),
        config.bCreate == CK_TRUE, &device->flash_, {.shared = config.bShared == CK_TRUE});
  }
  if (rv != CKR_OK) return rv;
  for (std::uint32_t index = 0; index < config.ulSlotCount; ++index) {
    device->slots_.push_back(std::make_unique<Slot>(*device, index, number << 8 | index));
  }
  // Records of slots beyond the count stay in flash, out of sight until the count covers them
  // again.
  device->flash_->for_each([&](const flash::Record& record) {
    if (rv != CKR_OK || record.slot >= device->slots_.size()) return;
    rv = device->slots_[record.slot]->load(record);
  });
  if (rv != CKR_OK) {
    device->unload();
    return rv;
  }
  *out = std::move(device);
  return CKR_OK;
}

CK_RV Device::change_root_passphrase(const char* root_directory, Bytes passphrase,
                                     Bytes new_passphrase) {
  if (!initialise_secure_memory()) return CKR_HOST_MEMORY;
  if (const CK_RV rv = self_test::integrity(); rv != CKR_OK) return rv;
  return flash::change_root_passphrase(flash::posix_file_system(), root_directory, passphrase,
                                       new_passphrase);
}

void Device::close_idle_sessions() {
  if (session_idle_ms == 0) return;
  for (const auto& application : Library::instance().applications(*this)) {
    for (std::size_t i = 0; i < slots_.size(); ++i) application->close_idle_sessions(i);
  }
}

void Device::unload() {
  for (auto& each : slots_) each->unload();
}

}  // namespace strongroom::token
