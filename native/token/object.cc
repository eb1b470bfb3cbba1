#include "token/object.h"

#include <algorithm>

#include "token/key_parts.h"

namespace strongroom::token {

void Object::refresh() {
  static constexpr struct {
    CK_ATTRIBUTE_TYPE type;
    Usage usage;
  } kUsages[] = {
      {CKA_ENCRYPT, kEncryptUsage}, {CKA_DECRYPT, kDecryptUsage}, {CKA_SIGN, kSignUsage},
      {CKA_VERIFY, kVerifyUsage},   {CKA_WRAP, kWrapUsage},       {CKA_UNWRAP, kUnwrapUsage},
      {CKA_DERIVE, kDeriveUsage},
  };
  object_class = attributes.number(CKA_CLASS).value_or(CKO_DATA);
  key_type = attributes.number(CKA_KEY_TYPE).value_or(CK_UNAVAILABLE_INFORMATION);
  usage = 0;
  for (const auto& row : kUsages) {
    if (attributes.is_true(row.type)) usage |= row.usage;
  }
  on_token = attributes.is_true(CKA_TOKEN);
  is_private = attributes.is_true(CKA_PRIVATE);
  sensitive = attributes.is_true(CKA_SENSITIVE);
  extractable = attributes.is_true(CKA_EXTRACTABLE);
  always_authenticate = attributes.is_true(CKA_ALWAYS_AUTHENTICATE);
  allowed.clear();
  if (const Attribute* list = attributes.find(CKA_ALLOWED_MECHANISMS)) {
    for (Reader in(list->bytes()); !in.empty();) {
      std::uint64_t mechanism;
      if (!in.integer(&mechanism)) break;
      allowed.push_back(mechanism);
    }
  }
}

bool Object::allows(CK_MECHANISM_TYPE mechanism) const {
  return allowed.empty() || std::find(allowed.begin(), allowed.end(), mechanism) != allowed.end();
}

bool Object::has_secret(CK_ATTRIBUTE_TYPE type) const {
  const AttributeRow* row = attribute_row(type);
  return row && row->kind == AttributeKind::kSecret && row->fits(object_class, key_type);
}

Bytes Object::secret_attribute(CK_ATTRIBUTE_TYPE type) const {
  return private_key ? private_part(*private_key, type) : value();
}

CK_RV make_object(AttributeSet attributes, Material material, std::shared_ptr<Object>* out) {
  auto object = std::make_shared<Object>();
  object->identity = std::make_shared<ObjectIdentity>();
  object->attributes = std::move(attributes);
  object->refresh();
  if (auto* private_key = std::get_if<std::shared_ptr<algorithms::PrivateKey>>(&material)) {
    object->public_key = (*private_key)->public_key();
    object->private_key = std::move(*private_key);
    describe(*object->public_key, CKO_PRIVATE_KEY, &object->attributes);
  } else if (auto* public_key = std::get_if<std::shared_ptr<algorithms::PublicKey>>(&material)) {
    object->public_key = std::move(*public_key);
    describe(*object->public_key, CKO_PUBLIC_KEY, &object->attributes);
  } else if (object->object_class == CKO_SECRET_KEY) {
    Secret& value = std::get<Secret>(material);
    object->attributes.set_number(CKA_VALUE_LEN, value.size());
    object->key = algorithms::Key::make(std::move(value));
    if (!object->key) return CKR_DEVICE_MEMORY;
  } else {
    object->data = std::make_shared<const Secret>(std::move(std::get<Secret>(material)));
  }
  *out = std::move(object);
  return CKR_OK;
}

bool key_type_known(CK_OBJECT_CLASS object_class, CK_KEY_TYPE type) {
  const bool pair = (class_mask(object_class) & kPairKey) != 0;
  switch (type) {
    case CKK_RSA:
    case CKK_EC:
      return pair;
    case CKK_AES:
    case CKK_CHACHA20:
    case CKK_GENERIC_SECRET:
    case CKK_SHA_1_HMAC:
    case CKK_SHA224_HMAC:
    case CKK_SHA256_HMAC:
    case CKK_SHA384_HMAC:
    case CKK_SHA512_HMAC:
      return !pair;
    default:
      return false;
  }
}

bool key_length_valid(CK_KEY_TYPE type, std::size_t length) {
  if (type == CKK_AES) return length == 16 || length == 24 || length == 32;
  if (type == CKK_CHACHA20) return length == 32;
  return length >= 1 && length <= kSecretKeyBytesMax;
}

}  // namespace strongroom::token
