// key_pairs.cc: C_GenerateKeyPair, and key pairs that never become objects (SR_SealKeyPair).
#include "token/key_parts.h"
#include "token/operations/common.h"

namespace strongroom::token::operations {
namespace {

constexpr std::uint8_t kPublicExponent[] = {0x01, 0x00, 0x01};  // FIPS 186-5 A.1.1: 65537

// The pair that a public key's template asks for (6.1.4, 6.3.5).
struct PairKind {
  CK_KEY_TYPE type = CKK_RSA;
  std::size_t bits = 0;  // RSA
  algorithms::Curve curve{};
};

CK_RV read_rsa(const AttributeSet& attributes, PairKind* out) {
  const auto bits = attributes.number(CKA_MODULUS_BITS);
  if (!bits) return CKR_TEMPLATE_INCOMPLETE;
  if (*bits != 2048 && *bits != 3072 && *bits != 4096) return CKR_ATTRIBUTE_VALUE_INVALID;
  if (const Attribute* exponent = attributes.find(CKA_PUBLIC_EXPONENT)) {
    Bytes number = exponent->bytes();
    while (!number.empty() && number.front() == 0) number = number.subspan(1);
    if (!equal(number, kPublicExponent)) return CKR_ATTRIBUTE_VALUE_INVALID;
  }
  out->bits = *bits;
  return CKR_OK;
}

CK_RV read_ec(const AttributeSet& attributes, PairKind* out) {
  const Attribute* parameters = attributes.find(CKA_EC_PARAMS);
  if (!parameters) return CKR_TEMPLATE_INCOMPLETE;
  return read_curve(parameters->bytes(), &out->curve);
}

CK_RV generate(const PairKind& kind, std::shared_ptr<algorithms::PrivateKey>* out) {
  return kind.type == CKK_RSA ? algorithms::generate_rsa_key(kind.bits, out)
                              : algorithms::generate_ec_key(kind.curve, out);
}

// The mechanism: CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID.
CK_RV read_mechanism(const CK_MECHANISM& mechanism, PairKind* out) {
  if (!mechanism_for(mechanism, CKF_GENERATE_KEY_PAIR)) return CKR_MECHANISM_INVALID;
  if (!no_parameter(mechanism)) return CKR_MECHANISM_PARAM_INVALID;
  out->type = mechanism.mechanism == CKM_EC_KEY_PAIR_GEN ? CKK_EC : CKK_RSA;
  return CKR_OK;
}

CK_RV complete(const CK_ATTRIBUTE* attributes, CK_ULONG count, CK_OBJECT_CLASS object_class,
               const CK_MECHANISM& mechanism, const PairKind& kind, AttributeSet* out) {
  Template named;
  if (const CK_RV rv = parse_template(attributes, count, Unknown::kRefuse, &named); rv != CKR_OK)
    return rv;
  if (!named.secrets.empty()) return CKR_ATTRIBUTE_READ_ONLY;
  const Making making{.origin = kGenerate,
                      .mechanism = mechanism.mechanism,
                      .object_class = object_class,
                      .key_type = kind.type};
  return complete_template(named.attributes, making, out);
}

// The public key's template, and the pair it describes.
CK_RV read_public(const CK_ATTRIBUTE* attributes, CK_ULONG count, const CK_MECHANISM& mechanism,
                  PairKind* kind, AttributeSet* out) {
  if (const CK_RV rv = complete(attributes, count, CKO_PUBLIC_KEY, mechanism, *kind, out);
      rv != CKR_OK)
    return rv;
  return kind->type == CKK_RSA ? read_rsa(*out, kind) : read_ec(*out, kind);
}

}  // namespace

CK_RV generate_key_pair(Session& session, const CK_MECHANISM* mechanism,
                        const KeyPairTemplates& templates, CK_OBJECT_HANDLE* public_handle,
                        CK_OBJECT_HANDLE* private_handle) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!mechanism || !public_handle || !private_handle) return CKR_ARGUMENTS_BAD;
  const CK_MECHANISM copy = *mechanism;
  PairKind kind;
  if (const CK_RV rv = read_mechanism(copy, &kind); rv != CKR_OK) return rv;
  AttributeSet of_public;
  if (const CK_RV rv =
          read_public(templates.public_attributes, templates.public_count, copy, &kind, &of_public);
      rv != CKR_OK) {
    return rv;
  }
  AttributeSet of_private;
  if (const CK_RV rv = complete(templates.private_attributes, templates.private_count,
                                CKO_PRIVATE_KEY, copy, kind, &of_private);
      rv != CKR_OK) {
    return rv;
  }
  for (const AttributeSet* each : {&of_public, &of_private}) {
    if (const CK_RV rv = may_add(session, *each); rv != CKR_OK) return rv;
  }
  if (no_wait) return CKR_STRONGROOM_BUSY;
  std::shared_ptr<algorithms::PrivateKey> key;
  if (const CK_RV rv = generate(kind, &key); rv != CKR_OK) return rv;
  return add_pair(session, std::move(of_public), std::move(of_private), std::move(key),
                  public_handle, private_handle);
}

