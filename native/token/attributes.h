// attributes.h: what the token knows about each attribute (PKCS#11 v3.2, section 4), one row each,
// and the container an object keeps them in. Secret ones are never in it: key bytes live elsewhere.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "token/encoding.h"
#include "token/secure_memory.h"

namespace strongroom::token {

enum class AttributeKind : std::uint8_t {
  kBool,        // one byte, CK_TRUE or CK_FALSE
  kUlong,       // CK_ULONG; kept as 8 bytes, little endian
  kBytes,       // any length
  kDate,        // empty or 8 digits
  kMechanisms,  // CK_MECHANISM_TYPE array; kept as 8 bytes each, little endian
  kTemplate,    // CK_ATTRIBUTE array; kept in AttributeSet's encoding
  kSecret,      // any length; a key's value or a private part of it, in the arena only
};

// Where an object comes from; a row says whose template may name the attribute.
enum Origin : std::uint8_t {
  kCreate = 1,
  kGenerate = 2,
  kUnwrap = 4,
  kDerive = 8,
  kAnyOrigin = 15
};

// Object classes, as a mask.
enum ClassMask : std::uint8_t {
  kData = 1,
  kSecretKey = 2,
  kPublicKey = 4,
  kPrivateKey = 8,
  kCertificate = 16,
  kProfile = 32,
  kMechanism = 64,
  kHiddenKey = kSecretKey | kPrivateKey,
  kPairKey = kPublicKey | kPrivateKey,
  kAnyKey = kSecretKey | kPairKey,
  kOpenClass = kData | kCertificate,      // whose value anyone who sees the object may read
  kStoredClass = kOpenClass | kAnyKey,    // what callers make
  kBuiltInClass = kProfile | kMechanism,  // what the token says of itself
  kAnyClass = kStoredClass | kBuiltInClass,
};
// 0: a class this token does not have.
std::uint8_t class_mask(CK_OBJECT_CLASS object_class);
inline constexpr CK_KEY_TYPE kAnyKeyType = CK_UNAVAILABLE_INFORMATION;

// What C_SetAttributeValue may do. kTrust: the SO, to certificates; keys get trust by
// SR_MarkTrusted alone. kOnlyToEmpty: to what it is already, or away.
enum class Mutability : std::uint8_t {
  kNever,
  kFree,
  kOnlyToTrue,
  kOnlyToFalse,
  kOnlyToEmpty,
  kTrust
};

struct AttributeRow {
  CK_ATTRIBUTE_TYPE type;
  AttributeKind kind;
  std::uint8_t classes;   // ClassMask
  std::uint8_t settable;  // Origin mask
  Mutability mutability;
  CK_KEY_TYPE key_type = kAnyKeyType;  // of pair keys: the one type that has it
  std::uint8_t fixed_in = 0;           // ClassMask: where it never changes, whatever `mutability`

  bool fits(CK_OBJECT_CLASS object_class, CK_KEY_TYPE its_type) const {
    return (classes & class_mask(object_class)) != 0 &&
           (key_type == kAnyKeyType || key_type == its_type ||
            !(class_mask(object_class) & kPairKey));
  }
};

const AttributeRow* attribute_row(CK_ATTRIBUTE_TYPE type);  // null: not an attribute of this token

struct Attribute {
  CK_ATTRIBUTE_TYPE type;
  std::string value;  // short values (flags, numbers) stay inside it
  Bytes bytes() const {
    return {reinterpret_cast<const std::uint8_t*>(value.data()), value.size()};
  }
};

// AttributeSet: attributes by type, ascending. Its encoding is, for each, u32 type, u32 length,
// value, all integers little endian; templates nest by the same encoding.
class AttributeSet {
 public:
  const Attribute* find(CK_ATTRIBUTE_TYPE type) const;
  bool has(CK_ATTRIBUTE_TYPE type) const { return find(type) != nullptr; }
  bool is_true(CK_ATTRIBUTE_TYPE type) const;  // false when absent
  std::optional<CK_ULONG> number(CK_ATTRIBUTE_TYPE type) const;

  void set(CK_ATTRIBUTE_TYPE type, Bytes value);
  void set_bool(CK_ATTRIBUTE_TYPE type, bool value);
  void set_number(CK_ATTRIBUTE_TYPE type, CK_ULONG value);
  void set_default(CK_ATTRIBUTE_TYPE type, bool value) {
    if (!has(type)) set_bool(type, value);
  }
  void set_default_number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
    if (!has(type)) set_number(type, value);
  }
  void erase(CK_ATTRIBUTE_TYPE type);  // if it is there
  void reserve(std::size_t count) { items_.reserve(count); }

  std::size_t size() const { return items_.size(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

  std::size_t encoded_length() const;
  void encode(Writer& out) const;
  std::string encoded() const;

 private:
  std::vector<Attribute> items_;
};

// decode_attributes calls visit(type, value) for each; false: malformed, or visit said so.
template <class Visit>
bool decode_attributes(Bytes in, Visit visit) {
  Reader reader(in);
  while (!reader.empty()) {
    std::uint32_t type;
    std::uint32_t length;
    Bytes value;
    if (!reader.integer(&type) || !reader.integer(&length) || !reader.bytes(length, &value))
      return false;
    if (!visit(CK_ATTRIBUTE_TYPE{type}, value)) return false;
  }
  return true;
}

// A nested template as a set. It was checked when it was stored.
AttributeSet decode_template(Bytes in);

inline bool equal(Bytes a, Bytes b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace strongroom::token
