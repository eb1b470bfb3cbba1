#include "token/key_parts.h"

#include "token/algorithms/der.h"
#include "token/algorithms/key_encoding.h"

namespace strongroom::token {
namespace {

namespace der = algorithms::der;

constexpr std::size_t kRsaNumberBytesMax = 1024;  // far above any modulus that is taken

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// CKA_EC_POINT: the DER encoding of an OCTET STRING of the uncompressed point.
constexpr std::size_t kHeaderBytesMax = 4;

std::string encode_point(Bytes point) {
  std::string room(point.size() + kHeaderBytesMax, '\0');
  der::Writer out({reinterpret_cast<std::uint8_t*>(room.data()), room.size()});
  out.element(der::kOctetString, point);
  return room.substr(room.size() - out.written().size());
}

bool read_point(Bytes encoded, Bytes* point) {
  der::Reader in(encoded);
  return in.element(der::kOctetString, point) && in.empty();
}

CK_RV as_private_key(Secret info, std::shared_ptr<algorithms::PrivateKey>* out) {
  return info ? algorithms::make_private_key(std::move(info), out) : CK_RV{CKR_DEVICE_MEMORY};
}

Bytes significant(Bytes number) {
  while (!number.empty() && number.front() == 0) number = number.subspan(1);
  return number;
}

CK_RV make_rsa_private_key(const Template& parts, std::shared_ptr<algorithms::PrivateKey>* out) {
  algorithms::RsaNumbers numbers;
  const struct {
    CK_ATTRIBUTE_TYPE type;
    Bytes* number;
  } wanted[] = {
      {CKA_MODULUS, &numbers.modulus},
      {CKA_PUBLIC_EXPONENT, &numbers.exponent},
      {CKA_PRIVATE_EXPONENT, &numbers.private_exponent},
      {CKA_PRIME_1, &numbers.prime1},
      {CKA_PRIME_2, &numbers.prime2},
      {CKA_EXPONENT_1, &numbers.exponent1},
      {CKA_EXPONENT_2, &numbers.exponent2},
      {CKA_COEFFICIENT, &numbers.coefficient},
  };
  for (const auto& part : wanted) {
    if (const Attribute* open = parts.attributes.find(part.type)) {
      *part.number = significant(open->bytes());
    } else if (const Secret* secret = parts.secrets.find(part.type)) {
      *part.number = significant(secret->bytes());
    } else {
      return CKR_TEMPLATE_INCOMPLETE;
    }
    if (part.number->size() > kRsaNumberBytesMax) return CKR_ATTRIBUTE_VALUE_INVALID;
  }
  return as_private_key(algorithms::write_pkcs8(numbers), out);
}

CK_RV make_ec_private_key(const Template& parts, std::shared_ptr<algorithms::PrivateKey>* out) {
  const Attribute* parameters = parts.attributes.find(CKA_EC_PARAMS);
  const Secret* value = parts.secrets.find(CKA_VALUE);
  if (!parameters || !value) return CKR_TEMPLATE_INCOMPLETE;
  algorithms::EcNumbers numbers;
  if (const CK_RV rv = read_curve(parameters->bytes(), &numbers.curve); rv != CKR_OK) return rv;
  // A big integer (6.3.4): as long as it likes, here as long as the curve's order.
  const Bytes magnitude = significant(value->bytes());
  Secret scalar(algorithms::field_length(numbers.curve));
  if (!scalar) return CKR_DEVICE_MEMORY;
  if (magnitude.size() > scalar.size()) return CKR_ATTRIBUTE_VALUE_INVALID;
  const std::size_t zeros = scalar.size() - magnitude.size();
  std::memset(scalar.data(), 0, zeros);
  if (!magnitude.empty()) std::memcpy(scalar.data() + zeros, magnitude.data(), magnitude.size());
  numbers.scalar = scalar.bytes();
  return as_private_key(algorithms::write_pkcs8(numbers), out);
}

}  // namespace

CK_RV read_curve(Bytes parameters, algorithms::Curve* out) {
  if (algorithms::curve_of_parameters(parameters, out)) return CKR_OK;
  der::Reader in(parameters);
  Bytes identifier;
  const bool named =
      in.element(der::kObjectIdentifier, &identifier) && !identifier.empty() && in.empty();
  return named ? CKR_CURVE_NOT_SUPPORTED : CKR_DOMAIN_PARAMS_INVALID;
}

void describe(const algorithms::PublicKey& key, CK_OBJECT_CLASS object_class, AttributeSet* set) {
  const bool is_public = object_class == CKO_PUBLIC_KEY;
  set->set(CKA_PUBLIC_KEY_INFO, key.info());
  if (key.type() == CKK_RSA) {
    set->set(CKA_MODULUS, key.modulus());
    set->set(CKA_PUBLIC_EXPONENT, key.exponent());
    if (is_public) set->set_number(CKA_MODULUS_BITS, key.bits());
    return;
  }
  set->set(CKA_EC_PARAMS, algorithms::curve_parameters(key.curve()));
  if (is_public) set->set(CKA_EC_POINT, bytes_of(encode_point(key.point())));
}

Bytes private_part(const algorithms::PrivateKey& key, CK_ATTRIBUTE_TYPE type) {
  algorithms::DecodedPrivateKey decoded;
  if (!algorithms::read_pkcs8(key.value(), &decoded)) return {};
  if (decoded.type == CKK_EC) return type == CKA_VALUE ? decoded.ec.scalar : Bytes{};
  switch (type) {
    case CKA_PRIVATE_EXPONENT:
      return decoded.rsa.private_exponent;
    case CKA_PRIME_1:
      return decoded.rsa.prime1;
    case CKA_PRIME_2:
      return decoded.rsa.prime2;
    case CKA_EXPONENT_1:
      return decoded.rsa.exponent1;
    case CKA_EXPONENT_2:
      return decoded.rsa.exponent2;
    case CKA_COEFFICIENT:
      return decoded.rsa.coefficient;
    default:
      return {};
  }
}

CK_RV make_public_key(const AttributeSet& attributes, std::shared_ptr<algorithms::PublicKey>* out) {
  if (attributes.number(CKA_KEY_TYPE) == CKK_RSA) {
    const Attribute* modulus = attributes.find(CKA_MODULUS);
    const Attribute* exponent = attributes.find(CKA_PUBLIC_EXPONENT);
    if (!modulus || !exponent) return CKR_TEMPLATE_INCOMPLETE;
    return algorithms::make_rsa_public_key(modulus->bytes(), exponent->bytes(), out);
  }
  const Attribute* parameters = attributes.find(CKA_EC_PARAMS);
  const Attribute* encoded = attributes.find(CKA_EC_POINT);
  if (!parameters || !encoded) return CKR_TEMPLATE_INCOMPLETE;
  algorithms::Curve curve;
  if (const CK_RV rv = read_curve(parameters->bytes(), &curve); rv != CKR_OK) return rv;
  Bytes point;
  if (!read_point(encoded->bytes(), &point)) return CKR_ATTRIBUTE_VALUE_INVALID;
  return algorithms::make_ec_public_key(curve, point, out);
}

CK_RV make_private_key(const Template& parts, std::shared_ptr<algorithms::PrivateKey>* out) {
  return parts.attributes.number(CKA_KEY_TYPE) == CKK_RSA ? make_rsa_private_key(parts, out)
                                                          : make_ec_private_key(parts, out);
}

}  // namespace strongroom::token
