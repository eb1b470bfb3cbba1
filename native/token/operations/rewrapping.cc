// rewrapping.cc: SR_RewrapKey: a wrapped key from one trusted key to the next, with the inner key
// in the arena only.
#include <string>

#include "token/drbg/drbg.h"
#include "token/operations/common.h"
#include "token/slot.h"

namespace strongroom::token::operations {
namespace {

constexpr std::size_t kIvBytes = 12;

struct Side {
  std::shared_ptr<const Object> key;
  CK_BYTE* iv = nullptr;
};

bool read_parameters(const CK_MECHANISM& mechanism, SR_GCM_WRAP_PARAMS* out) {
  return read_parameter(mechanism.pParameter, mechanism.ulParameterLen, out) && out->pIv &&
         out->ulIvLen == kIvBytes && out->ulTagBits == 8 * algorithms::kGcmTagBytes;
}

bool makes_iv(const SR_GCM_WRAP_PARAMS& parameters) {
  return parameters.ulIvFixedBits == 0 &&
         (parameters.ivGenerator == CKG_GENERATE || parameters.ivGenerator == CKG_GENERATE_RANDOM);
}

CK_RV read_unwrapping(Session& session, const SR_REWRAP_KEY& given, Side* out) {
  const MechanismRow* const row = mechanism_for(*given.pMechanism, CKF_UNWRAP);
  if (!row || row->family != Family::kGcm) return CKR_MECHANISM_INVALID;
  SR_GCM_WRAP_PARAMS parameters;
  if (!read_parameters(*given.pMechanism, &parameters)) return CKR_MECHANISM_PARAM_INVALID;
  *out = {session.place.find(given.hKey, *session.application), parameters.pIv};
  if (!out->key) return CKR_UNWRAPPING_KEY_HANDLE_INVALID;
  const CK_RV rv = check_key(*out->key, *row, kUnwrapUsage);
  return rv == CKR_KEY_TYPE_INCONSISTENT ? CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT : rv;
}

CK_RV read_wrapping(Session& session, const SR_REWRAP_KEY& given, Side* out) {
  const MechanismRow* const row = mechanism_for(*given.pMechanism, CKF_WRAP);
  if (!row || row->family != Family::kGcm) return CKR_MECHANISM_INVALID;
  SR_GCM_WRAP_PARAMS parameters;
  if (!read_parameters(*given.pMechanism, &parameters) || !makes_iv(parameters))
    return CKR_MECHANISM_PARAM_INVALID;
  *out = {session.place.find(given.hKey, *session.application), parameters.pIv};
  if (!out->key) return CKR_WRAPPING_KEY_HANDLE_INVALID;
  const CK_RV rv = check_key(*out->key, *row, kWrapUsage);
  return rv == CKR_KEY_TYPE_INCONSISTENT ? CKR_WRAPPING_KEY_TYPE_INCONSISTENT : rv;
}

// The template's attributes but for the mechanisms: a later build may know more of them. Empty: the
// key has no such template.
std::string template_of(const Object& key, CK_ATTRIBUTE_TYPE type) {
  const Attribute* const inner = key.attributes.find(type);
  if (!inner) return {};
  AttributeSet kept;
  for (const Attribute& each : decode_template(inner->bytes()))
    if (each.type != CKA_ALLOWED_MECHANISMS) kept.set(each.type, each.bytes());
  return kept.encoded();
}

// Does one key take the other's place? It wraps and makes what the other did, and the security
// officer said so of both.
bool may_replace(const Object& old_key, const Object& new_key) {
  const Attribute* const old_label = old_key.attributes.find(CKA_LABEL);
  const Attribute* const new_label = new_key.attributes.find(CKA_LABEL);
  if (!old_key.attributes.is_true(CKA_TRUSTED) || !new_key.attributes.is_true(CKA_TRUSTED) ||
      !old_label || !new_label || old_label->value != new_label->value) {
    return false;
  }
  for (const CK_ATTRIBUTE_TYPE type : {CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE}) {
    const std::string wanted = template_of(old_key, type);
    if (wanted.empty() || template_of(new_key, type) != wanted) return false;
  }
  return true;
}

// The additional data with the new key's name where the old one's is, once. False: it is not.
bool renamed(const AdditionalData& aad, const Object& old_key, const Object& new_key,
             std::string* out) {
  const Attribute* const old_id = old_key.attributes.find(CKA_ID);
  const Attribute* const new_id = new_key.attributes.find(CKA_ID);
  if (!old_id || !new_id || old_id->value.empty() || old_id->value.size() != new_id->value.size())
    return false;
  out->assign(reinterpret_cast<const char*>(aad.data), aad.length);
  const std::size_t at = out->find(old_id->value);
  if (at == std::string::npos || out->find(old_id->value, at + 1) != std::string::npos)
    return false;
  out->replace(at, new_id->value.size(), new_id->value);
  return true;
}

}  // namespace

CK_RV rewrap_key(Session& session, const SR_REWRAP_KEY* source, const CK_BYTE* wrapped,
                 CK_ULONG wrapped_len, const AdditionalData& aad, const SR_REWRAP_KEY* destination,
                 CK_BYTE* rewrapped, CK_ULONG* rewrapped_len) {
  constexpr std::size_t kTag = algorithms::kGcmTagBytes;
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!source || !source->pMechanism || !destination || !destination->pMechanism || !wrapped ||
      !readable(wrapped, wrapped_len) || !readable(aad.data, aad.length) || !rewrapped_len) {
    return CKR_ARGUMENTS_BAD;
  }
  Side from;
  if (const CK_RV rv = read_unwrapping(session, *source, &from); rv != CKR_OK) return rv;
  Side to;
  if (const CK_RV rv = read_wrapping(session, *destination, &to); rv != CKR_OK) return rv;
  if (!may_replace(*from.key, *to.key)) return CKR_KEY_FUNCTION_NOT_PERMITTED;
  std::string new_aad;
  if (!renamed(aad, *from.key, *to.key, &new_aad)) return CKR_ARGUMENTS_BAD;
  if (wrapped_len <= kTag || wrapped_len > kPrivateKeyBytesMax + kTag)
    return CKR_WRAPPED_KEY_LEN_RANGE;
  const CK_ULONG room = *rewrapped_len;
  *rewrapped_len = wrapped_len;
  if (!rewrapped) return CKR_OK;
  if (room < wrapped_len) return CKR_BUFFER_TOO_SMALL;

