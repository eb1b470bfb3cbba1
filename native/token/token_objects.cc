// token_objects.cc: the slot's token objects: flash first, then memory. Public ones are in memory
// while the device is open, private ones while some user is logged in.
#include <algorithm>

#include "token/library.h"

namespace strongroom::token {

CK_RV Slot::load(const flash::Record& record) {
  if (record.type == kTokenRecord) {
    if (!decode_token_record(record.value, &token_)) return CKR_STRONGROOM_FLASH_VERSION;
    token_record_ = record.id;
    return CKR_OK;
  }
  if (record.type == kBurialRecord)
    return burials_.load(record.value) ? CKR_OK : CKR_STRONGROOM_FLASH_VERSION;
  if (record.type != kObjectRecord) return CKR_OK;
  if (object_record_kind(record.value) != ObjectRecordKind::kPublic) return CKR_OK;
  std::shared_ptr<Object> object;
  const CK_RV rv = decode_public_object(record, &object);
  if (rv == CKR_DEVICE_ERROR) return CKR_OK;  // not readable: stays in flash, is not shown
  if (rv != CKR_OK) return rv;
  return publish(record.id, object) ? CKR_OK : CKR_DEVICE_MEMORY;
}

// Gives the object a handle and lists it, or replaces the snapshot under the handle it has. False:
// no place left, or a private object with nobody logged in to see it.
bool Slot::publish(flash::RecordId record, const std::shared_ptr<Object>& object) {
  auto& objects = Library::instance().objects;
  std::lock_guard lock(mutex_);
  if (object->is_private && !private_loaded_) return false;
  auto& listed = object->is_private ? private_objects_ : public_objects_;
  auto& indexed = object->is_private ? private_index_ : public_index_;
  if (const auto known = listed.find(record); known != listed.end()) {
    const std::uint64_t handle = known->second;
    if (const auto before = objects.find(handle)) indexed.remove(handle, before->attributes);
    indexed.add(handle, object->attributes);
    object->identity->handle = handle;
    return objects.put(handle, object);
  }
  const std::uint64_t handle = objects.reserve();
  if (handle == 0) return false;
  object->identity->handle = handle;
  object->identity->record = record;
  object->identity->slot = this;
  listed.emplace(record, handle);
  indexed.add(handle, object->attributes);
  return objects.put(handle, object);
}

void Slot::withdraw(flash::RecordId record) {
  std::lock_guard lock(mutex_);
  for (auto* listed : {&public_objects_, &private_objects_}) {
    const auto known = listed->find(record);
    if (known == listed->end()) continue;
    const std::uint64_t handle = known->second;
    listed->erase(known);
    if (const auto object = Library::instance().objects.take(handle)) {
      (listed == &private_objects_ ? private_index_ : public_index_)
          .remove(handle, object->attributes);
      object->identity->destroyed.store(true, std::memory_order_release);
    }
  }
}

CK_RV Slot::describe_private(const flash::Record& record, algorithms::Key& object_key, Secret* room,
                             std::shared_ptr<Object>* out) {
  out->reset();
  const CK_RV rv = open_private_object(record, object_key, record_place(record.id), room, out);
  return rv == CKR_DEVICE_ERROR ? CK_RV{CKR_OK} : rv;
}

void Slot::forget_objects() {
  std::unordered_map<flash::RecordId, std::uint64_t> gone;
  {
    std::lock_guard lock(mutex_);
    gone.swap(public_objects_);
    gone.merge(private_objects_);
    private_objects_.clear();
    public_index_.clear();
    private_index_.clear();
  }
  for (const auto& [record, handle] : gone) {
    if (const auto object = Library::instance().objects.take(handle)) {
      object->identity->destroyed.store(true, std::memory_order_release);
    }
  }
}

// What is shown of a record; null: nothing.
std::shared_ptr<const Object> Slot::find_record(flash::RecordId record) {
  std::lock_guard lock(mutex_);
  for (const auto* listed : {&public_objects_, &private_objects_}) {
    if (const auto known = listed->find(record); known != listed->end())
      return Library::instance().objects.find(known->second);
  }
  return nullptr;
}

bool Slot::is_sealed(const flash::Record& record) const {
  return record.slot == index && record.type == kObjectRecord &&
         object_record_kind(record.value) == ObjectRecordKind::kPrivate;
}

CK_RV Slot::load_private(const std::shared_ptr<algorithms::Key>& object_key) {
  std::unique_lock gate(write_gate_);
  {
    std::lock_guard lock(mutex_);
    private_loaded_ = true;
    object_key_ = object_key;
  }
  CK_RV result = CKR_OK;
  Secret room;
  flash_.for_each([&](const flash::Record& record) {
    if (result != CKR_OK || !is_sealed(record)) return;
    std::shared_ptr<Object> object;
    // A damaged one stays in flash, is not shown, and hides nothing else.
    result = describe_private(record, *object_key, &room, &object);
    if (object && !publish(record.id, object)) result = CKR_DEVICE_MEMORY;
  });
  return result;
}

// A copy of a described object with what it is made of.
std::shared_ptr<Object> Slot::read(const Object& object) {
  std::shared_ptr<algorithms::Key> object_key;
  {
    std::lock_guard lock(mutex_);
    object_key = object_key_;
  }
  auto whole = std::make_shared<Object>(object);
  Material material;
  const flash::RecordId record = object.identity->record;
  whole->unavailable = read_material(object, object_key.get(), record_place(record), &material);
  if (whole->unavailable == CKR_OK) whole->unavailable = whole->take(std::move(material));
  return whole;
}

std::shared_ptr<const Object> Slot::complete(const std::shared_ptr<const Object>& object) {
  auto whole = read(*object);
  if (whole->unavailable != CKR_OK) return whole;
  // Kept for the next one who asks, unless the object has changed meanwhile.
  auto& objects = Library::instance().objects;
  std::lock_guard lock(mutex_);
  const std::uint64_t handle = object->identity->handle;
  if (objects.find(handle) == object) objects.put(handle, whole);
  return whole;
}

// The record's bytes: `open` for a public object (key bytes in the clear stay in the arena),
// `sealed` for a private one.
CK_RV Slot::encode(Session& session, const Object& object, Secret* open,
                   std::vector<std::uint8_t>* sealed) {
  if (!object.is_private) return encode_public_object(object, open);
  std::shared_ptr<algorithms::Key> object_key;
  {
    std::lock_guard lock(session.place.mutex);
    if (session.place.role() != Role::kUser) return CKR_USER_NOT_LOGGED_IN;
    object_key = session.place.object_key;
  }
  return seal_private_object(object, *object_key, record_place(object.identity->record), sealed);
}

CK_RV Slot::add(Session& session, std::span<const std::shared_ptr<Object>> objects,
                CK_OBJECT_HANDLE* handles) {
  if (no_wait) return CKR_STRONGROOM_BUSY;
  std::shared_lock gate(write_gate_);
  if (session.closed.load(std::memory_order_acquire)) return CKR_SESSION_HANDLE_INVALID;
  struct Encoded {
    Secret open;
    std::vector<std::uint8_t> sealed;
  };
  std::vector<Encoded> encoded(objects.size());
  std::vector<flash::Change> changes;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    Object& object = *objects[i];
    object.identity->record = flash_.next_id();
    object.identity->slot = this;
    if (const CK_RV rv = encode(session, object, &encoded[i].open, &encoded[i].sealed);
        rv != CKR_OK)
      return rv;
    changes.push_back(
        {.id = object.identity->record,
         .slot = index,
         .type = kObjectRecord,
         .value = object.is_private ? Bytes(encoded[i].sealed) : encoded[i].open.bytes(),
         .erase = false});
  }
  if (const CK_RV rv = flash_.commit(changes); rv != CKR_OK) return rv;
  // Durable now, whatever follows. Not publishable only when the user has just logged out: the
  // handle is then one that names nothing, which is what a logout makes of it anyway.
  for (std::size_t i = 0; i < objects.size(); ++i) {
    publish(objects[i]->identity->record, objects[i]);
    handles[i] = session.place.handle_of(*objects[i]);
  }
  return CKR_OK;
}

