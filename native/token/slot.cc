#include "token/slot.h"

#include <algorithm>

#include "token/drbg/drbg.h"
#include "token/library.h"
#include "token/self_test/self_test.h"

namespace strongroom::token {
namespace {

void blank_padded(CK_UTF8CHAR* out, std::size_t length, std::string_view text) {
  std::memset(out, ' ', length);
  std::memcpy(out, text.data(), std::min(text.size(), length));
}

// 12 digits of the device's id and 4 of the slot's index.
void serial_number(Bytes device_id, std::uint32_t index, CK_CHAR* out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < 6; ++i) {
    out[2 * i] = static_cast<CK_CHAR>(kDigits[device_id[i] >> 4]);
    out[2 * i + 1] = static_cast<CK_CHAR>(kDigits[device_id[i] & 15]);
  }
  for (unsigned i = 0; i < 4; ++i)
    out[12 + i] = static_cast<CK_CHAR>(kDigits[(index >> (12 - 4 * i)) & 15]);
}

struct TryFlags {
  CK_FLAGS low, last, locked;
};

CK_FLAGS try_flags(std::uint32_t failed, TryFlags flags) {
  if (failed >= kPinTriesMax) return flags.low | flags.locked;
  if (failed == kPinTriesMax - 1) return flags.low | flags.last;
  return failed != 0 ? flags.low : 0;
}

}  // namespace

Slot::Slot(Device& device, std::uint32_t its_index, CK_SLOT_ID its_id)
    : index(its_index), id(its_id), device_(device), flash_(device.flash()) {
  flash_.take_changes(index);  // from now on they are noted
}

RecordPlace Slot::record_place(flash::RecordId record) const {
  return {flash_.device_id(), index, record};
}

TokenRecord Slot::token() {
  std::lock_guard lock(mutex_);
  return token_;
}

void Slot::info(CK_TOKEN_INFO* info) {
  device_.close_idle_sessions();
  *info = {};
  blank_padded(info->manufacturerID, sizeof(info->manufacturerID), "Strongroom");
  blank_padded(info->model, sizeof(info->model), "Simulated HSM");
  serial_number(flash_.device_id(), index, info->serialNumber);
  info->flags = CKF_RNG | CKF_LOGIN_REQUIRED;
  if (self_test::in_error_state()) info->flags |= CKF_ERROR_STATE;
  info->ulMaxSessionCount = device_.max_sessions;
  info->ulMaxRwSessionCount = device_.max_read_write_sessions;
  info->ulMinPinLen = kPinBytesMin;
  info->ulMaxPinLen = kPinBytesMax;
  info->ulTotalPublicMemory = info->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
  info->ulTotalPrivateMemory = info->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
  info->hardwareVersion = {0, 1};
  info->firmwareVersion = {0, 1};
  std::memset(info->utcTime, ' ', sizeof(info->utcTime));  // no clock (CKF_CLOCK_ON_TOKEN)

  bool initialised;
  {
    std::lock_guard lock(mutex_);
    initialised = token_record_ != 0;
    std::memcpy(info->label, token_.label.data(), sizeof(info->label));
    if (token_.user.set()) info->flags |= CKF_USER_PIN_INITIALIZED;
    info->ulSessionCount = sessions_;
    info->ulRwSessionCount = read_write_sessions_;
  }
  if (!initialised) {
    std::memset(info->label, ' ', sizeof(info->label));
    return;
  }
  info->flags |= CKF_TOKEN_INITIALIZED;
  info->flags |= try_flags(flash_.failed_tries(index, flash::PinRole::kSo),
                           {CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED});
  info->flags |= try_flags(flash_.failed_tries(index, flash::PinRole::kUser),
                           {CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED});
}

CK_RV Slot::admit_session(bool read_write) {
  std::lock_guard lock(mutex_);
  if (token_record_ == 0 || initialising_) return CKR_TOKEN_NOT_RECOGNIZED;
  if (sessions_ >= device_.max_sessions) return CKR_SESSION_COUNT;
  if (read_write && read_write_sessions_ >= device_.max_read_write_sessions)
    return CKR_SESSION_COUNT;
  // Another process may be initialising the token.
  if (sessions_ == 0 && !flash_.hold_slot(index, flash::LockMode::kShared))
    return CKR_TOKEN_NOT_RECOGNIZED;
  ++sessions_;
  if (read_write) ++read_write_sessions_;
  return CKR_OK;
}