  // What was buried is not brought back under another name.
  if (const CK_RV rv = session.slot.refuse_buried(*from.key, {aad.data, aad.length}); rv != CKR_OK)
    return rv;
  const Bytes sealed(wrapped, wrapped_len - kTag);
  Secret value(sealed.size());
  if (!value) return CKR_DEVICE_MEMORY;
  CK_RV rv =
      algorithms::aes_gcm_open(*from.key->key, {from.iv, kIvBytes}, {aad.data, aad.length}, sealed,
                               {wrapped + sealed.size(), kTag}, value.mutable_bytes());
  if (rv == CKR_ENCRYPTED_DATA_INVALID) return CKR_WRAPPED_KEY_INVALID;
  std::array<std::uint8_t, kIvBytes> iv;
  if (rv == CKR_OK) rv = drbg::generate(iv);
  if (rv == CKR_OK) {
    rv = algorithms::aes_gcm_seal(
        *to.key->key, iv, {reinterpret_cast<const CK_BYTE*>(new_aad.data()), new_aad.size()},
        value.bytes(), {rewrapped, sealed.size()}, {rewrapped + sealed.size(), kTag});
  }
  if (rv == CKR_OK) std::copy(iv.begin(), iv.end(), to.iv);
  return rv;
}

}  // namespace strongroom::token::operations
