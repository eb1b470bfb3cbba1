#include "token/object.h"

#include <algorithm>

#include "token/certificates.h"
#include "token/key_parts.h"

namespace strongroom::token {
namespace {

// The check value of an AES key is made with the cipher. That of another key is a hash of it, which
// is the key to whoever can try all short ones: only of what could be read. A template's claim
// about such a key is ignored, as 4.10.2 has it where there is no check value.
bool shows_check_value(const Object& object) {
  return object.object_class != CKO_SECRET_KEY || object.key_type == CKK_AES ||
         object.value_readable();
}

}  // namespace

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

Bytes Object::value() const {
  if (key) return key->value();
  if (private_key) return private_key->value();
  if (data) return data->bytes();
  if (!certificate) return {};
  return {reinterpret_cast<const std::uint8_t*>(certificate->data()), certificate->size()};
}

CK_RV Object::check_value(std::string* out) const {
  out->clear();
  std::uint8_t bytes[algorithms::kCheckValueBytes];
  if (value().empty()) return CKR_OK;
  if (object_class == CKO_SECRET_KEY && key_type == CKK_AES) {
    if (const CK_RV rv = algorithms::aes_check_value(*key, bytes); rv != CKR_OK) return rv;
  } else {
    std::uint8_t digest[algorithms::hash_length(algorithms::Hash::kSha1)];
    const CK_RV rv = algorithms::digest(algorithms::Hash::kSha1, value(), digest);
    if (rv != CKR_OK) return rv;
    std::copy_n(digest, sizeof(bytes), bytes);
  }
  out->assign(reinterpret_cast<const char*>(bytes), sizeof(bytes));
  return CKR_OK;
}

bool Object::shown(const AttributeRow& row, std::string* out) const {
  if (const Attribute* item = attributes.find(row.type)) {
    *out = item->value;
    return true;
  }
  if (opaque || !row.fits(object_class, key_type)) return false;
  if (row.type == CKA_CHECK_VALUE) return shows_check_value(*this) && check_value(out) == CKR_OK;
  out->clear();
  // Flags and numbers are never left out.
  return row.kind != AttributeKind::kBool && row.kind != AttributeKind::kUlong;
}

namespace {

// What a template said of material, which is then forgotten: the material says it itself. An empty
// CKA_CHECK_VALUE stays: it says that there is to be none.
CK_RV check_claims(Object* object, const std::string& info) {
  AttributeSet& attributes = object->attributes;
  const Attribute* its_info = attributes.find(CKA_PUBLIC_KEY_INFO);
  if (!info.empty() && its_info && its_info->value != info) return CKR_ATTRIBUTE_VALUE_INVALID;
  const Attribute* claimed = attributes.find(CKA_CHECK_VALUE);
  if (!claimed || claimed->value.empty()) return CKR_OK;
  std::string computed;
  if (shows_check_value(*object)) {
    if (const CK_RV rv = object->check_value(&computed); rv != CKR_OK) return rv;
    if (claimed->value != computed) return CKR_ATTRIBUTE_VALUE_INVALID;
  }
  attributes.erase(CKA_CHECK_VALUE);
  return CKR_OK;
}

}  // namespace

CK_RV Object::take(Material material) {
  if (auto* pair = std::get_if<std::shared_ptr<algorithms::PrivateKey>>(&material)) {
    public_key = (*pair)->public_key();
    private_key = std::move(*pair);
  } else if (auto* half = std::get_if<std::shared_ptr<algorithms::PublicKey>>(&material)) {
    public_key = std::move(*half);
  } else if (auto* encoded = std::get_if<std::string>(&material)) {
    certificate = std::make_shared<const std::string>(std::move(*encoded));
  } else if (object_class == CKO_SECRET_KEY) {
    key = algorithms::Key::make(std::move(std::get<Secret>(material)));
    if (!key) return CKR_DEVICE_MEMORY;
  } else {
    data = std::make_shared<const Secret>(std::move(std::get<Secret>(material)));
  }
  stored.reset();
  return CKR_OK;
}

CK_RV make_object(AttributeSet attributes, Material material, std::shared_ptr<Object>* out) {
  auto object = std::make_shared<Object>();
  object->identity = std::make_shared<ObjectIdentity>();
  object->attributes = std::move(attributes);
  object->refresh();
  std::string info;
  if (const Attribute* claimed = object->attributes.find(CKA_PUBLIC_KEY_INFO))
    info = claimed->value;
  if (const CK_RV rv = object->take(std::move(material)); rv != CKR_OK) return rv;
  if (object->public_key) {
    describe(*object->public_key, object->object_class, &object->attributes);
  } else if (object->certificate) {
    describe_certificate(object->value(), &object->attributes);
  } else if (object->key) {
    object->attributes.set_number(CKA_VALUE_LEN, object->value().size());
  }
  if (const CK_RV rv = check_claims(object.get(), info); rv != CKR_OK) return rv;
  *out = std::move(object);
  return CKR_OK;
}

bool key_type_known(CK_OBJECT_CLASS object_class, CK_KEY_TYPE type) {
  if (!(class_mask(object_class) & kAnyKey)) return false;
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
