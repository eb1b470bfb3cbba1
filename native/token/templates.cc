#include "token/templates.h"

#include <algorithm>

#include "token/object.h"

namespace strongroom::token {
namespace {

constexpr CK_ULONG kTemplateMax = 256;  // attributes in one template
constexpr std::size_t kAttributeBytesMax = 65536;
constexpr unsigned kNestingMax = 3;

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
  if (!inner.secrets.empty()) return CKR_ATTRIBUTE_VALUE_INVALID;
  if (type != CKA_WRAP_TEMPLATE) {
    const Origin origin = type == CKA_UNWRAP_TEMPLATE ? kUnwrap : kDerive;
    // Of what such a key makes; a class that is named narrows it.
    std::uint8_t classes = origin == kUnwrap ? kHiddenKey : kSecretKey;
    if (const auto object_class = inner.attributes.number(CKA_CLASS))
      classes &= class_mask(*object_class);
    for (const Attribute& item : inner.attributes) {
      const AttributeRow* row = attribute_row(item.type);
      if (!(row->settable & origin) || !(row->classes & classes))
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
  switch (row.kind) {
    case AttributeKind::kSecret: {
      Secret copy(Bytes{value, length});
      if (length != 0 && !copy) return CKR_DEVICE_MEMORY;
      out->secrets.add(row.type, std::move(copy));
      return CKR_OK;
    }
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
    if (out->attributes.has(attribute.type) || out->secrets.find(attribute.type))
      return CKR_TEMPLATE_INCONSISTENT;
    if (const CK_RV rv = parse_one(*row, attribute, depth, out); rv != CKR_OK) return rv;
  }
  return CKR_OK;
}

}  // namespace

const Secret* SecretAttributes::find(CK_ATTRIBUTE_TYPE type) const {
  const auto item = std::find_if(items_.begin(), items_.end(),
                                 [&](const Item& each) { return each.type == type; });
  return item != items_.end() ? &item->value : nullptr;
}

Secret SecretAttributes::take(CK_ATTRIBUTE_TYPE type) {
  for (Item& item : items_) {
    if (item.type == type) return std::move(item.value);
  }
  return {};
}

CK_RV parse_template(const CK_ATTRIBUTE* attributes, CK_ULONG count, Unknown unknown,
                     Template* out) {
  return parse(attributes, count, unknown, 0, out);
}

namespace {

// May an attribute of this object take this value after the object was made?
bool may_become(const Object& object, const AttributeRow& row, const Attribute& item, bool by_so) {
  const bool to = item.value.size() == 1 && item.value[0] != 0;
  const bool unchanged = object.attributes.is_true(row.type) == to;
  if (object.of_class(row.fixed_in)) return false;
  switch (row.mutability) {
    case Mutability::kNever:
      return false;
    case Mutability::kFree:
      return true;
    case Mutability::kOnlyToTrue:
      return to || unchanged;
    case Mutability::kOnlyToFalse:
      return !to || unchanged;
    case Mutability::kOnlyToEmpty: {
      std::string now;
      return item.value.empty() || (object.shown(row, &now) && now == item.value);
    }
    case Mutability::kTrust:
      return by_so && object.of_class(kCertificate);
  }
  return false;
}

void set_changed(const AttributeRow& row, const Attribute& item, AttributeSet* set) {
  // Of what is computed only its absence is kept.
  if (row.mutability != Mutability::kOnlyToEmpty || item.value.empty())
    set->set(item.type, item.bytes());
}

}  // namespace

CK_RV apply_changes(const Object& current, const Template& changes, bool by_so, AttributeSet* out) {
  if (!changes.secrets.empty()) return CKR_ATTRIBUTE_READ_ONLY;
  AttributeSet set = current.attributes;
  for (const Attribute& item : changes.attributes) {
    const AttributeRow& row = *attribute_row(item.type);
    if (!row.fits(current.object_class, current.key_type)) return CKR_TEMPLATE_INCONSISTENT;
    if (!may_become(current, row, item, by_so)) return CKR_ATTRIBUTE_READ_ONLY;
    set_changed(row, item, &set);
  }
  *out = std::move(set);
  return CKR_OK;
}

CK_RV copy_template(const Object& source, const Template& changes, bool by_so, AttributeSet* out) {
  if (!changes.secrets.empty()) return CKR_ATTRIBUTE_READ_ONLY;
  AttributeSet set = source.attributes;
  if (!by_so && set.is_true(CKA_TRUSTED)) set.set_bool(CKA_TRUSTED, false);
  for (const Attribute& item : changes.attributes) {
    const AttributeRow& row = *attribute_row(item.type);
    if (!row.fits(source.object_class, source.key_type)) return CKR_TEMPLATE_INCONSISTENT;
    if (item.type == CKA_PRIVATE && source.is_private && !changes.attributes.is_true(CKA_PRIVATE))
      return CKR_TEMPLATE_INCONSISTENT;
    const bool of_copies =
        item.type == CKA_TOKEN || item.type == CKA_PRIVATE || item.type == CKA_MODIFIABLE;
    const Attribute* now = source.attributes.find(item.type);
    const bool unchanged = now && now->value == item.value && item.type != CKA_TRUSTED;
    if (!of_copies && !unchanged && !may_become(source, row, item, by_so))
      return CKR_ATTRIBUTE_READ_ONLY;
    set_changed(row, item, &set);
  }
  *out = std::move(set);
  return CKR_OK;
}

bool matches(const Object& object, const Template& wanted) {
  if (wanted.unknown) return false;
  for (const SecretAttributes::Item& item : wanted.secrets) {
    if (!object.has_secret(item.type) || !object.value_readable() ||
        !equal(object.secret_attribute(item.type), item.value.bytes()))
      return false;
  }
  return std::all_of(
      wanted.attributes.begin(), wanted.attributes.end(), [&](const Attribute& item) {
        if (const Attribute* has = object.attributes.find(item.type))
          return has->value == item.value;
        std::string shown;
        return object.shown(*attribute_row(item.type), &shown) && shown == item.value;
      });
}

}  // namespace strongroom::token
