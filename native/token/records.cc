#include "token/records.h"

#include <algorithm>

#include "token/drbg/drbg.h"
#include "token/key_parts.h"

namespace strongroom::token {
namespace {

constexpr std::uint16_t kPublicObject = 0;
constexpr std::uint16_t kPrivateObject = 1;
constexpr std::size_t kObjectHeaderBytes = 4;  // version, kind
constexpr std::size_t kPinBlockBytes =
    16 + 4 + kGcmIvBytes + kObjectKeyBytes + algorithms::kGcmTagBytes;
constexpr std::size_t kTokenRecordBytes = 4 + 32 + 2 * kPinBlockBytes;
constexpr std::size_t kUsualBodyBytes = 4096;
constexpr char kPrivateObjectLabel[] = "strongroom private object";

void encode_pin(const PinBlock& pin, Writer& out) {
  out.bytes(pin.salt);
  out.integer(pin.iterations);
  out.bytes(pin.iv);
  out.bytes(pin.sealed);
  out.bytes(pin.tag);
}

template <std::size_t N>
bool read_array(Reader& in, std::array<std::uint8_t, N>* out) {
  Bytes raw;
  if (!in.bytes(N, &raw)) return false;
  std::memcpy(out->data(), raw.data(), N);
  return true;
}

bool decode_pin(Reader& in, PinBlock* pin) {
  return read_array(in, &pin->salt) && in.integer(&pin->iterations) && read_array(in, &pin->iv) &&
         read_array(in, &pin->sealed) && read_array(in, &pin->tag);
}

// The attribute list of an object, CKA_VALUE last.
std::size_t body_length(const Object& object) {
  return object.attributes.encoded_length() + 8 + object.value().size();
}

void encode_body(const Object& object, Writer& out) {
  object.attributes.encode(out);
  out.integer(static_cast<std::uint32_t>(CKA_VALUE));
  out.integer(static_cast<std::uint32_t>(object.value().size()));
  out.bytes(object.value());
}

bool attribute_known(CK_ATTRIBUTE_TYPE type, Bytes value) {
  const AttributeRow* row = attribute_row(type);
  if (!row) return false;
  return row->kind != AttributeKind::kTemplate || decode_attributes(value, attribute_known);
}

// Is this an object of a kind that this build makes?
bool kind_known(CK_OBJECT_CLASS object_class, const AttributeSet& attributes) {
  if (object_class == CKO_CERTIFICATE) return attributes.number(CKA_CERTIFICATE_TYPE) == CKC_X_509;
  const auto key_type = attributes.number(CKA_KEY_TYPE);
  return object_class == CKO_DATA || (key_type && key_type_known(object_class, *key_type));
}

// The attributes of an object. Attributes of a type this build does not know, and classes and key
// types it does not know, make the object opaque. Its record is never rewritten, so nothing in it
// is lost.
CK_RV describe_body(Bytes body, const flash::Record& record, std::shared_ptr<Object>* out) {
  std::size_t count = 0;
  const bool well_formed = decode_attributes(body, [&](CK_ATTRIBUTE_TYPE, Bytes) {
    ++count;
    return true;
  });
  if (!well_formed) return CKR_DEVICE_ERROR;
  auto object = std::make_shared<Object>();
  object->identity = std::make_shared<ObjectIdentity>();
  object->attributes.reserve(count);
  decode_attributes(body, [&](CK_ATTRIBUTE_TYPE type, Bytes bytes) {
    if (type == CKA_VALUE) return true;
    if (attribute_known(type, bytes)) {
      object->attributes.set(type, bytes);
    } else {
      object->opaque = true;
    }
    return true;
  });
  const auto object_class = object->attributes.number(CKA_CLASS);
  if (!object_class || !kind_known(*object_class, object->attributes)) object->opaque = true;
  if (!object->opaque) object->stored = {record.owner, record.value};
  object->refresh();
  *out = std::move(object);
  return CKR_OK;
}

Bytes value_of(Bytes body) {
  Bytes value;
  decode_attributes(body, [&](CK_ATTRIBUTE_TYPE type, Bytes bytes) {
    if (type == CKA_VALUE) value = bytes;
    return true;
  });
  return value;
}

// A public key is in its attributes; everything else in the value. CKR_DEVICE_ERROR: no such key.
CK_RV decode_material(const AttributeSet& attributes, Bytes value, Material* out) {
  const CK_OBJECT_CLASS object_class = *attributes.number(CKA_CLASS);
  if (object_class == CKO_PUBLIC_KEY) {
    std::shared_ptr<algorithms::PublicKey> key;
    if (make_public_key(attributes, &key) != CKR_OK) return CKR_DEVICE_ERROR;
    *out = std::move(key);
    return CKR_OK;
  }
  if (object_class == CKO_CERTIFICATE) {
    *out = std::string(reinterpret_cast<const char*>(value.data()), value.size());
    return CKR_OK;
  }
  Secret secret(value);
  if (!value.empty() && !secret) return CKR_DEVICE_MEMORY;
  if (object_class != CKO_PRIVATE_KEY) {
    *out = std::move(secret);
    return CKR_OK;
  }
  std::shared_ptr<algorithms::PrivateKey> key;
  const CK_RV rv = algorithms::make_private_key(std::move(secret), &key);
  if (rv == CKR_ATTRIBUTE_VALUE_INVALID) return CKR_DEVICE_ERROR;
  if (rv != CKR_OK) return rv;
  if (key->public_key()->type() != attributes.number(CKA_KEY_TYPE)) return CKR_DEVICE_ERROR;
  *out = std::move(key);
  return CKR_OK;
}

constexpr std::size_t kAdditionalDataBytes =
    sizeof(kPrivateObjectLabel) - 1 + flash::kDeviceIdBytes + 4 + 8 + kObjectHeaderBytes;

// Of the seal of a private object.
std::array<std::uint8_t, kAdditionalDataBytes> additional_data(Bytes header,
                                                               const RecordPlace& place) {
  std::array<std::uint8_t, kAdditionalDataBytes> aad;
  Writer out(aad);
  out.bytes({reinterpret_cast<const std::uint8_t*>(kPrivateObjectLabel),
             sizeof(kPrivateObjectLabel) - 1});
  out.bytes(place.device_id);
  out.integer(place.slot);
  out.integer(place.record);
  out.bytes(header);
  return aad;
}

// The body of a private object's record, opened into `room`. CKR_DEVICE_ERROR: the seal does not
// open.
CK_RV open_body(Bytes record, algorithms::Key& object_key, const RecordPlace& place, Secret* room,
                Bytes* body) {
  const Bytes header = record.first(kObjectHeaderBytes);
  const Bytes iv = record.subspan(kObjectHeaderBytes, kGcmIvBytes);
  const Bytes sealed =
      record.subspan(kObjectHeaderBytes + kGcmIvBytes,
                     record.size() - kObjectHeaderBytes - kGcmIvBytes - algorithms::kGcmTagBytes);
  if (room->size() < sealed.size()) *room = Secret(std::max(sealed.size(), kUsualBodyBytes));
  if (room->size() < sealed.size()) return CKR_DEVICE_MEMORY;
  const MutableBytes opened = room->mutable_bytes().first(sealed.size());
  const CK_RV rv = algorithms::aes_gcm_open(object_key, iv, additional_data(header, place), sealed,
                                            record.last(algorithms::kGcmTagBytes), opened);
  *body = opened;
  return rv == CKR_ENCRYPTED_DATA_INVALID ? CK_RV{CKR_DEVICE_ERROR} : rv;
}

}  // namespace

std::vector<std::uint8_t> encode_token_record(const TokenRecord& token) {
  std::vector<std::uint8_t> record(kTokenRecordBytes);
  Writer out(record);
  out.integer(kRecordVersion);
  out.integer(std::uint16_t{0});
  out.bytes(token.label);
  encode_pin(token.so, out);
  encode_pin(token.user, out);
  return record;
}

bool decode_token_record(Bytes record, TokenRecord* out) {
  TokenRecord token;
  Reader in(record);
  std::uint16_t version;
  std::uint16_t reserved;
  const bool read = in.integer(&version) && version == kRecordVersion && in.integer(&reserved) &&
                    reserved == 0 && read_array(in, &token.label) && decode_pin(in, &token.so) &&
                    decode_pin(in, &token.user) && in.empty();
  if (read) *out = token;
  return read;
}

CK_RV encode_public_object(const Object& object, Secret* record) {
  Secret bytes(kObjectHeaderBytes + body_length(object));
  if (!bytes) return CKR_DEVICE_MEMORY;
  Writer out(bytes.mutable_bytes());
  out.integer(kRecordVersion);
  out.integer(kPublicObject);
  encode_body(object, out);
  *record = std::move(bytes);
  return CKR_OK;
}

CK_RV seal_private_object(const Object& object, algorithms::Key& object_key,
                          const RecordPlace& place, std::vector<std::uint8_t>* record) {
  Secret body(body_length(object));
  if (!body) return CKR_DEVICE_MEMORY;
  Writer out(body.mutable_bytes());
  encode_body(object, out);

  std::vector<std::uint8_t> bytes(kObjectHeaderBytes + kGcmIvBytes + body.size() +
                                  algorithms::kGcmTagBytes);
  const MutableBytes all(bytes);
  store_le(bytes.data(), kRecordVersion);
  store_le(bytes.data() + 2, kPrivateObject);
  const MutableBytes iv = all.subspan(kObjectHeaderBytes, kGcmIvBytes);
  if (const CK_RV rv = drbg::generate(iv); rv != CKR_OK) return rv;
  const CK_RV rv = algorithms::aes_gcm_seal(
      object_key, iv, additional_data(all.first(kObjectHeaderBytes), place), body.bytes(),
      all.subspan(kObjectHeaderBytes + kGcmIvBytes, body.size()),
      all.last(algorithms::kGcmTagBytes));
  if (rv == CKR_OK) *record = std::move(bytes);
  return rv;
}

ObjectRecordKind object_record_kind(Bytes record) {
  if (record.size() < kObjectHeaderBytes ||
      load_le<std::uint16_t>(record.data()) != kRecordVersion) {
    return ObjectRecordKind::kUnreadable;
  }
  const auto kind = load_le<std::uint16_t>(record.data() + 2);
  if (kind == kPublicObject) return ObjectRecordKind::kPublic;
  if (kind == kPrivateObject &&
      record.size() >= kObjectHeaderBytes + kGcmIvBytes + algorithms::kGcmTagBytes) {
    return ObjectRecordKind::kPrivate;
  }
  return ObjectRecordKind::kUnreadable;
}

CK_RV decode_public_object(const flash::Record& record, std::shared_ptr<Object>* out) {
  return describe_body(record.value.subspan(kObjectHeaderBytes), record, out);
}

CK_RV open_private_object(const flash::Record& record, algorithms::Key& object_key,
                          const RecordPlace& place, Secret* room, std::shared_ptr<Object>* out) {
  Bytes body;
  const CK_RV rv = open_body(record.value, object_key, place, room, &body);
  return rv == CKR_OK ? describe_body(body, record, out) : rv;
}

CK_RV read_material(const Object& described, algorithms::Key* object_key, const RecordPlace& place,
                    Material* out) {
  const Bytes record = described.stored->value;
  if (!described.is_private) {
    const Bytes body = record.subspan(kObjectHeaderBytes);
    return decode_material(described.attributes, value_of(body), out);
  }
  if (!object_key) return CKR_USER_NOT_LOGGED_IN;
  Secret room;
  Bytes body;
  if (const CK_RV rv = open_body(record, *object_key, place, &room, &body); rv != CKR_OK) return rv;
  return decode_material(described.attributes, value_of(body), out);
}

}  // namespace strongroom::token
