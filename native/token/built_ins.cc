// built_ins.cc: objects in which the token says what it is: the profiles it conforms to (PKCS#11
// v3.2, 4.14) and its mechanisms (4.13). In no flash, the same for everybody, and not to be
// changed.
#include <algorithm>
#include <string>

#include "token/library.h"

namespace strongroom::token {
namespace {

constexpr CK_ULONG kProfiles[] = {CKP_BASELINE_PROVIDER};

std::shared_ptr<Object> make(CK_OBJECT_CLASS object_class, CK_ATTRIBUTE_TYPE type,
                             CK_ULONG number) {
  const std::string unique_id =
      (object_class == CKO_PROFILE ? "profile " : "mechanism ") + std::to_string(number);
  auto object = std::make_shared<Object>();
  object->identity = std::make_shared<ObjectIdentity>();
  AttributeSet& attributes = object->attributes;
  attributes.set_number(CKA_CLASS, object_class);
  attributes.set_number(type, number);
  attributes.set(CKA_UNIQUE_ID,
                 {reinterpret_cast<const std::uint8_t*>(unique_id.data()), unique_id.size()});
  attributes.set_bool(CKA_TOKEN, true);
  for (const CK_ATTRIBUTE_TYPE never :
       {CKA_PRIVATE, CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE}) {
    attributes.set_bool(never, false);
  }
  object->refresh();
  return object;
}

bool asked_for(const AttributeSet& wanted) {
  const auto object_class = wanted.number(CKA_CLASS);
  return (object_class && (class_mask(*object_class) & kBuiltInClass) != 0) ||
         wanted.has(CKA_PROFILE_ID) || wanted.has(CKA_MECHANISM_TYPE);
}

}  // namespace

// With mutex_ held.
void Slot::list_built_ins(const AttributeSet& wanted, std::vector<std::uint64_t>* handles) {
  if (!asked_for(wanted)) return;
  if (built_ins_.empty()) {
    auto& objects = Library::instance().objects;
    const auto add = [&](const std::shared_ptr<Object>& object) {
      const std::uint64_t handle = objects.reserve();
      if (handle == 0) return;  // no place: not shown
      object->identity->handle = handle;
      object->identity->slot = this;
      objects.put(handle, object);
      built_ins_.push_back(handle);
    };
    for (const CK_ULONG profile : kProfiles) add(make(CKO_PROFILE, CKA_PROFILE_ID, profile));
    for (const MechanismRow& row : mechanism_rows())
      add(make(CKO_MECHANISM, CKA_MECHANISM_TYPE, row.type));
  }
  handles->insert(handles->end(), built_ins_.begin(), built_ins_.end());
}

}  // namespace strongroom::token
