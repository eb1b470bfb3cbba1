#include "token/attributes.h"

#include <algorithm>
#include <array>

namespace strongroom::token {
namespace {

using enum AttributeKind;
using enum Mutability;

// Ascending by type. Public keys are made from their parts or generated, never unwrapped or
// derived.
constexpr AttributeRow kRows[] = {
    {CKA_CLASS, kUlong, kAnyClass, kAnyOrigin, kNever},
    {CKA_TOKEN, kBool, kAnyClass, kAnyOrigin, kNever},
    {CKA_PRIVATE, kBool, kAnyClass, kAnyOrigin, kNever},
    {CKA_LABEL, kBytes, kAnyClass, kAnyOrigin, kFree},
    {CKA_UNIQUE_ID, kBytes, kAnyClass, 0, kNever},
    {CKA_APPLICATION, kBytes, kData, kAnyOrigin, kFree},
    {CKA_VALUE, kSecret, kOpenClass | kHiddenKey, kCreate, kNever, CKK_EC},
    {CKA_OBJECT_ID, kBytes, kData, kAnyOrigin, kFree},
    {CKA_CERTIFICATE_TYPE, kUlong, kCertificate, kCreate, kNever},
    {CKA_ISSUER, kBytes, kCertificate, kCreate, kFree},
    {CKA_SERIAL_NUMBER, kBytes, kCertificate, kCreate, kFree},
    {CKA_TRUSTED, kBool, kSecretKey | kPublicKey | kCertificate, kAnyOrigin, kTrust},
    {CKA_CERTIFICATE_CATEGORY, kUlong, kCertificate, kCreate, kNever},
    {CKA_JAVA_MIDP_SECURITY_DOMAIN, kUlong, kCertificate, kCreate, kNever},
    {CKA_URL, kBytes, kCertificate, kCreate, kNever},
    {CKA_HASH_OF_SUBJECT_PUBLIC_KEY, kBytes, kCertificate, kCreate, kNever},
    {CKA_HASH_OF_ISSUER_PUBLIC_KEY, kBytes, kCertificate, kCreate, kNever},
    {CKA_NAME_HASH_ALGORITHM, kUlong, kCertificate, kCreate, kNever},
    {CKA_CHECK_VALUE, kBytes, kSecretKey | kCertificate, kAnyOrigin, kOnlyToEmpty},
    {CKA_KEY_TYPE, kUlong, kAnyKey, kAnyOrigin, kNever},
    {CKA_SUBJECT, kBytes, kPairKey | kCertificate, kAnyOrigin, kFree, kAnyKeyType, kCertificate},
    {CKA_ID, kBytes, kAnyKey | kCertificate, kAnyOrigin, kFree},
    {CKA_SENSITIVE, kBool, kHiddenKey, kAnyOrigin, kOnlyToTrue},
    {CKA_ENCRYPT, kBool, kSecretKey | kPublicKey, kAnyOrigin, kOnlyToFalse},
    {CKA_DECRYPT, kBool, kHiddenKey, kAnyOrigin, kOnlyToFalse},
    {CKA_WRAP, kBool, kSecretKey | kPublicKey, kAnyOrigin, kOnlyToFalse},
    {CKA_UNWRAP, kBool, kHiddenKey, kAnyOrigin, kOnlyToFalse},
    {CKA_SIGN, kBool, kHiddenKey, kAnyOrigin, kOnlyToFalse},
    {CKA_SIGN_RECOVER, kBool, kPrivateKey, kAnyOrigin, kOnlyToFalse},
    {CKA_VERIFY, kBool, kSecretKey | kPublicKey, kAnyOrigin, kOnlyToFalse},
    {CKA_VERIFY_RECOVER, kBool, kPublicKey, kAnyOrigin, kOnlyToFalse},
    {CKA_DERIVE, kBool, kAnyKey, kAnyOrigin, kOnlyToFalse},
    {CKA_START_DATE, kDate, kAnyKey | kCertificate, kAnyOrigin, kFree, kAnyKeyType, kCertificate},
    {CKA_END_DATE, kDate, kAnyKey | kCertificate, kAnyOrigin, kFree, kAnyKeyType, kCertificate},
    {CKA_MODULUS, kBytes, kPairKey, kCreate, kNever, CKK_RSA},
    {CKA_MODULUS_BITS, kUlong, kPublicKey, kGenerate, kNever, CKK_RSA},
    {CKA_PUBLIC_EXPONENT, kBytes, kPairKey, kCreate | kGenerate, kNever, CKK_RSA},
    {CKA_PRIVATE_EXPONENT, kSecret, kPrivateKey, kCreate, kNever, CKK_RSA},
    {CKA_PRIME_1, kSecret, kPrivateKey, kCreate, kNever, CKK_RSA},
    {CKA_PRIME_2, kSecret, kPrivateKey, kCreate, kNever, CKK_RSA},
    {CKA_EXPONENT_1, kSecret, kPrivateKey, kCreate, kNever, CKK_RSA},
    {CKA_EXPONENT_2, kSecret, kPrivateKey, kCreate, kNever, CKK_RSA},
    {CKA_COEFFICIENT, kSecret, kPrivateKey, kCreate, kNever, CKK_RSA},
    {CKA_PUBLIC_KEY_INFO, kBytes, kPairKey | kCertificate, kCreate | kUnwrap, kNever},
    {CKA_VALUE_LEN, kUlong, kSecretKey, kGenerate | kUnwrap | kDerive, kNever},
    {CKA_EXTRACTABLE, kBool, kHiddenKey, kAnyOrigin, kOnlyToFalse},
    {CKA_LOCAL, kBool, kAnyKey, 0, kNever},
    {CKA_NEVER_EXTRACTABLE, kBool, kHiddenKey, 0, kNever},
    {CKA_ALWAYS_SENSITIVE, kBool, kHiddenKey, 0, kNever},
    {CKA_KEY_GEN_MECHANISM, kUlong, kAnyKey, 0, kNever},
    {CKA_MODIFIABLE, kBool, kAnyClass, kAnyOrigin, kNever},
    {CKA_COPYABLE, kBool, kAnyClass, kAnyOrigin, kOnlyToFalse},
    {CKA_DESTROYABLE, kBool, kAnyClass, kAnyOrigin, kNever},
    {CKA_EC_PARAMS, kBytes, kPairKey, kCreate | kGenerate, kNever, CKK_EC},
    {CKA_EC_POINT, kBytes, kPublicKey, kCreate, kNever, CKK_EC},
    {CKA_ALWAYS_AUTHENTICATE, kBool, kPrivateKey, kAnyOrigin, kNever},
    {CKA_WRAP_WITH_TRUSTED, kBool, kHiddenKey, kAnyOrigin, kOnlyToTrue},
    {CKA_MECHANISM_TYPE, kUlong, kMechanism, 0, kNever},
    {CKA_PROFILE_ID, kUlong, kProfile, 0, kNever},
    {CKA_WRAP_TEMPLATE, kTemplate, kSecretKey | kPublicKey, kAnyOrigin, kNever},
    {CKA_UNWRAP_TEMPLATE, kTemplate, kHiddenKey, kAnyOrigin, kNever},
    {CKA_DERIVE_TEMPLATE, kTemplate, kHiddenKey, kAnyOrigin, kNever},
    {CKA_ALLOWED_MECHANISMS, kMechanisms, kAnyKey, kAnyOrigin, kNever},
};
static_assert(std::is_sorted(std::begin(kRows), std::end(kRows),
                             [](const AttributeRow& a, const AttributeRow& b) {
                               return a.type < b.type;
                             }));

}  // namespace

std::uint8_t class_mask(CK_OBJECT_CLASS object_class) {
  switch (object_class) {
    case CKO_DATA:
      return kData;
    case CKO_SECRET_KEY:
      return kSecretKey;
    case CKO_PUBLIC_KEY:
      return kPublicKey;
    case CKO_PRIVATE_KEY:
      return kPrivateKey;
    case CKO_CERTIFICATE:
      return kCertificate;
    case CKO_PROFILE:
      return kProfile;
    case CKO_MECHANISM:
      return kMechanism;
    default:
      return 0;
  }
}

namespace {

// Rows by type, for all types but those of arrays: 0, or one more than the row's place.
constexpr CK_ATTRIBUTE_TYPE kPlainTypes = CKA_PROFILE_ID + 1;
constexpr auto kPlaces = [] {
  std::array<std::uint8_t, kPlainTypes> places{};
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    if (kRows[i].type < kPlainTypes) places[kRows[i].type] = static_cast<std::uint8_t>(i + 1);
  }
  return places;
}();

}  // namespace

