// completion.cc: what becomes of a template, class by class (PKCS#11 v3.2, 4.5, 4.9 to 4.11): which
// attributes it may name, what the others are, and what the token alone says of a key.
#include <algorithm>

#include "token/certificates.h"
#include "token/object.h"
#include "token/templates.h"

namespace strongroom::token {
namespace {

constexpr CK_ATTRIBUTE_TYPE kUsageAttributes[] = {CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN,  CKA_VERIFY,
                                                  CKA_WRAP,    CKA_UNWRAP,  CKA_DERIVE};

// Classes that objects of this origin can have.
std::uint8_t classes_of(Origin origin) {
  switch (origin) {
    case kCreate:
      return kStoredClass;
    case kGenerate:
      return kAnyKey;
    case kUnwrap:
      return kHiddenKey;
    default:
      return kSecretKey;
  }
}

// May a template of this origin name these attributes for an object of this class and key type?
CK_RV check_names(const AttributeSet& set, Origin origin, CK_OBJECT_CLASS object_class,
                  std::optional<CK_KEY_TYPE> key_type) {
  for (const Attribute& item : set) {
    const AttributeRow* row = attribute_row(item.type);
    if (!(row->classes & class_mask(object_class))) return CKR_TEMPLATE_INCONSISTENT;
    if (key_type && !row->fits(object_class, *key_type)) return CKR_TEMPLATE_INCONSISTENT;
    // What describes a generated pair stands in the public key's template (5.18.2).
    const bool of_pair = row->key_type != kAnyKeyType && object_class == CKO_PRIVATE_KEY;
    if (!(row->settable & origin) || (of_pair && origin == kGenerate))
      return CKR_ATTRIBUTE_READ_ONLY;
  }
  return CKR_OK;
}

// The uses a key type is made for, given to a template that names no use at all.
void default_usage(CK_OBJECT_CLASS object_class, AttributeSet* set) {
  const bool named = std::any_of(std::begin(kUsageAttributes), std::end(kUsageAttributes),
                                 [&](CK_ATTRIBUTE_TYPE type) { return set->has(type); });
  const CK_KEY_TYPE type = *set->number(CKA_KEY_TYPE);
  const bool encrypts = type == CKK_AES || type == CKK_CHACHA20 || type == CKK_RSA;
  const bool signs = type != CKK_AES && type != CKK_CHACHA20;
  for (const CK_ATTRIBUTE_TYPE use : kUsageAttributes) {
    if (!(attribute_row(use)->classes & class_mask(object_class))) continue;
    const bool made_for = (encrypts && (use == CKA_ENCRYPT || use == CKA_DECRYPT)) ||
                          (signs && (use == CKA_SIGN || use == CKA_VERIFY));
    set->set_default(use, !named && made_for);
  }
}

void complete_key(const Making& making, AttributeSet* set) {
  const bool local = making.origin == kGenerate;
  set->set_bool(CKA_LOCAL, local);
  set->set_number(CKA_KEY_GEN_MECHANISM, local ? making.mechanism : CK_UNAVAILABLE_INFORMATION);
}

// Secret and private keys. Without a word: an unwrapped key is extractable (C_UnwrapKey), a derived
// one is as its base (6.42.10).
void complete_hidden_key(const Making& making, bool sensitive_by_default, AttributeSet* set) {
  const Object* base = making.base;
  set->set_default(CKA_SENSITIVE, base ? base->sensitive : sensitive_by_default);
  set->set_default(CKA_EXTRACTABLE, base ? base->extractable : making.origin == kUnwrap);
  set->set_default(CKA_WRAP_WITH_TRUSTED, false);

  const bool sensitive = set->is_true(CKA_SENSITIVE);
  const bool extractable = set->is_true(CKA_EXTRACTABLE);
  bool always = false;
  bool never = false;
  if (making.origin == kGenerate) {
    always = sensitive;
    never = !extractable;
  } else if (base) {
    always = base->attributes.is_true(CKA_ALWAYS_SENSITIVE) && sensitive;
    never = base->attributes.is_true(CKA_NEVER_EXTRACTABLE) && !extractable;
  }
  set->set_bool(CKA_ALWAYS_SENSITIVE, always);
  set->set_bool(CKA_NEVER_EXTRACTABLE, never);
}

CK_RV complete_private_key(const Making& making, AttributeSet* set) {
  set->set_default(CKA_PRIVATE, true);
  set->set_default(CKA_SIGN_RECOVER, false);
  set->set_default(CKA_ALWAYS_AUTHENTICATE, false);
  complete_hidden_key(making, true, set);
  // Of an object that one has to log in for at all (4.9).
  return set->is_true(CKA_ALWAYS_AUTHENTICATE) && !set->is_true(CKA_PRIVATE)
             ? CKR_TEMPLATE_INCONSISTENT
             : CKR_OK;
}

void complete_public_key(AttributeSet* set) {
  set->set_default(CKA_VERIFY_RECOVER, false);
  set->set_default(CKA_PRIVATE, false);
  set->set_bool(CKA_TRUSTED, false);
}

void complete_secret_key(const Making& making, AttributeSet* set) {
  complete_hidden_key(making, false, set);
  set->set_bool(CKA_TRUSTED, false);
}

// Key type: told by the function, or named, or the usual one of a derived key.
CK_RV complete_key_type(const Making& making, CK_OBJECT_CLASS object_class, AttributeSet* set) {
  if (making.key_type) {
    if (set->number(CKA_KEY_TYPE).value_or(*making.key_type) != *making.key_type)
      return CKR_TEMPLATE_INCONSISTENT;
    set->set_number(CKA_KEY_TYPE, *making.key_type);
  } else if (!set->has(CKA_KEY_TYPE)) {
    if (making.origin != kDerive) return CKR_TEMPLATE_INCOMPLETE;
    set->set_number(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
  }
  return key_type_known(object_class, *set->number(CKA_KEY_TYPE)) ? CKR_OK
                                                                  : CKR_ATTRIBUTE_VALUE_INVALID;
}

}  // namespace

CK_RV complete_template(const AttributeSet& caller, const Making& making, AttributeSet* out) {
  AttributeSet set = caller;
  if (making.enforced) {
    for (const Attribute& item : *making.enforced) {
      const Attribute* named = caller.find(item.type);
      if (named && !equal(named->bytes(), item.bytes())) return CKR_TEMPLATE_INCONSISTENT;
      set.set(item.type, item.bytes());
    }
  }

  // Generating and deriving say the class themselves; creating and unwrapping must be told.
  if (!set.has(CKA_CLASS)) {
    if (!making.object_class) return CKR_TEMPLATE_INCOMPLETE;
    set.set_number(CKA_CLASS, *making.object_class);
  }
  const CK_OBJECT_CLASS object_class = *set.number(CKA_CLASS);
  if (object_class != making.object_class.value_or(object_class)) return CKR_TEMPLATE_INCONSISTENT;
  if (!(classes_of(making.origin) & class_mask(object_class)))
    return making.origin == kCreate ? CKR_ATTRIBUTE_VALUE_INVALID : CKR_TEMPLATE_INCONSISTENT;
  if (const CK_RV rv = check_names(set, making.origin, object_class, std::nullopt); rv != CKR_OK)
    return rv;
  // Trust in a key is given by the SO's ceremony alone, never by a template; in a certificate by
  // the SO.
  if (set.is_true(CKA_TRUSTED) && !(making.by_so && object_class == CKO_CERTIFICATE))
    return CKR_ATTRIBUTE_READ_ONLY;

  if (object_class == CKO_CERTIFICATE) {
    if (const CK_RV rv = complete_certificate(&set); rv != CKR_OK) return rv;
  } else if (object_class != CKO_DATA) {
    if (const CK_RV rv = complete_key_type(making, object_class, &set); rv != CKR_OK) return rv;
    if (const CK_RV rv = check_names(set, making.origin, object_class, set.number(CKA_KEY_TYPE));
        rv != CKR_OK) {
      return rv;
    }
    default_usage(object_class, &set);
    complete_key(making, &set);
    if (object_class == CKO_SECRET_KEY) complete_secret_key(making, &set);
    if (object_class == CKO_PUBLIC_KEY) complete_public_key(&set);
    if (object_class == CKO_PRIVATE_KEY) {
      if (const CK_RV rv = complete_private_key(making, &set); rv != CKR_OK) return rv;
    }
  }
  set.set_default(CKA_TOKEN, false);
  set.set_default(CKA_PRIVATE, true);
  set.set_default(CKA_MODIFIABLE, true);
  set.set_default(CKA_COPYABLE, true);
  set.set_default(CKA_DESTROYABLE, true);
  *out = std::move(set);
  return CKR_OK;
}

}  // namespace strongroom::token