void Slot::release_session(bool read_write) {
  std::lock_guard lock(mutex_);
  if (--sessions_ == 0) flash_.release_slot(index);
  if (read_write) --read_write_sessions_;
}

CK_RV Slot::init_token(Bytes so_pin, Bytes label) {
  if (no_wait) return CKR_STRONGROOM_BUSY;
  if (self_test::in_error_state()) return CKR_FIPS_SELF_TEST_FAILED;
  std::lock_guard pin_lock(pin_mutex_);
  device_.close_idle_sessions();
  std::uint64_t old_record;
  {
    std::lock_guard lock(mutex_);
    if (sessions_ != 0 || !flash_.hold_slot(index, flash::LockMode::kExclusive))
      return CKR_SESSION_EXISTS;
    initialising_ = true;  // from here no session opens, in any process
    old_record = token_record_;
  }
  struct Done {
    Slot& slot;
    ~Done() {
      std::lock_guard lock(slot.mutex_);
      slot.initialising_ = false;
      slot.flash_.release_slot(slot.index);
    }
  } done{*this};

  const PinPlace so{flash_, index, flash::PinRole::kSo};
  Secret object_key(kObjectKeyBytes);
  if (!object_key) return CKR_DEVICE_MEMORY;
  if (old_record != 0) {
    Secret old_key;
    if (const CK_RV rv = try_pin(so, so_pin, token().so, &old_key); rv != CKR_OK) return rv;
  } else if (const CK_RV rv = check_new_pin(so_pin); rv != CKR_OK) {
    return rv;
  }
  TokenRecord fresh;
  std::copy(label.begin(), label.end(), fresh.label.begin());
  if (const CK_RV rv = drbg::generate(object_key.mutable_bytes()); rv != CKR_OK) return rv;
  if (const CK_RV rv =
          seal_object_key(so, so_pin, device_.pin_iterations, object_key.bytes(), &fresh.so);
      rv != CKR_OK) {
    return rv;
  }

  // A call that was inside a session when it closed may still be writing: wait for it, then erase
  // its object too.
  std::unique_lock gate(write_gate_);
  std::vector<flash::Change> changes;
  flash_.for_each([&](const flash::Record& record) {
    if (record.slot == index)
      changes.push_back(
          {.id = record.id, .slot = index, .type = record.type, .value = {}, .erase = true});
  });
  const std::vector<std::uint8_t> bytes = encode_token_record(fresh);
  const flash::RecordId new_record = flash_.next_id();
  changes.push_back(
      {.id = new_record, .slot = index, .type = kTokenRecord, .value = bytes, .erase = false});
  // Nothing of the old token may be left, also of what another process made.
  const flash::RecordId unchanged[] = {flash::kAnyRecord};
  if (const CK_RV rv = flash_.commit(changes, unchanged); rv != CKR_OK) return rv;

  {
    std::lock_guard lock(mutex_);
    token_record_ = new_record;
    token_ = fresh;
  }
  burials_.clear();
  forget_objects();
  return flash_.set_failed_tries(index, flash::PinRole::kUser, 0);
}

CK_RV Slot::store_token(const TokenRecord& record) {
  const std::vector<std::uint8_t> bytes = encode_token_record(record);
  std::uint64_t its_record;
  {
    std::lock_guard lock(mutex_);
    its_record = token_record_;
  }
  if (const CK_RV rv = commit(its_record, kTokenRecord, bytes, false); rv != CKR_OK) return rv;
  std::lock_guard lock(mutex_);
  token_ = record;
  return CKR_OK;
}

CK_RV Slot::commit(flash::RecordId record, std::uint32_t type, Bytes value, bool erase) {
  const flash::Change change{
      .id = record, .slot = index, .type = type, .value = value, .erase = erase};
  return flash_.commit({&change, 1}, {&record, 1});
}

}  // namespace strongroom::token