const AttributeRow* attribute_row(CK_ATTRIBUTE_TYPE type) {
  if (type < kPlainTypes) return kPlaces[type] == 0 ? nullptr : &kRows[kPlaces[type] - 1];
  const auto* row =
      std::lower_bound(std::begin(kRows), std::end(kRows), type,
                       [](const AttributeRow& a, CK_ATTRIBUTE_TYPE b) { return a.type < b; });
  return row != std::end(kRows) && row->type == type ? row : nullptr;
}

const Attribute* AttributeSet::find(CK_ATTRIBUTE_TYPE type) const {
  const auto item =
      std::lower_bound(items_.begin(), items_.end(), type,
                       [](const Attribute& a, CK_ATTRIBUTE_TYPE b) { return a.type < b; });
  return item != items_.end() && item->type == type ? &*item : nullptr;
}

bool AttributeSet::is_true(CK_ATTRIBUTE_TYPE type) const {
  const Attribute* item = find(type);
  return item && item->value.size() == 1 && item->value[0] != 0;
}

std::optional<CK_ULONG> AttributeSet::number(CK_ATTRIBUTE_TYPE type) const {
  const Attribute* item = find(type);
  if (!item || item->value.size() != sizeof(std::uint64_t)) return std::nullopt;
  return load_le<std::uint64_t>(item->bytes().data());
}