CK_RV Slot::change(Session& session, const Object& object, const Template& changes) {
  if (object.on_token && no_wait) return CKR_STRONGROOM_BUSY;
  std::shared_lock<WriteGate> gate;
  if (object.on_token) gate = std::shared_lock(write_gate_);
  std::lock_guard one(object.identity->change);
  auto& objects = Library::instance().objects;
  const auto newest = objects.find(object.identity->handle);
  if (!newest || newest->identity != object.identity) return CKR_OBJECT_HANDLE_INVALID;

  // Its record is written as a whole.
  auto changed = newest->stored ? read(*newest) : std::make_shared<Object>(*newest);
  if (changed->unavailable != CKR_OK) return changed->unavailable;
  if (const CK_RV rv =
          apply_changes(*changed, changes, session.place.role() == Role::kSo, &changed->attributes);
      rv != CKR_OK)
    return rv;
  changed->refresh();
  if (!object.on_token)
    return replace_session_object(session, *newest, changed) ? CKR_OK : CKR_OBJECT_HANDLE_INVALID;

  if (session.closed.load(std::memory_order_acquire)) return CKR_SESSION_HANDLE_INVALID;
  Secret open;
  std::vector<std::uint8_t> sealed;
  if (const CK_RV rv = encode(session, *changed, &open, &sealed); rv != CKR_OK) return rv;
  const Bytes value = changed->is_private ? Bytes(sealed) : open.bytes();
  if (const CK_RV rv = commit(object.identity->record, kObjectRecord, value, false); rv != CKR_OK)
    return rv;
  publish(object.identity->record, changed);
  return CKR_OK;
}