CK_RV seal_key_pair(Session& session, const CK_MECHANISM* mechanism, const CK_ATTRIBUTE* attributes,
                    CK_ULONG count, CK_OBJECT_HANDLE handle, const CK_BYTE* aad, CK_ULONG aad_len,
                    const SR_SEALED_KEY_PAIR* out) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!mechanism || !out || !readable(aad, aad_len)) return CKR_ARGUMENTS_BAD;
  const CK_MECHANISM copy = *mechanism;
  const SR_SEALED_KEY_PAIR to = *out;
  if (!to.pPublicKeyInfo || !to.pulPublicKeyInfoLen || !to.seal.pNonce || !to.seal.pTag ||
      !to.pCiphertext || !to.pulCiphertextLen) {
    return CKR_ARGUMENTS_BAD;
  }
  PairKind kind;
  if (const CK_RV rv = read_mechanism(copy, &kind); rv != CKR_OK) return rv;
  const auto object = session.place.find(handle, *session.application);
  if (!object) return CKR_KEY_HANDLE_INVALID;
  if (const CK_RV rv =
          check_key(*object, *mechanism_row(CKM_STRONGROOM_DERIVE_AES_GCM), kDeriveUsage);
      rv != CKR_OK)
    return rv;
  AttributeSet unused;
  if (const CK_RV rv = read_public(attributes, count, copy, &kind, &unused); rv != CKR_OK)
    return rv;
  if (no_wait) return CKR_STRONGROOM_BUSY;

  std::shared_ptr<algorithms::PrivateKey> key;
  if (const CK_RV rv = generate(kind, &key); rv != CKR_OK) return rv;
  const Bytes info = key->public_key()->info();
  const Bytes value = key->value();
  const bool fits = *to.pulPublicKeyInfoLen >= info.size() && *to.pulCiphertextLen >= value.size();
  *to.pulPublicKeyInfoLen = info.size();
  *to.pulCiphertextLen = value.size();
  if (!fits) return CKR_BUFFER_TOO_SMALL;
  if (const CK_RV rv = algorithms::derive_seal(
          *object->key, {aad, aad_len}, value, {to.seal.pNonce, SR_SEAL_NONCE_BYTES},
          {to.pCiphertext, value.size()}, {to.seal.pTag, SR_SEAL_TAG_BYTES});
      rv != CKR_OK) {
    return rv;
  }
  std::memcpy(to.pPublicKeyInfo, info.data(), info.size());
  if (to.pPrivateKeyInfo) std::memcpy(to.pPrivateKeyInfo, value.data(), value.size());
  return CKR_OK;
}

}  // namespace strongroom::token::operations
