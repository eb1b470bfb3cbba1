#include "token/library.h"

#include <algorithm>

#include "token/drbg/drbg.h"

namespace strongroom::token {

namespace {

constexpr SR_DEVICE kDefaultDevice = 0;

std::atomic<Library*>& current() {
  static std::atomic<Library*> library{new Library};
  return library;
}

}  // namespace

Library& Library::instance() { return *current().load(std::memory_order_acquire); }

CK_RV Library::begin_anew() {
  static SpinLock beginning;
  const std::lock_guard lock(beginning);
  if (!forked()) return CKR_OK;  // another thread did it
  current().store(new Library, std::memory_order_release);
  drbg::begin_anew();
  return renew_secure_memory() ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV Library::initialize(const SR_DEVICE_CONFIG* config) {
  std::lock_guard one_at_a_time(initializing_);
  if (initialized()) return CKR_CRYPTOKI_ALREADY_INITIALIZED;
  SR_APPLICATION application = 0;
  if (config) {
    if (const CK_RV rv = open_device_as(kDefaultDevice, *config); rv != CKR_OK) return rv;
    std::array<CK_BYTE, SR_ATTACH_ID_BYTES> attach_id;
    const CK_RV rv = open_application(kDefaultDevice, attach_id.data(), &application);
    if (rv != CKR_OK) {
      close_device(kDefaultDevice);
      return rv;
    }
  }
  std::lock_guard lock(mutex_);
  initialized_ = true;
  default_application_ = application;
  users_.fetch_add(1, std::memory_order_release);
  return CKR_OK;
}

CK_RV Library::finalize() {
  std::lock_guard one_at_a_time(initializing_);
  {
    std::lock_guard lock(mutex_);
    if (!initialized_) return CKR_CRYPTOKI_NOT_INITIALIZED;
    initialized_ = false;
    ++finalized_;
    default_application_ = 0;
    users_.fetch_sub(1, std::memory_order_release);
  }
  finalizing_.notify_all();
  close_device(kDefaultDevice);  // if there is one
  return CKR_OK;
}

bool Library::initialized() {
  std::lock_guard lock(mutex_);
  return initialized_;
}

void Library::wait_for_finalize() {
  std::unique_lock lock(mutex_);
  const std::uint64_t before = finalized_;
  finalizing_.wait(lock, [&] { return !initialized_ || finalized_ != before; });
}

std::shared_ptr<Application> Library::default_application() {
  std::lock_guard lock(mutex_);
  const auto found = applications_.find(default_application_);
  return found != applications_.end() ? found->second : nullptr;
}

CK_RV Library::open_device(const SR_DEVICE_CONFIG& config, SR_DEVICE* device) {
  SR_DEVICE number;
  {
    std::lock_guard lock(mutex_);
    number =
        next_device_++;  // never given again, so that slot numbers of a closed device stay dead
  }
  const CK_RV rv = open_device_as(number, config);
  if (rv == CKR_OK) *device = number;
  return rv;
}

CK_RV Library::open_device_as(SR_DEVICE number, const SR_DEVICE_CONFIG& config) {
  std::shared_ptr<Device> opened;
  if (const CK_RV rv = Device::open(config, number, &opened); rv != CKR_OK) return rv;
  std::lock_guard lock(mutex_);
  devices_.emplace(number, std::move(opened));
  users_.fetch_add(1, std::memory_order_release);
  return CKR_OK;
}

CK_RV Library::close_device(SR_DEVICE number) {
  std::shared_ptr<Device> device;
  std::vector<std::shared_ptr<Application>> closing;
  {
    std::lock_guard lock(mutex_);
    const auto found = devices_.find(number);
    if (found == devices_.end()) return CKR_ARGUMENTS_BAD;
    device = std::move(found->second);
    devices_.erase(found);
    std::erase_if(applications_, [&](const auto& entry) {
      if (entry.second->device != device) return false;
      closing.push_back(entry.second);
      return true;
    });
    users_.fetch_sub(1, std::memory_order_release);
  }
  for (const auto& application : closing) application->close();
  device->unload();
  // Calls still inside keep the device alive; the last one out closes its flash.
  return CKR_OK;
}

std::shared_ptr<Device> Library::device(SR_DEVICE number) {
  std::lock_guard lock(mutex_);
  const auto found = devices_.find(number);
  return found != devices_.end() ? found->second : nullptr;
}

std::vector<std::shared_ptr<Application>> Library::applications(const Device& device) {
  std::vector<std::shared_ptr<Application>> all;
  std::lock_guard lock(mutex_);
  for (const auto& [number, application] : applications_) {
    if (application->device.get() == &device) all.push_back(application);
  }
  return all;
}

CK_RV Library::open_application(SR_DEVICE number, CK_BYTE* attach_id, SR_APPLICATION* out) {
  const auto its_device = device(number);
  if (!its_device) return CKR_ARGUMENTS_BAD;
  auto opened = std::make_shared<Application>(its_device);
  if (const CK_RV rv = drbg::generate(opened->attach_id); rv != CKR_OK) return rv;
  std::lock_guard lock(mutex_);
  if (!devices_.contains(number)) return CKR_ARGUMENTS_BAD;  // closed meanwhile
  std::copy(opened->attach_id.begin(), opened->attach_id.end(), attach_id);
  *out = next_application_++;
  applications_.emplace(*out, std::move(opened));
  return CKR_OK;
}

CK_RV Library::attach_application(const CK_BYTE* attach_id, SR_APPLICATION* out) {
  std::lock_guard lock(mutex_);
  for (const auto& [number, application] : applications_) {
    if (algorithms::equal_constant_time(application->attach_id, {attach_id, SR_ATTACH_ID_BYTES})) {
      ++application->references;
      *out = number;
      return CKR_OK;
    }
  }
  return CKR_ARGUMENTS_BAD;
}

CK_RV Library::close_application(SR_APPLICATION number) {
  std::shared_ptr<Application> closing;
  {
    std::lock_guard lock(mutex_);
    const auto found = applications_.find(number);
    if (found == applications_.end()) return CKR_ARGUMENTS_BAD;
    if (--found->second->references != 0) return CKR_OK;
    closing = std::move(found->second);
    applications_.erase(found);
  }
  closing->close();
  return CKR_OK;
}

std::shared_ptr<Application> Library::application(SR_APPLICATION number) {
  std::lock_guard lock(mutex_);
  const auto found = applications_.find(number);
  return found != applications_.end() ? found->second : nullptr;
}

Slot* Library::slot(CK_SLOT_ID id, std::shared_ptr<Device>* its_device) {
  *its_device = device(id >> 8);
  const std::size_t index = id & 0xFF;
  return *its_device && index < (*its_device)->slot_count() ? &(*its_device)->slot(index) : nullptr;
}

}  // namespace strongroom::token
