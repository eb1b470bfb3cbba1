// keys.cc: C_GenerateKey and C_DeriveKey.
#include <utility>

#include "token/drbg/drbg.h"
#include "token/operations/common.h"

namespace strongroom::token::operations {
namespace {

constexpr CK_ULONG kKdfFieldsMax = 64;
constexpr std::size_t kPrfBytes = 32;  // HMAC-SHA-256

CK_KEY_TYPE generated_type(CK_MECHANISM_TYPE generation) {
  switch (generation) {
    case CKM_AES_KEY_GEN:
      return CKK_AES;
    case CKM_CHACHA20_KEY_GEN:
      return CKK_CHACHA20;
    default:
      return CKK_GENERIC_SECRET;
  }
}

// CKA_VALUE_LEN of the key to be made; of ChaCha20 there is but one length.
// CKR_TEMPLATE_INCOMPLETE, CKR_ATTRIBUTE_VALUE_INVALID.
CK_RV wanted_length(const AttributeSet& attributes, std::size_t* length) {
  const CK_KEY_TYPE type = *attributes.number(CKA_KEY_TYPE);
  auto named = attributes.number(CKA_VALUE_LEN);
  if (!named && type == CKK_CHACHA20) named = 32;
  if (!named) return CKR_TEMPLATE_INCOMPLETE;
  if (!key_length_valid(type, *named)) return CKR_ATTRIBUTE_VALUE_INVALID;
  *length = *named;
  return CKR_OK;
}

bool width_valid(CK_ULONG bits) { return bits == 8 || bits == 16 || bits == 24 || bits == 32; }

// The KDF's input as the caller lists it (6.42.9). L by segments is not what the algorithm
// computes, so it becomes bytes.
struct KdfInput {
  std::vector<algorithms::KdfField> fields;
  std::array<std::uint8_t, 4> segments_length{};

  bool add(const CK_PRF_DATA_PARAM& item, std::size_t key_bytes);
};

bool KdfInput::add(const CK_PRF_DATA_PARAM& item, std::size_t key_bytes) {
  using Field = algorithms::KdfField;
  switch (item.type) {
    case CK_SP800_108_ITERATION_VARIABLE: {
      CK_SP800_108_COUNTER_FORMAT format;
      if (!read_parameter(item.pValue, item.ulValueLen, &format)) return false;
      if (format.bLittleEndian > 1 || !width_valid(format.ulWidthInBits)) return false;
      fields.push_back({Field::Kind::kCounter,
                        format.bLittleEndian == CK_TRUE,
                        static_cast<unsigned>(format.ulWidthInBits),
                        {}});
      return true;
    }
    case CK_SP800_108_DKM_LENGTH: {
      CK_SP800_108_DKM_LENGTH_FORMAT format;
      if (!read_parameter(item.pValue, item.ulValueLen, &format)) return false;
      if (format.bLittleEndian > 1 || !width_valid(format.ulWidthInBits)) return false;
      const auto width = static_cast<unsigned>(format.ulWidthInBits);
      const bool little = format.bLittleEndian == CK_TRUE;
      if (format.dkmLengthMethod == CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS) {
        fields.push_back({Field::Kind::kLength, little, width, {}});
        return true;
      }
      if (format.dkmLengthMethod != CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS) return false;
      const auto bits =
          static_cast<std::uint32_t>((key_bytes + kPrfBytes - 1) / kPrfBytes * kPrfBytes * 8);
      if (width < 32 && bits >> width != 0) return false;
      for (unsigned i = 0; i < width / 8; ++i) {
        segments_length[i] =
            static_cast<std::uint8_t>(bits >> (little ? 8 * i : width - 8 - 8 * i));
      }
      fields.push_back({Field::Kind::kBytes, false, 0, Bytes(segments_length).first(width / 8)});
      return true;
    }
    case CK_SP800_108_BYTE_ARRAY: {
      const auto* bytes = static_cast<const CK_BYTE*>(item.pValue);
      if (!readable(bytes, item.ulValueLen)) return false;
      fields.push_back({Field::Kind::kBytes, false, 0, {bytes, item.ulValueLen}});
      return true;
    }
    default:
      return false;
  }
}

CK_RV read_kdf(const CK_MECHANISM& mechanism, std::size_t key_bytes, KdfInput* input) {
  CK_SP800_108_KDF_PARAMS parameters;
  if (!read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &parameters))
    return CKR_MECHANISM_PARAM_INVALID;
  // One key per call: additional derived keys are not built.
  if (parameters.prfType != CKM_SHA256_HMAC || parameters.ulAdditionalDerivedKeys != 0)
    return CKR_MECHANISM_PARAM_INVALID;
  if (!parameters.pDataParams || parameters.ulNumberOfDataParams > kKdfFieldsMax)
    return CKR_MECHANISM_PARAM_INVALID;
  bool length_named = false;
  bool counter_named = false;
  for (CK_ULONG i = 0; i < parameters.ulNumberOfDataParams; ++i) {
    const CK_PRF_DATA_PARAM item = parameters.pDataParams[i];
    bool* const once = item.type == CK_SP800_108_DKM_LENGTH           ? &length_named
                       : item.type == CK_SP800_108_ITERATION_VARIABLE ? &counter_named
                                                                      : nullptr;
    if (once && std::exchange(*once, true)) return CKR_MECHANISM_PARAM_INVALID;
    if (!input->add(item, key_bytes)) return CKR_MECHANISM_PARAM_INVALID;
  }
  return counter_named ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

}  // namespace

CK_RV generate_key(Session& session, const CK_MECHANISM* mechanism, const CK_ATTRIBUTE* attributes,
                   CK_ULONG count, CK_OBJECT_HANDLE* handle) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!mechanism || !handle) return CKR_ARGUMENTS_BAD;
  const CK_MECHANISM copy = *mechanism;
  if (!mechanism_for(copy, CKF_GENERATE)) return CKR_MECHANISM_INVALID;
  if (!no_parameter(copy)) return CKR_MECHANISM_PARAM_INVALID;
  Template named;
  if (const CK_RV rv = parse_template(attributes, count, Unknown::kRefuse, &named); rv != CKR_OK)
    return rv;
  if (!named.secrets.empty()) return CKR_ATTRIBUTE_READ_ONLY;
  const Making making{
      .origin = kGenerate,
      .mechanism = copy.mechanism,
      .object_class = CKO_SECRET_KEY,
      .key_type = generated_type(copy.mechanism),
  };
  AttributeSet complete;
  if (const CK_RV rv = complete_template(named.attributes, making, &complete); rv != CKR_OK)
    return rv;
  std::size_t length;
  if (const CK_RV rv = wanted_length(complete, &length); rv != CKR_OK) return rv;
  if (const CK_RV rv = may_add(session, complete); rv != CKR_OK) return rv;
  Secret value(length);
  if (!value) return CKR_DEVICE_MEMORY;
  if (const CK_RV rv = drbg::generate(value.mutable_bytes()); rv != CKR_OK) return rv;
  return add_object(session, std::move(complete), std::move(value), handle);
}

