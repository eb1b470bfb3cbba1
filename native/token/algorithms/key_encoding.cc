#include "token/algorithms/key_encoding.h"

#include <algorithm>
#include <array>

#include "token/algorithms/curves.h"
#include "token/algorithms/der.h"

namespace strongroom::algorithms {
namespace {

constexpr std::uint8_t kRsaEncryption[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1};
constexpr std::uint8_t kEcPublicKey[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1};
constexpr std::uint8_t kEcVersion[] = {1};

constexpr std::size_t kHeadersBytesMax = 128;  // all tags, lengths and identifiers of one key

bool equal(Bytes a, Bytes b) { return std::ranges::equal(a, b); }

// AlgorithmIdentifier (RFC 3279 2.3.1, RFC 5480 2.1.1).
bool read_algorithm(der::Reader& in, CK_KEY_TYPE* type, Curve* curve) {
  der::Reader algorithm;
  Bytes identifier;
  if (!in.constructed(der::kSequence, &algorithm) ||
      !algorithm.element(der::kObjectIdentifier, &identifier))
    return false;
  if (equal(identifier, kRsaEncryption)) {
    Bytes nothing;
    *type = CKK_RSA;
    return algorithm.element(der::kNull, &nothing) && nothing.empty() && algorithm.empty();
  }
  *type = CKK_EC;
  return equal(identifier, kEcPublicKey) && curve_of_parameters(algorithm.rest(), curve);
}

void write_rsa_algorithm(der::Writer& out) {
  const std::size_t end = out.length();
  out.element(der::kNull, {});
  out.element(der::kObjectIdentifier, kRsaEncryption);
  out.enclose(der::kSequence, end);
}

void write_ec_algorithm(der::Writer& out, Curve curve) {
  const std::size_t end = out.length();
  out.bytes(facts(curve).parameters);
  out.element(der::kObjectIdentifier, kEcPublicKey);
  out.enclose(der::kSequence, end);
}

bool read_rsa_private_key(Bytes encoded, RsaNumbers* out) {
  der::Reader whole(encoded);
  der::Reader in;
  Bytes version;  // zero: two primes
  return whole.constructed(der::kSequence, &in) && whole.empty() && in.unsigned_integer(&version) &&
         version.empty() && in.unsigned_integer(&out->modulus) &&
         in.unsigned_integer(&out->exponent) && in.unsigned_integer(&out->private_exponent) &&
         in.unsigned_integer(&out->prime1) && in.unsigned_integer(&out->prime2) &&
         in.unsigned_integer(&out->exponent1) && in.unsigned_integer(&out->exponent2) &&
         in.unsigned_integer(&out->coefficient) && in.empty();
}

// The curve stands in the AlgorithmIdentifier; who writes it here once more must mean the same.
bool read_ec_private_key(Bytes encoded, EcNumbers* out) {
  der::Reader whole(encoded);
  der::Reader in;
  der::Reader part;
  Bytes version;
  if (!whole.constructed(der::kSequence, &in) || !whole.empty() || !in.unsigned_integer(&version) ||
      !equal(version, kEcVersion) || !in.element(der::kOctetString, &out->scalar) ||
      out->scalar.size() != field_length(out->curve))
    return false;
  if (in.next_is(der::kContext0) &&
      (!in.constructed(der::kContext0, &part) || !equal(part.rest(), facts(out->curve).parameters)))
    return false;
  if (in.next_is(der::kContext1) &&
      (!in.constructed(der::kContext1, &part) || !part.bit_string(&out->point) || !part.empty()))
    return false;
  return in.empty();
}

void write_private_key_info(der::Writer& out, std::size_t end, const Curve* curve) {
  out.enclose(der::kOctetString, end);
  if (curve != nullptr)
    write_ec_algorithm(out, *curve);
  else
    write_rsa_algorithm(out);
  out.unsigned_integer({});
  out.enclose(der::kSequence, end);
}

std::vector<std::uint8_t> to_vector(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

bool read_pkcs8(Bytes encoded, DecodedPrivateKey* out) {
  der::Reader whole(encoded);
  der::Reader in;
  Bytes version;
  Bytes key;
  if (!whole.constructed(der::kSequence, &in) || !whole.empty() || !in.unsigned_integer(&version) ||
      !version.empty() || !read_algorithm(in, &out->type, &out->ec.curve) ||
      !in.element(der::kOctetString, &key) || !in.empty())
    return false;
  return out->type == CKK_RSA ? read_rsa_private_key(key, &out->rsa)
                              : read_ec_private_key(key, &out->ec);
}

bool read_spki(Bytes encoded, DecodedPublicKey* out) {
  der::Reader whole(encoded);
  der::Reader in;
  Bytes key;
  if (!whole.constructed(der::kSequence, &in) || !whole.empty() ||
      !read_algorithm(in, &out->type, &out->ec.curve) || !in.bit_string(&key) || !in.empty())
    return false;
  if (out->type == CKK_EC) {
    out->ec.point = key;
    return true;
  }
  der::Reader rsa_whole(key);
  der::Reader rsa;
  return rsa_whole.constructed(der::kSequence, &rsa) && rsa_whole.empty() &&
         rsa.unsigned_integer(&out->rsa.modulus) && rsa.unsigned_integer(&out->rsa.exponent) &&
         rsa.empty();
}

Secret write_pkcs8(const RsaNumbers& key) {
  const std::array<Bytes, 8> backwards = {key.coefficient, key.exponent2, key.exponent1,
                                          key.prime2,      key.prime1,    key.private_exponent,
                                          key.exponent,    key.modulus};
  std::size_t length = kHeadersBytesMax;
  for (const Bytes number : backwards) length += number.size();
  Secret room(length);
  if (!room) return {};
  der::Writer out(room.mutable_bytes());
  for (const Bytes number : backwards) out.unsigned_integer(number);
  out.unsigned_integer({});
  out.enclose(der::kSequence, 0);
  write_private_key_info(out, 0, nullptr);
  return Secret(out.written());
}

Secret write_pkcs8(const EcNumbers& key) {
  Secret room(key.scalar.size() + key.point.size() + kHeadersBytesMax);
  if (!room) return {};
  der::Writer out(room.mutable_bytes());
  out.bit_string(key.point);
  out.enclose(der::kContext1, 0);
  out.element(der::kOctetString, key.scalar);
  out.unsigned_integer(kEcVersion);
  out.enclose(der::kSequence, 0);
  write_private_key_info(out, 0, &key.curve);
  return Secret(out.written());
}

std::vector<std::uint8_t> write_spki(const RsaPublicNumbers& key) {
  std::vector<std::uint8_t> room(key.modulus.size() + key.exponent.size() + kHeadersBytesMax);
  der::Writer out(room);
  out.unsigned_integer(key.exponent);
  out.unsigned_integer(key.modulus);
  out.enclose(der::kSequence, 0);
  out.byte(0);  // unused bits
  out.enclose(der::kBitString, 0);
  write_rsa_algorithm(out);
  out.enclose(der::kSequence, 0);
  return to_vector(out.written());
}

std::vector<std::uint8_t> write_spki(Curve curve, Bytes point) {
  std::vector<std::uint8_t> room(point.size() + kHeadersBytesMax);
  der::Writer out(room);
  out.bit_string(point);
  write_ec_algorithm(out, curve);
  out.enclose(der::kSequence, 0);
  return to_vector(out.written());
}

}  // namespace strongroom::algorithms
