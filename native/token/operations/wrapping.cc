// wrapping.cc: C_WrapKey, C_UnwrapKey with CKM_AES_KEY_WRAP_KWP, and the authenticated pair with
// CKM_AES_GCM.
//
// A secret key is wrapped as its value, a private key as its PKCS#8 (6.7).
// A wrapped key carries no attributes, so what an unwrapped key may do is decided here: by the
// unwrapping key's CKA_UNWRAP_TEMPLATE first, and only where that is silent by the caller.
#include "token/algorithms/key_encoding.h"
#include "token/drbg/drbg.h"
#include "token/operations/common.h"
#include "token/slot.h"

namespace strongroom::token::operations {
namespace {

constexpr CK_ULONG kIvBytes = 12;

// The two shapes a GCM parameter has here: SR_GCM_WRAP_PARAMS, tag after the wrapped key, and the
// standard's CK_GCM_MESSAGE_PARAMS, tag apart. Their lengths differ.
struct GcmWrap {
  CK_BYTE* iv;
  CK_ULONG fixed_bits;
  CK_GENERATOR_FUNCTION generator;
  CK_BYTE* tag;  // null: after the wrapped key
};

bool read_gcm_wrap(const CK_MECHANISM& mechanism, GcmWrap* out) {
  SR_GCM_WRAP_PARAMS appended;
  CK_GCM_MESSAGE_PARAMS apart;
  CK_ULONG iv_length;
  CK_ULONG tag_bits;
  if (read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &appended)) {
    *out = {appended.pIv, appended.ulIvFixedBits, appended.ivGenerator, nullptr};
    iv_length = appended.ulIvLen;
    tag_bits = appended.ulTagBits;
  } else if (read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &apart)) {
    *out = {apart.pIv, apart.ulIvFixedBits, apart.ivGenerator, apart.pTag};
    if (!apart.pTag) return false;
    iv_length = apart.ulIvLen;
    tag_bits = apart.ulTagBits;
  } else {
    return false;
  }
  return out->iv && iv_length == kIvBytes && tag_bits == 8 * algorithms::kGcmTagBytes;
}

CK_RV as_wrapping(CK_RV rv) {
  if (rv == CKR_KEY_TYPE_INCONSISTENT) return CKR_WRAPPING_KEY_TYPE_INCONSISTENT;
  return rv == CKR_KEY_SIZE_RANGE ? CKR_WRAPPING_KEY_SIZE_RANGE : rv;
}

CK_RV as_unwrapping(CK_RV rv) {
  if (rv == CKR_KEY_TYPE_INCONSISTENT) return CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT;
  return rv == CKR_KEY_SIZE_RANGE ? CKR_UNWRAPPING_KEY_SIZE_RANGE : rv;
}

// Each function has its mechanism: the plain pair has no place for a generated IV, and a chosen one
// would let a wrapper learn the key stream of a key that is in use.
const MechanismRow* wrapping_mechanism(const CK_MECHANISM& mechanism, CK_FLAGS function,
                                       bool authenticated) {
  if (mechanism.mechanism != (authenticated ? CKM_AES_GCM : CKM_AES_KEY_WRAP_KWP)) return nullptr;
  return mechanism_for(mechanism, function);
}

CK_RV may_wrap(const Object& wrapping, const Object& key) {
  if (key.opaque || !(class_mask(key.object_class) & kHiddenKey)) return CKR_KEY_NOT_WRAPPABLE;
  if (!key.extractable) return CKR_KEY_UNEXTRACTABLE;
  if (key.attributes.is_true(CKA_WRAP_WITH_TRUSTED) && !wrapping.attributes.is_true(CKA_TRUSTED))
    return CKR_KEY_NOT_WRAPPABLE;
  if (const Attribute* inner = wrapping.attributes.find(CKA_WRAP_TEMPLATE)) {
    Template wanted;
    wanted.attributes = decode_template(inner->bytes());
    if (!matches(key, wanted)) return CKR_KEY_HANDLE_INVALID;
  }
  return CKR_OK;
}

// What the unwrapped bytes are to become.
struct Target {
  CK_OBJECT_CLASS object_class;
  CK_KEY_TYPE key_type;

  explicit Target(const AttributeSet& complete)
      : object_class(*complete.number(CKA_CLASS)), key_type(*complete.number(CKA_KEY_TYPE)) {}
  bool length_valid(std::size_t length) const {
    return object_class == CKO_PRIVATE_KEY ? length >= 1 && length <= kPrivateKeyBytesMax
                                           : key_length_valid(key_type, length);
  }
};

