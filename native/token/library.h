// library.h: what the process holds: open devices, their applications, and the handle tables. Never
// destroyed: threads may still be inside when the process ends.
#pragma once

#include <condition_variable>
#include <map>

#include "token/application.h"
#include "token/device.h"
#include "token/handle_table.h"

namespace strongroom::token {

class Library {
 public:
  static Library& instance();

  // In a forked child, before C_Initialize: leaves behind all that the parent had open, without
  // touching it (another thread of the parent may have been in the middle of it), and starts with
  // nothing open. The parent's handles name nothing here. CKR_HOST_MEMORY. Calls may come from
  // several threads; one of them does it.
  static CK_RV begin_anew();

  HandleTable<Session> sessions;
  HandleTable<const Object> objects;

  // Is anything open, by C_Initialize or SR_OpenDevice?
  bool in_use() const { return users_.load(std::memory_order_acquire) != 0; }

  // C_Initialize; null: no default device. The default device has number 0, so that its slots are
  // 0, 1, ... in every process and after every C_Finalize.
  CK_RV initialize(const SR_DEVICE_CONFIG* config);
  CK_RV finalize();
  bool initialized();
  void wait_for_finalize();                            // returns at once when not initialized
  std::shared_ptr<Application> default_application();  // null: none

  CK_RV open_device(const SR_DEVICE_CONFIG& config, SR_DEVICE* device);
  CK_RV close_device(SR_DEVICE device);
  std::shared_ptr<Device> device(SR_DEVICE device);
  std::vector<std::shared_ptr<Application>> applications(const Device& device);

  CK_RV open_application(SR_DEVICE device, CK_BYTE* attach_id, SR_APPLICATION* application);
  CK_RV attach_application(const CK_BYTE* attach_id, SR_APPLICATION* application);
  CK_RV close_application(SR_APPLICATION application);
  std::shared_ptr<Application> application(SR_APPLICATION application);

  // The slot of any open device; slot numbers are device number << 8 | slot index. device: keeps it
  // alive.
  Slot* slot(CK_SLOT_ID id, std::shared_ptr<Device>* device);

 private:
  CK_RV open_device_as(SR_DEVICE number, const SR_DEVICE_CONFIG& config);

  std::mutex initializing_;  // C_Initialize and C_Finalize, one at a time
  std::mutex mutex_;         // guards the maps; no call into a device is made with it held
  std::map<SR_DEVICE, std::shared_ptr<Device>> devices_;
  std::map<SR_APPLICATION, std::shared_ptr<Application>> applications_;
  SR_DEVICE next_device_ = 1;
  SR_APPLICATION next_application_ = 1;
  bool initialized_ = false;
  std::uint64_t finalized_ = 0;  // times
  std::condition_variable finalizing_;
  SR_APPLICATION default_application_ = 0;
  std::atomic<std::size_t> users_{0};
};

}  // namespace strongroom::token
