// slot_changes.cc: what other processes that share the device did to a slot's token.
#include "token/library.h"

namespace strongroom::token {

// Nobody writes meanwhile: what is taken here would else be put in the place of a later change.
CK_RV Slot::take_changes() {
  if (no_wait) return CKR_STRONGROOM_BUSY;
  flash_.catch_up();
  std::unique_lock gate(write_gate_);
  const std::vector<flash::RecordId> changed = flash_.take_changes(index);
  // First of all, is it still the same token?
  for (const flash::RecordId record_id : changed) {
    flash_.visit(record_id, [&](const flash::Record& record) {
      if (record.type == kTokenRecord) take_token(record);
    });
  }
  for (const flash::RecordId record_id : changed) {
    bool shown = false;
    flash_.visit(record_id, [&](const flash::Record& record) {
      if (record.type == kBurialRecord) burials_.load(record.value);
      shown = record.type != kObjectRecord || take_object(record);
    });
    if (!shown) withdraw(record_id);
  }
  return CKR_OK;
}

// A PIN was changed, or the token initialised: whoever did that had no other process with a
// session.
void Slot::take_token(const flash::Record& record) {
  TokenRecord fresh;
  if (!decode_token_record(record.value, &fresh)) return;
  bool same;
  {
    std::lock_guard lock(mutex_);
    same = token_record_ == record.id;
    token_record_ = record.id;
    token_ = fresh;
  }
  if (same) return;
  burials_.clear();
  forget_objects();
}

// False: not to be seen here.
bool Slot::take_object(const flash::Record& record) {
  std::shared_ptr<Object> object;
  switch (object_record_kind(record.value)) {
    case ObjectRecordKind::kPublic:
      if (decode_public_object(record, &object) != CKR_OK) return false;
      break;
    case ObjectRecordKind::kPrivate: {
      std::shared_ptr<algorithms::Key> object_key;
      {
        std::lock_guard lock(mutex_);
        object_key = object_key_;
      }
      Secret room;
      if (!object_key || describe_private(record, *object_key, &room, &object) != CKR_OK || !object)
        return false;
      break;
    }
    case ObjectRecordKind::kUnreadable:
      return false;
  }
  if (const auto known = find_record(record.id)) object->identity = known->identity;
  return publish(record.id, object);
}

}  // namespace strongroom::token
