// templates.h: from a caller's CK_ATTRIBUTE array to an object's complete attributes (PKCS#11
// v3.2, 4.1.1), and the rules by which attributes change afterwards. One place decides what a key
// may become.
#pragma once

#include "token/attributes.h"

namespace strongroom::token {

class Object;

// A caller's template, copied out of its memory once. CKA_VALUE travels apart, in the arena.
struct Template {
  AttributeSet attributes;
  Secret value;
  bool has_value = false;
  bool unknown =
      false;  // it named an attribute this token does not have (only with Unknown::kNote)
};

enum class Unknown { kRefuse, kNote };

// CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT (named twice),
// CKR_ARGUMENTS_BAD (null array), CKR_DEVICE_MEMORY.
CK_RV parse_template(const CK_ATTRIBUTE* attributes, CK_ULONG count, Unknown unknown,
                     Template* out);

// complete_template: the caller's attributes, then those `enforced` names (an unwrap or derive
// template; null: none), then defaults, then what the token alone sets. base: the key derived from,
// null otherwise. CKR_TEMPLATE_INCONSISTENT also when caller and enforced disagree on any
// attribute.
CK_RV complete_template(const AttributeSet& caller, Origin origin, CK_MECHANISM_TYPE mechanism,
                        const AttributeSet* enforced, const Object* base, AttributeSet* out);

// apply_changes: C_SetAttributeValue. All changes or none.
CK_RV apply_changes(const AttributeSet& current, const Template& changes, AttributeSet* out);

// C_FindObjects' rule: every attribute named is present and equal. CKA_VALUE matches only where it
// could be read.
bool matches(const Object& object, const Template& wanted);

}  // namespace strongroom::token
