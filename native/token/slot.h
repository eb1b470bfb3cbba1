// slot.h: one slot and its token: PINs, login counts, and the token objects in flash and in memory.
//
// Locks, in the order they are taken: pin_mutex_ (one PIN operation at a time; held across key
// derivation and flash), write_gate_ (shared by writers of token objects, exclusive for InitToken,
// for loading private objects and for taking over what other processes did),
// ObjectIdentity::change, ApplicationSlot::mutex, mutex_. The last two are held for moments;
// look-up takes none.
#pragma once

#include <unordered_map>

#include "token/burials.h"
#include "token/object_index.h"
#include "token/pin.h"
#include "token/templates.h"
#include "token/write_gate.h"

namespace strongroom::token {

class Device;
class Session;
enum class Role : std::uint32_t;

class Slot {
 public:
  Slot(Device& device, std::uint32_t index, CK_SLOT_ID id);

  const std::uint32_t index;
  const CK_SLOT_ID id;

  // One record, while the device is being opened. CKR_STRONGROOM_FLASH_VERSION: a token record this
  // build cannot read, so that an initialised token would show as an empty one; or a record of
  // burials, so that what was buried would be alive. CKR_DEVICE_MEMORY.
  CK_RV load(const flash::Record& record);

  // What other processes did shows here from now on. Nanoseconds when they did nothing.
  // CKR_STRONGROOM_BUSY: they did, and this thread does not wait.
  CK_RV follow() { return flash_.behind(index) ? take_changes() : CKR_OK; }

  void info(CK_TOKEN_INFO* info);

  // C_InitToken. CKR_SESSION_EXISTS, CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_PIN_LEN_RANGE (first
  // PIN), CKR_STRONGROOM_BUSY.
  CK_RV init_token(Bytes so_pin, Bytes label);
  CK_RV login(Session& session, CK_USER_TYPE user, Bytes pin);
  CK_RV logout(Session& session);
  CK_RV init_pin(Session& session, Bytes pin);
  CK_RV set_pin(Session& session, Bytes old_pin, Bytes new_pin);

  // Counts a session in or out. CKR_TOKEN_NOT_RECOGNIZED (not initialised), CKR_SESSION_COUNT.
  CK_RV admit_session(bool read_write);
  void release_session(bool read_write);
  void user_left();

  // Token objects. All answer CKR_STRONGROOM_BUSY to a no-wait thread.
  // add: all objects or none, in one commit; `handles` takes as many.
  CK_RV add(Session& session, std::span<const std::shared_ptr<Object>> objects,
            CK_OBJECT_HANDLE* handles);
  CK_RV change(Session& session, const Object& object, const Template& changes);
  CK_RV destroy(Session& session, const Object& object);
  CK_RV mark_trusted(Session& session, Bytes unique_id);
  // In one commit; what is buried already is not written again.
  CK_RV bury(Session& session, std::span<const BurialDigest> digests);
  // CKR_WRAPPED_KEY_INVALID: what this key wrapped with these data was buried. CKR_STRONGROOM_BUSY.
  CK_RV refuse_buried(const Object& wrapping, Bytes additional_data);
  // Appends the base handles of every token object that can be what is wanted, and of others:
  // ObjectIndex::candidates. What the token says of itself only to those who ask for it by class or
  // by its number, so that programs which list everything see what was put there.
  void candidates(const AttributeSet& wanted, bool with_private,
                  std::vector<std::uint64_t>* handles);
  // An object with what it is made of, which from then on stays in memory; or one that says why not
  // (Object::unavailable).
  std::shared_ptr<const Object> complete(const std::shared_ptr<const Object>& object);
  std::size_t token_object_count();

  void unload();  // the device closes: forget every object

 private:
  bool is_sealed(const flash::Record& record) const;  // a private object of this slot
  RecordPlace record_place(flash::RecordId record) const;
  CK_RV encode(Session& session, const Object& object, Secret* open,
               std::vector<std::uint8_t>* sealed);
  CK_RV commit(flash::RecordId id, std::uint32_t type, Bytes value, bool erase);
  CK_RV check_login(Session& session, Role role);
  CK_RV login_for_operation(Session& session, Bytes pin);
  CK_RV enter_user(const std::shared_ptr<algorithms::Key>& object_key);
  CK_RV load_private(const std::shared_ptr<algorithms::Key>& object_key);
  // A private object of this slot, as its record describes it; null: damaged.
  CK_RV describe_private(const flash::Record& record, algorithms::Key& object_key, Secret* room,
                         std::shared_ptr<Object>* out);
  std::shared_ptr<Object> read(const Object& object);
  bool publish(flash::RecordId record, const std::shared_ptr<Object>& object);
  void withdraw(flash::RecordId record);
  void list_built_ins(const AttributeSet& wanted, std::vector<std::uint64_t>* handles);
  void forget_objects();
  std::shared_ptr<const Object> find_record(flash::RecordId record);
  CK_RV take_changes();
  void take_token(const flash::Record& record);
  bool take_object(const flash::Record& record);
  TokenRecord token();
  CK_RV store_token(const TokenRecord& record);

  Device& device_;
  flash::Flash& flash_;
  std::mutex pin_mutex_;
  WriteGate write_gate_;

  std::mutex mutex_;
  std::uint64_t token_record_ = 0;  // 0: not initialised
  TokenRecord token_;
  bool initialising_ = false;
  std::size_t sessions_ = 0;
  std::size_t read_write_sessions_ = 0;
  std::size_t user_logins_ = 0;
  bool private_loaded_ = false;
  std::shared_ptr<algorithms::Key> object_key_;  // as long as private objects are loaded
  std::unordered_map<flash::RecordId, std::uint64_t> public_objects_;   // to base handles
  std::unordered_map<flash::RecordId, std::uint64_t> private_objects_;  // while a user is logged in
  ObjectIndex public_index_;
  ObjectIndex private_index_;
  std::vector<std::uint64_t> built_ins_;  // base handles; made when first asked for

  Burials burials_;
};

}  // namespace strongroom::token
