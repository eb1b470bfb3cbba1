// templates.h: from a caller's CK_ATTRIBUTE array to an object's complete attributes (PKCS#11
// v3.2, 4.1.1), and the rules by which attributes change afterwards. One place decides what a key
// may become.
#pragma once

#include "token/attributes.h"

namespace strongroom::token {

class Object;

// Secret attributes of a template (AttributeKind::kSecret), in the arena.
class SecretAttributes {
 public:
  const Secret* find(CK_ATTRIBUTE_TYPE type) const;
  // The value, moved out; empty where there is none.
  Secret take(CK_ATTRIBUTE_TYPE type);
  void add(CK_ATTRIBUTE_TYPE type, Secret value) { items_.push_back({type, std::move(value)}); }
  bool empty() const { return items_.empty(); }

  struct Item {
    CK_ATTRIBUTE_TYPE type;
    Secret value;
  };
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

 private:
  std::vector<Item> items_;
};

// A caller's template, copied out of its memory once.
struct Template {
  AttributeSet attributes;
  SecretAttributes secrets;
  bool unknown =
      false;  // it named an attribute this token does not have (only with Unknown::kNote)
};

enum class Unknown { kRefuse, kNote };

// CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT (named twice),
// CKR_ARGUMENTS_BAD (null array), CKR_DEVICE_MEMORY.
CK_RV parse_template(const CK_ATTRIBUTE* attributes, CK_ULONG count, Unknown unknown,
                     Template* out);

// How an object comes to be: what a function says of it before its template does.
struct Making {
  Origin origin;
  CK_MECHANISM_TYPE mechanism = 0;  // kGenerate
  // The class and key type the function makes; a template may repeat them.
  std::optional<CK_OBJECT_CLASS> object_class{};
  std::optional<CK_KEY_TYPE> key_type{};
  const AttributeSet* enforced = nullptr;  // the unwrap or derive template of the key used
  const Object* base = nullptr;            // the key derived from
  bool by_so = false;                      // the SO asks
};

// complete_template: the caller's attributes, then those that are enforced, then defaults, then
// what the token alone sets. CKR_TEMPLATE_INCOMPLETE, CKR_ATTRIBUTE_READ_ONLY,
// CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT (also when caller and enforced disagree on
// any attribute).
CK_RV complete_template(const AttributeSet& caller, const Making& making, AttributeSet* out);

// apply_changes: C_SetAttributeValue. All changes or none. CKR_ATTRIBUTE_READ_ONLY,
// CKR_TEMPLATE_INCONSISTENT (not an attribute of such an object).
CK_RV apply_changes(const Object& current, const Template& changes, bool by_so, AttributeSet* out);

// copy_template: C_CopyObject (5.7.3): what C_SetAttributeValue may do, and CKA_TOKEN, CKA_PRIVATE
// (never from true to false) and CKA_MODIFIABLE. A copy is trusted only if the SO makes it. Answers
// as apply_changes.
CK_RV copy_template(const Object& source, const Template& changes, bool by_so, AttributeSet* out);

// C_FindObjects' rule: every attribute named is present and equal. Secret ones match only where
// they could be read.
bool matches(const Object& object, const Template& wanted);

}  // namespace strongroom::token