void AttributeSet::set(CK_ATTRIBUTE_TYPE type, Bytes value) {
  const auto item =
      std::lower_bound(items_.begin(), items_.end(), type,
                       [](const Attribute& a, CK_ATTRIBUTE_TYPE b) { return a.type < b; });
  std::string bytes(reinterpret_cast<const char*>(value.data()), value.size());
  if (item != items_.end() && item->type == type) {
    item->value = std::move(bytes);
  } else {
    items_.insert(item, {type, std::move(bytes)});
  }
}

void AttributeSet::erase(CK_ATTRIBUTE_TYPE type) {
  std::erase_if(items_, [&](const Attribute& item) { return item.type == type; });
}

void AttributeSet::set_bool(CK_ATTRIBUTE_TYPE type, bool value) {
  const std::uint8_t byte = value ? CK_TRUE : CK_FALSE;
  set(type, {&byte, 1});
}

void AttributeSet::set_number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
  std::uint8_t bytes[sizeof(std::uint64_t)];
  store_le(bytes, std::uint64_t{value});
  set(type, bytes);
}

std::size_t AttributeSet::encoded_length() const {
  std::size_t length = 0;
  for (const Attribute& item : items_) length += 8 + item.value.size();
  return length;
}

void AttributeSet::encode(Writer& out) const {
  for (const Attribute& item : items_) {
    out.integer(static_cast<std::uint32_t>(item.type));
    out.integer(static_cast<std::uint32_t>(item.value.size()));
    out.bytes(item.bytes());
  }
}

std::string AttributeSet::encoded() const {
  std::string bytes(encoded_length(), '\0');
  Writer out({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  encode(out);
  return bytes;
}

AttributeSet decode_template(Bytes in) {
  AttributeSet set;
  decode_attributes(in, [&](CK_ATTRIBUTE_TYPE type, Bytes value) {
    set.set(type, value);
    return true;
  });
  return set;
}

}  // namespace strongroom::token