// The wrapped form does not say what it holds, so the bytes have to: a private key is PKCS#8 and of
// the type named, and nothing that is PKCS#8 becomes a secret key.
CK_RV read_unwrapped(const Target& target, Secret value, Material* out) {
  if (target.object_class == CKO_SECRET_KEY) {
    algorithms::DecodedPrivateKey decoded;
    if (algorithms::read_pkcs8(value.bytes(), &decoded)) return CKR_WRAPPED_KEY_INVALID;
    *out = std::move(value);
    return CKR_OK;
  }
  std::shared_ptr<algorithms::PrivateKey> key;
  const CK_RV rv = algorithms::make_private_key(std::move(value), &key);
  if (rv == CKR_ATTRIBUTE_VALUE_INVALID) return CKR_WRAPPED_KEY_INVALID;
  if (rv != CKR_OK) return rv;
  if (key->public_key()->type() != target.key_type) return CKR_WRAPPED_KEY_INVALID;
  *out = std::move(key);
  return CKR_OK;
}

CK_RV gcm_wrap(const Object& wrapping, Bytes key, const AdditionalData& aad,
               const GcmWrap& parameters, CK_BYTE* wrapped) {
  std::array<std::uint8_t, kIvBytes> iv;
  if (const CK_RV rv = drbg::generate(iv); rv != CKR_OK) return rv;
  CK_BYTE* const tag = parameters.tag ? parameters.tag : wrapped + key.size();
  const CK_RV rv = algorithms::aes_gcm_seal(*wrapping.key, iv, {aad.data, aad.length}, key,
                                            {wrapped, key.size()}, {tag, algorithms::kGcmTagBytes});
  if (rv == CKR_OK) std::memcpy(parameters.iv, iv.data(), iv.size());
  return rv;
}

// The only way to open what was wrapped with additional data: what was buried stays closed.
CK_RV gcm_unwrap(Slot& slot, const Object& unwrapping, Bytes wrapped, const AdditionalData& aad,
                 const GcmWrap& parameters, const Target& target, Secret* value) {
  const std::size_t tail = parameters.tag ? 0 : algorithms::kGcmTagBytes;
  if (wrapped.size() < tail || !target.length_valid(wrapped.size() - tail))
    return CKR_WRAPPED_KEY_LEN_RANGE;
  if (const CK_RV rv = slot.refuse_buried(unwrapping, {aad.data, aad.length}); rv != CKR_OK)
    return rv;
  const Bytes sealed = wrapped.first(wrapped.size() - tail);
  const Bytes tag =
      parameters.tag ? Bytes{parameters.tag, algorithms::kGcmTagBytes} : wrapped.last(tail);
  Secret opened(sealed.size());
  if (!opened) return CKR_DEVICE_MEMORY;
  const CK_RV rv =
      algorithms::aes_gcm_open(*unwrapping.key, {parameters.iv, kIvBytes}, {aad.data, aad.length},
                               sealed, tag, opened.mutable_bytes());
  if (rv == CKR_OK) *value = std::move(opened);
  return rv == CKR_ENCRYPTED_DATA_INVALID ? CKR_WRAPPED_KEY_INVALID : rv;
}

CK_RV kwp_unwrap(const Object& unwrapping, Bytes wrapped, const Target& target, Secret* value) {
  constexpr std::size_t kLongest = kPrivateKeyBytesMax + 8;
  if (wrapped.size() < 16 || wrapped.size() % 8 != 0 || wrapped.size() > kLongest)
    return CKR_WRAPPED_KEY_LEN_RANGE;
  Secret room(wrapped.size());
  if (!room) return CKR_DEVICE_MEMORY;
  std::size_t length = 0;
  if (const CK_RV rv =
          algorithms::aes_kwp_unwrap(*unwrapping.key, wrapped, room.mutable_bytes(), &length);
      rv != CKR_OK) {
    return rv;
  }
  if (!target.length_valid(length)) return CKR_WRAPPED_KEY_INVALID;
  Secret opened(room.bytes().first(length));
  if (!opened) return CKR_DEVICE_MEMORY;
  *value = std::move(opened);
  return CKR_OK;
}

}  // namespace

CK_RV wrap_key(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE wrapping_handle,
               CK_OBJECT_HANDLE handle, const AdditionalData* aad, CK_BYTE* wrapped,
               CK_ULONG* wrapped_len) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!mechanism || !wrapped_len || (aad && !readable(aad->data, aad->length)))
    return CKR_ARGUMENTS_BAD;
  const CK_MECHANISM copy = *mechanism;
  const MechanismRow* row = wrapping_mechanism(copy, CKF_WRAP, aad != nullptr);
  if (!row) return CKR_MECHANISM_INVALID;
  GcmWrap gcm{};
  if (aad) {
    if (!read_gcm_wrap(copy, &gcm) || gcm.fixed_bits != 0) return CKR_MECHANISM_PARAM_INVALID;
    if (gcm.generator != CKG_GENERATE && gcm.generator != CKG_GENERATE_RANDOM)
      return CKR_MECHANISM_PARAM_INVALID;
  } else if (!no_parameter(copy)) {
    return CKR_MECHANISM_PARAM_INVALID;
  }
  const auto wrapping = session.place.find(wrapping_handle, *session.application);
  if (!wrapping) return CKR_WRAPPING_KEY_HANDLE_INVALID;
  if (const CK_RV rv = check_key(*wrapping, *row, kWrapUsage); rv != CKR_OK) return as_wrapping(rv);
  const auto key = session.place.find(handle, *session.application);
  if (!key) return CKR_KEY_HANDLE_INVALID;
  if (const CK_RV rv = may_wrap(*wrapping, *key); rv != CKR_OK) return rv;

  const Bytes value = key->value();
  const std::size_t needed = !aad ? algorithms::kwp_wrapped_length(value.size())
                                  : value.size() + (gcm.tag ? 0 : algorithms::kGcmTagBytes);
  const CK_ULONG room = *wrapped_len;
  if (!wrapped || room < needed) {
    *wrapped_len = needed;
    return wrapped ? CKR_BUFFER_TOO_SMALL : CKR_OK;
  }
  const CK_RV rv = aad ? gcm_wrap(*wrapping, value, *aad, gcm, wrapped)
                       : algorithms::aes_kwp_wrap(*wrapping->key, value, {wrapped, needed});
  if (rv == CKR_OK) *wrapped_len = needed;
  return rv;
}