CK_RV derive_key(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE base_handle,
                 const CK_ATTRIBUTE* attributes, CK_ULONG count, CK_OBJECT_HANDLE* handle) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!mechanism || !handle) return CKR_ARGUMENTS_BAD;
  const CK_MECHANISM copy = *mechanism;
  const MechanismRow* row = mechanism_for(copy, CKF_DERIVE);
  if (!row) return CKR_MECHANISM_INVALID;
  const auto base = session.place.find(base_handle, *session.application);
  if (!base) return CKR_KEY_HANDLE_INVALID;
  if (const CK_RV rv = check_key(*base, *row, kDeriveUsage); rv != CKR_OK) return rv;
  Template named;
  if (const CK_RV rv = parse_template(attributes, count, Unknown::kRefuse, &named); rv != CKR_OK)
    return rv;
  if (!named.secrets.empty()) return CKR_ATTRIBUTE_READ_ONLY;
  AttributeSet enforced;
  if (const Attribute* inner = base->attributes.find(CKA_DERIVE_TEMPLATE))
    enforced = decode_template(inner->bytes());
  const Making making{
      .origin = kDerive, .object_class = CKO_SECRET_KEY, .enforced = &enforced, .base = base.get()};
  AttributeSet complete;
  if (const CK_RV rv = complete_template(named.attributes, making, &complete); rv != CKR_OK)
    return rv;
  std::size_t length;
  if (const CK_RV rv = wanted_length(complete, &length); rv != CKR_OK) return rv;
  if (const CK_RV rv = may_add(session, complete); rv != CKR_OK) return rv;
  KdfInput input;
  if (const CK_RV rv = read_kdf(copy, length, &input); rv != CKR_OK) return rv;
  Secret value(length);
  if (!value) return CKR_DEVICE_MEMORY;
  if (const CK_RV rv =
          algorithms::sp800_108_counter(*base->key, input.fields, value.mutable_bytes());
      rv != CKR_OK)
    return rv;
  return add_object(session, std::move(complete), std::move(value), handle);
}

}  // namespace strongroom::token::operations