CK_RV Slot::destroy(Session& session, const Object& object) {
  if (no_wait) return CKR_STRONGROOM_BUSY;
  std::shared_lock gate(write_gate_);
  std::lock_guard one(object.identity->change);
  if (session.closed.load(std::memory_order_acquire)) return CKR_SESSION_HANDLE_INVALID;
  if (!Library::instance().objects.find(object.identity->handle)) return CKR_OBJECT_HANDLE_INVALID;
  if (const CK_RV rv = commit(object.identity->record, kObjectRecord, {}, true); rv != CKR_OK)
    return rv;
  withdraw(object.identity->record);
  return CKR_OK;
}

namespace {

// What SR_MarkTrusted asks of a key (vendor.h): made here and never seen, wraps and does nothing
// else, and what comes out of it is of one class and can neither be read nor leave under a key that
// is not trusted.
bool may_be_trusted(const Object& object) {
  const AttributeSet& has = object.attributes;
  if (object.opaque || object.object_class != CKO_SECRET_KEY || object.key_type != CKK_AES)
    return false;
  if (!has.is_true(CKA_LOCAL) || !has.is_true(CKA_ALWAYS_SENSITIVE) ||
      !has.is_true(CKA_NEVER_EXTRACTABLE))
    return false;
  constexpr std::uint32_t kWrapping = kWrapUsage | kUnwrapUsage;
  if ((object.usage & kWrapping) == 0 || (object.usage & ~kWrapping) != 0) return false;
  const Attribute* unwrap_template = has.find(CKA_UNWRAP_TEMPLATE);
  if (!unwrap_template) return false;
  const AttributeSet unwrapped = decode_template(unwrap_template->bytes());
  const Attribute* extractable = unwrapped.find(CKA_EXTRACTABLE);
  const bool stays_inside = extractable && !unwrapped.is_true(CKA_EXTRACTABLE);
  return unwrapped.has(CKA_CLASS) && unwrapped.is_true(CKA_SENSITIVE) &&
         (unwrapped.is_true(CKA_WRAP_WITH_TRUSTED) || stays_inside);
}

}  // namespace