CK_RV unwrap_key(Session& session, const CK_MECHANISM* mechanism,
                 CK_OBJECT_HANDLE unwrapping_handle, const CK_BYTE* wrapped, CK_ULONG wrapped_len,
                 const CK_ATTRIBUTE* attributes, CK_ULONG count, const AdditionalData* aad,
                 CK_OBJECT_HANDLE* handle) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!mechanism || !wrapped || !readable(wrapped, wrapped_len) || !handle ||
      (aad && !readable(aad->data, aad->length))) {
    return CKR_ARGUMENTS_BAD;
  }
  const CK_MECHANISM copy = *mechanism;
  const MechanismRow* row = wrapping_mechanism(copy, CKF_UNWRAP, aad != nullptr);
  if (!row) return CKR_MECHANISM_INVALID;
  GcmWrap gcm{};
  if (aad ? !read_gcm_wrap(copy, &gcm) : !no_parameter(copy)) return CKR_MECHANISM_PARAM_INVALID;
  const auto unwrapping = session.place.find(unwrapping_handle, *session.application);
  if (!unwrapping) return CKR_UNWRAPPING_KEY_HANDLE_INVALID;
  if (const CK_RV rv = check_key(*unwrapping, *row, kUnwrapUsage); rv != CKR_OK)
    return as_unwrapping(rv);

  Template named;
  if (const CK_RV rv = parse_template(attributes, count, Unknown::kRefuse, &named); rv != CKR_OK)
    return rv;
  if (!named.secrets.empty()) return CKR_ATTRIBUTE_READ_ONLY;
  AttributeSet enforced;
  if (const Attribute* inner = unwrapping->attributes.find(CKA_UNWRAP_TEMPLATE))
    enforced = decode_template(inner->bytes());
  AttributeSet complete;
  const Making making{.origin = kUnwrap, .enforced = &enforced};
  if (const CK_RV rv = complete_template(named.attributes, making, &complete); rv != CKR_OK)
    return rv;
  if (const CK_RV rv = may_add(session, complete); rv != CKR_OK) return rv;

  const Target target(complete);
  Secret value;
  CK_RV rv =
      aad ? gcm_unwrap(session.slot, *unwrapping, {wrapped, wrapped_len}, *aad, gcm, target, &value)
          : kwp_unwrap(*unwrapping, {wrapped, wrapped_len}, target, &value);
  Material material;
  if (rv == CKR_OK) rv = read_unwrapped(target, std::move(value), &material);
  return rv == CKR_OK ? add_object(session, std::move(complete), std::move(material), handle) : rv;
}

CK_RV bury_wrapped(Session& session, const SR_BURIAL* burials, CK_ULONG count) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!burials || count == 0 || count > SR_BURIALS_MAX) return CKR_ARGUMENTS_BAD;
  if (session.place.role() != Role::kUser) return CKR_USER_NOT_LOGGED_IN;
  if (!session.read_write) return CKR_SESSION_READ_ONLY;
  const MechanismRow* const row = mechanism_for({CKM_AES_GCM, nullptr, 0}, CKF_UNWRAP);
  std::vector<BurialDigest> digests(count);
  for (CK_ULONG i = 0; i < count; ++i) {
    const SR_BURIAL one = burials[i];
    if (!readable(one.pAad, one.ulAadLen)) return CKR_ARGUMENTS_BAD;
    const auto key = session.place.find(one.hKey, *session.application);
    if (!key) return CKR_UNWRAPPING_KEY_HANDLE_INVALID;
    if (const CK_RV rv = check_key(*key, *row, kUnwrapUsage); rv != CKR_OK)
      return as_unwrapping(rv);
    // A session key is gone before the burial could ever matter.
    if (!key->on_token) return CKR_KEY_FUNCTION_NOT_PERMITTED;
    if (const CK_RV rv = burial_digest(*key, {one.pAad, one.ulAadLen}, &digests[i]); rv != CKR_OK)
      return rv;
  }
  return session.slot.bury(session, digests);
}

}  // namespace strongroom::token::operations
