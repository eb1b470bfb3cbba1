#include "token/templates.h"

#include <algorithm>

#include "token/object.h"

namespace strongroom::token {
namespace {

constexpr CK_ULONG kTemplateMax = 256;  // attributes in one template
constexpr std::size_t kAttributeBytesMax = 65536;
constexpr unsigned kNestingMax = 3;

constexpr CK_ATTRIBUTE_TYPE kUsageAttributes[] = {CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN,  CKA_VERIFY,
                                                  CKA_WRAP,    CKA_UNWRAP,  CKA_DERIVE};

bool known_key_type(CK_KEY_TYPE type) {
  return type == CKK_AES || type == CKK_GENERIC_SECRET || type == CKK_SHA256_HMAC;
}

CK_RV parse(const CK_ATTRIBUTE* attributes, CK_ULONG count, Unknown unknown, unsigned depth,
            Template* out);

// A template inside a template says how keys made later shall look (or, to be wrapped, must look).
CK_RV parse_nested(CK_ATTRIBUTE_TYPE type, const CK_ATTRIBUTE& attribute, unsigned depth,
                   AttributeSet* out) {
  if (depth == kNestingMax || attribute.ulValueLen % sizeof(CK_ATTRIBUTE) != 0)
    return CKR_ATTRIBUTE_VALUE_INVALID;
  Template inner;
  const CK_RV rv =
      parse(static_cast<const CK_ATTRIBUTE*>(attribute.pValue),
            attribute.ulValueLen / sizeof(CK_ATTRIBUTE), Unknown::kRefuse, depth + 1, &inner);
  if (rv != CKR_OK) return rv;
  if (inner.has_value) return CKR_ATTRIBUTE_VALUE_INVALID;
  if (type != CKA_WRAP_TEMPLATE) {
    const Origin origin = type == CKA_UNWRAP_TEMPLATE ? kUnwrap : kDerive;
    for (const Attribute& item : inner.attributes) {
      const AttributeRow* row = attribute_row(item.type);
      if (!(row->settable & origin) || !(row->classes & kSecretKey))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    }
    // A key that made trusted keys would hand out what only the SO's ceremony gives.
    if (inner.attributes.is_true(CKA_TRUSTED)) return CKR_ATTRIBUTE_READ_ONLY;
  }
  const std::string encoded = inner.attributes.encoded();
  out->set(type, {reinterpret_cast<const std::uint8_t*>(encoded.data()), encoded.size()});
  return CKR_OK;
}

CK_RV parse_one(const AttributeRow& row, const CK_ATTRIBUTE& attribute, unsigned depth,
                Template* out) {
  const auto* value = static_cast<const std::uint8_t*>(attribute.pValue);
  const CK_ULONG length = attribute.ulValueLen;
  if ((!value && length != 0) || length > kAttributeBytesMax) return CKR_ATTRIBUTE_VALUE_INVALID;
  if (row.type == CKA_VALUE) {
    out->has_value = true;
    out->value = Secret(Bytes{value, length});
    return length != 0 && !out->value ? CKR_DEVICE_MEMORY : CKR_OK;
  }
  switch (row.kind) {
    case AttributeKind::kBool:
      if (length != 1 || *value > 1) return CKR_ATTRIBUTE_VALUE_INVALID;
      out->attributes.set_bool(row.type, *value == CK_TRUE);
      return CKR_OK;
    case AttributeKind::kUlong: {
      CK_ULONG number;
      if (length != sizeof(number)) return CKR_ATTRIBUTE_VALUE_INVALID;
      std::memcpy(&number, value, sizeof(number));
      out->attributes.set_number(row.type, number);
      return CKR_OK;
    }
    case AttributeKind::kDate:
      if (length != 0 && (length != 8 || !std::all_of(value, value + 8, [](auto c) {
                            return c >= '0' && c <= '9';
                          }))) {
        return CKR_ATTRIBUTE_VALUE_INVALID;
      }
      out->attributes.set(row.type, {value, length});
      return CKR_OK;
    case AttributeKind::kBytes:
      out->attributes.set(row.type, {value, length});
      return CKR_OK;
    case AttributeKind::kMechanisms: {
      // An empty list could mean "none" or "any"; leaving the attribute out says "any" without
      // doubt.
      if (length == 0 || length % sizeof(CK_MECHANISM_TYPE) != 0)
        return CKR_ATTRIBUTE_VALUE_INVALID;
      std::string list(length, '\0');
      for (CK_ULONG offset = 0; offset < length; offset += sizeof(CK_MECHANISM_TYPE)) {
        CK_MECHANISM_TYPE mechanism;
        std::memcpy(&mechanism, value + offset, sizeof(mechanism));
        store_le(reinterpret_cast<std::uint8_t*>(list.data()) + offset, std::uint64_t{mechanism});
      }
      out->attributes.set(row.type,
                          {reinterpret_cast<const std::uint8_t*>(list.data()), list.size()});
      return CKR_OK;
    }
    case AttributeKind::kTemplate:
      return parse_nested(row.type, attribute, depth, &out->attributes);
  }
  return CKR_GENERAL_ERROR;
}

CK_RV parse(const CK_ATTRIBUTE* attributes, CK_ULONG count, Unknown unknown, unsigned depth,
            Template* out) {
  if (count != 0 && !attributes) return CKR_ARGUMENTS_BAD;
  if (count > kTemplateMax) return CKR_ARGUMENTS_BAD;
  for (CK_ULONG i = 0; i < count; ++i) {
    const CK_ATTRIBUTE attribute =
        attributes[i];  // one copy: the caller's memory may change under us
    const AttributeRow* row = attribute_row(attribute.type);
    if (!row) {
      if (unknown == Unknown::kRefuse) return CKR_ATTRIBUTE_TYPE_INVALID;
      out->unknown = true;
      continue;
    }
    if (out->attributes.has(attribute.type) || (attribute.type == CKA_VALUE && out->has_value)) {
      return CKR_TEMPLATE_INCONSISTENT;
    }
    if (const CK_RV rv = parse_one(*row, attribute, depth, out); rv != CKR_OK) return rv;
  }
  return CKR_OK;
}

// The uses a key type is made for, given to a template that names no use at all.
void default_usage(AttributeSet* set) {
  const bool named = std::any_of(std::begin(kUsageAttributes), std::end(kUsageAttributes),
                                 [&](CK_ATTRIBUTE_TYPE type) { return set->has(type); });
  if (!named) {
    if (set->number(CKA_KEY_TYPE) == CKK_AES) {
      set->set_bool(CKA_ENCRYPT, true);
      set->set_bool(CKA_DECRYPT, true);
    } else {
      set->set_bool(CKA_SIGN, true);
      set->set_bool(CKA_VERIFY, true);
    }
  }
  for (CK_ATTRIBUTE_TYPE type : kUsageAttributes) set->set_default(type, false);
}

void complete_secret_key(Origin origin, CK_MECHANISM_TYPE mechanism, const Object* base,
                         AttributeSet* set) {
  default_usage(set);
  // Without a word: an unwrapped key is extractable (C_UnwrapKey), a derived one is as its base
  // (6.42.10).
  set->set_default(CKA_SENSITIVE, base && base->sensitive);
  set->set_default(CKA_EXTRACTABLE, base ? base->extractable : origin == kUnwrap);
  set->set_default(CKA_WRAP_WITH_TRUSTED, false);
  set->set_bool(CKA_TRUSTED, false);

  const bool sensitive = set->is_true(CKA_SENSITIVE);
  const bool extractable = set->is_true(CKA_EXTRACTABLE);
  bool always = false;
  bool never = false;
  if (origin == kGenerate) {
    always = sensitive;
    never = !extractable;
  } else if (base) {
    always = base->attributes.is_true(CKA_ALWAYS_SENSITIVE) && sensitive;
    never = base->attributes.is_true(CKA_NEVER_EXTRACTABLE) && !extractable;
  }
  set->set_bool(CKA_ALWAYS_SENSITIVE, always);
  set->set_bool(CKA_NEVER_EXTRACTABLE, never);
  set->set_bool(CKA_LOCAL, origin == kGenerate);
  set->set_number(CKA_KEY_GEN_MECHANISM,
                  origin == kGenerate ? mechanism : CK_UNAVAILABLE_INFORMATION);
}

}  // namespace

CK_RV parse_template(const CK_ATTRIBUTE* attributes, CK_ULONG count, Unknown unknown,
                     Template* out) {
  return parse(attributes, count, unknown, 0, out);
}

CK_RV complete_template(const AttributeSet& caller, Origin origin, CK_MECHANISM_TYPE mechanism,
                        const AttributeSet* enforced, const Object* base, AttributeSet* out) {
  AttributeSet set = caller;
  if (enforced) {
    for (const Attribute& item : *enforced) {
      const Attribute* named = caller.find(item.type);
      if (named && !equal(named->bytes(), item.bytes())) return CKR_TEMPLATE_INCONSISTENT;
      set.set(item.type, item.bytes());
    }
  }

  // Generating and deriving say the class themselves; creating and unwrapping must be told.
  if (!set.has(CKA_CLASS)) {
    if (origin == kCreate || origin == kUnwrap) return CKR_TEMPLATE_INCOMPLETE;
    set.set_number(CKA_CLASS, CKO_SECRET_KEY);
  }
  const CK_OBJECT_CLASS object_class = *set.number(CKA_CLASS);
  const bool secret_key = object_class == CKO_SECRET_KEY;
  if (!secret_key && origin != kCreate) return CKR_TEMPLATE_INCONSISTENT;
  if (!secret_key && object_class != CKO_DATA) return CKR_ATTRIBUTE_VALUE_INVALID;

  for (const Attribute& item : set) {
    const AttributeRow* row = attribute_row(item.type);
    if (!(row->classes & (secret_key ? kSecretKey : kData))) return CKR_TEMPLATE_INCONSISTENT;
    if (!(row->settable & origin)) return CKR_ATTRIBUTE_READ_ONLY;
  }
  // Trust is given by the SO's ceremony alone, never by a template.
  if (set.is_true(CKA_TRUSTED)) return CKR_ATTRIBUTE_READ_ONLY;

  if (secret_key) {
    if (origin == kGenerate) {
      const CK_KEY_TYPE made = mechanism == CKM_AES_KEY_GEN ? CKK_AES : CKK_GENERIC_SECRET;
      if (set.number(CKA_KEY_TYPE).value_or(made) != made) return CKR_TEMPLATE_INCONSISTENT;
      set.set_number(CKA_KEY_TYPE, made);
    }
    if (!set.has(CKA_KEY_TYPE)) {
      if (origin != kDerive) return CKR_TEMPLATE_INCOMPLETE;
      set.set_number(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    }
    if (!known_key_type(*set.number(CKA_KEY_TYPE))) return CKR_ATTRIBUTE_VALUE_INVALID;
    complete_secret_key(origin, mechanism, base, &set);
  }
  set.set_default(CKA_TOKEN, false);
  set.set_default(CKA_PRIVATE, true);
  set.set_default(CKA_MODIFIABLE, true);
  set.set_default(CKA_COPYABLE, true);
  set.set_default(CKA_DESTROYABLE, true);
  *out = std::move(set);
  return CKR_OK;
}

CK_RV apply_changes(const AttributeSet& current, const Template& changes, AttributeSet* out) {
  const bool secret_key = current.number(CKA_CLASS) == CKO_SECRET_KEY;
  if (changes.has_value) return CKR_ATTRIBUTE_READ_ONLY;
  AttributeSet set = current;
  for (const Attribute& item : changes.attributes) {
    const AttributeRow* row = attribute_row(item.type);
    if (!(row->classes & (secret_key ? kSecretKey : kData))) return CKR_TEMPLATE_INCONSISTENT;
    const bool to = item.value.size() == 1 && item.value[0] != 0;
    const bool unchanged = current.is_true(item.type) == to;
    switch (row->mutability) {
      case Mutability::kNever:
        return CKR_ATTRIBUTE_READ_ONLY;
      case Mutability::kFree:
        break;
      case Mutability::kOnlyToTrue:
        if (!to && !unchanged) return CKR_ATTRIBUTE_READ_ONLY;
        break;
      case Mutability::kOnlyToFalse:
        if (to && !unchanged) return CKR_ATTRIBUTE_READ_ONLY;
        break;
    }
    set.set(item.type, item.bytes());
  }
  *out = std::move(set);
  return CKR_OK;
}

bool matches(const Object& object, const Template& wanted) {
  if (wanted.unknown) return false;
  if (wanted.has_value &&
      (!object.value_readable() || !equal(object.value(), wanted.value.bytes())))
    return false;
  return std::all_of(wanted.attributes.begin(), wanted.attributes.end(),
                     [&](const Attribute& item) {
                       const Attribute* has = object.attributes.find(item.type);
                       return has && equal(has->bytes(), item.bytes());
                     });
}

}  // namespace strongroom::token