CK_RV Slot::mark_trusted(Session& session, Bytes unique_id) {
  if (session.place.role() != Role::kSo) return CKR_USER_NOT_LOGGED_IN;
  if (no_wait) return CKR_STRONGROOM_BUSY;
  std::shared_ptr<algorithms::Key> object_key;
  {
    std::lock_guard lock(session.place.mutex);
    if (session.place.role() != Role::kSo) return CKR_USER_NOT_LOGGED_IN;
    object_key = session.place.object_key;
  }
  // The SO does not see private objects, so the record itself is opened; nobody writes meanwhile.
  std::unique_lock gate(write_gate_);
  if (session.closed.load(std::memory_order_acquire)) return CKR_SESSION_HANDLE_INVALID;
  std::shared_ptr<Object> found;
  CK_RV result = CKR_OK;
  Secret room;
  flash_.for_each([&](const flash::Record& each) {
    if (result != CKR_OK || found || !is_sealed(each)) return;
    std::shared_ptr<Object> object;
    result = describe_private(each, *object_key, &room, &object);
    if (!object) return;
    const Attribute* its_id = object->attributes.find(CKA_UNIQUE_ID);
    if (!its_id || !equal(its_id->bytes(), unique_id)) return;
    object->identity->record = each.id;
    found = std::move(object);
  });
  if (result != CKR_OK) return result;
  if (!found) return CKR_OBJECT_HANDLE_INVALID;
  if (!may_be_trusted(*found)) return CKR_KEY_FUNCTION_NOT_PERMITTED;

  const flash::RecordId record = found->identity->record;
  Material material;
  if (const CK_RV rv = read_material(*found, object_key.get(), record_place(record), &material);
      rv != CKR_OK) {
    return rv;
  }
  if (const CK_RV rv = found->take(std::move(material)); rv != CKR_OK) return rv;
  found->attributes.set_bool(CKA_TRUSTED, true);
  found->refresh();
  std::vector<std::uint8_t> sealed;
  if (const CK_RV rv = seal_private_object(*found, *object_key, record_place(record), &sealed);
      rv != CKR_OK)
    return rv;
  if (const CK_RV rv = commit(record, kObjectRecord, sealed, false); rv != CKR_OK) return rv;

  // A user logged in elsewhere has the object in memory: show them the new snapshot under its old
  // identity.
  auto& objects = Library::instance().objects;
  std::lock_guard lock(mutex_);
  if (const auto known = private_objects_.find(record); known != private_objects_.end()) {
    if (const auto shown = objects.find(known->second)) {
      auto changed = std::make_shared<Object>(*shown);
      changed->attributes = found->attributes;
      changed->refresh();
      objects.put(known->second, changed);
    }
  }
  return CKR_OK;
}

void Slot::candidates(const AttributeSet& wanted, bool with_private,
                      std::vector<std::uint64_t>* handles) {
  std::lock_guard lock(mutex_);
  public_index_.candidates(wanted, handles);
  if (with_private) private_index_.candidates(wanted, handles);
  list_built_ins(wanted, handles);
}

std::size_t Slot::token_object_count() {
  std::size_t count = 0;
  flash_.for_each([&](const flash::Record& record) {
    if (record.slot == index && record.type == kObjectRecord) ++count;
  });
  return count;
}

void Slot::unload() {
  std::unordered_map<flash::RecordId, std::uint64_t> gone;
  {
    std::lock_guard lock(mutex_);
    gone.swap(public_objects_);
    gone.merge(private_objects_);
    private_objects_.clear();
    public_index_.clear();
    private_index_.clear();
    private_loaded_ = false;
    object_key_.reset();
    for (const std::uint64_t handle : built_ins_) Library::instance().objects.take(handle);
    built_ins_.clear();
  }
  for (const auto& [record, handle] : gone) Library::instance().objects.take(handle);
}

}  // namespace strongroom::token
