// wrapping.cc: C_WrapKey and C_UnwrapKey by every cipher that wraps, and the authenticated pair
// with CKM_AES_GCM and CKM_AES_CCM.
//
// A secret key is wrapped as its value, a private key as its PKCS#8 (6.7).
// A wrapped key carries no attributes, so what an unwrapped key may do is decided here: by the
// unwrapping key's CKA_UNWRAP_TEMPLATE first, and only where that is silent by the caller.
#include "token/algorithms/key_encoding.h"
#include "token/operations/aead_messages.h"
#include "token/operations/ciphers.h"
#include "token/slot.h"

namespace strongroom::token::operations {
namespace {

constexpr std::size_t kWrappedBytesMax = 2 * kPrivateKeyBytesMax;

CK_RV as_wrapping(CK_RV rv) {
  if (rv == CKR_KEY_TYPE_INCONSISTENT) return CKR_WRAPPING_KEY_TYPE_INCONSISTENT;
  return rv == CKR_KEY_SIZE_RANGE ? CKR_WRAPPING_KEY_SIZE_RANGE : rv;
}

CK_RV as_unwrapping(CK_RV rv) {
  if (rv == CKR_KEY_TYPE_INCONSISTENT) return CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT;
  return rv == CKR_KEY_SIZE_RANGE ? CKR_UNWRAPPING_KEY_SIZE_RANGE : rv;
}

// What the cipher says of the wrapped key.
CK_RV of_wrapped_key(CK_RV rv) {
  if (rv == CKR_ENCRYPTED_DATA_INVALID) return CKR_WRAPPED_KEY_INVALID;
  return rv == CKR_ENCRYPTED_DATA_LEN_RANGE ? CKR_WRAPPED_KEY_LEN_RANGE : rv;
}

bool is_aead(const MechanismRow& row) {
  return row.family == Family::kGcm || row.family == Family::kCcm;
}

// May this key wrap and unwrap by this mechanism in the plain pair of functions? A trusted key only
// by one that binds the whole key and leaves the caller no choice: under a chosen IV a wrapper
// learns the key stream of a key that is in use, and blocks that stand alone can be cut apart.
bool plainly(const MechanismRow& row, const Object& wrapping) {
  const bool binds = row.family == Family::kKw || row.family == Family::kKwp ||
                     row.family == Family::kRsaAesKeyWrap || row.family == Family::kRsaOaep;
  return binds || !wrapping.attributes.is_true(CKA_TRUSTED);
}

// ECB and CBC take whole blocks: they wrap secret keys, with zeros behind them.
bool zero_pads(const MechanismRow& row) {
  return row.family == Family::kEcb || row.family == Family::kCbc;
}

CK_RV may_wrap(const Object& wrapping, const Object& key) {
  if (key.opaque || !(class_mask(key.object_class) & kHiddenKey)) return CKR_KEY_NOT_WRAPPABLE;
  if (!key.extractable) return CKR_KEY_UNEXTRACTABLE;
  if (key.unavailable != CKR_OK) return key.unavailable;
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
  std::optional<CK_ULONG> length;  // CKA_VALUE_LEN, where the template names it

  explicit Target(const AttributeSet& complete)
      : object_class(*complete.number(CKA_CLASS)),
        key_type(*complete.number(CKA_KEY_TYPE)),
        length(complete.number(CKA_VALUE_LEN)) {}
  bool length_valid(std::size_t bytes) const {
    return object_class == CKO_PRIVATE_KEY ? bytes >= 1 && bytes <= kPrivateKeyBytesMax
                                           : key_length_valid(key_type, bytes);
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

// The value is as long as the template says, or as it came. Zeros of a block that was filled up go,
// where the template says so; anything else there is no filling.
CK_RV trim(const MechanismRow& row, const Target& target, Bytes opened, Secret* value) {
  Bytes kept = opened;
  if (target.length && zero_pads(row) && *target.length < opened.size() &&
      opened.size() - *target.length < algorithms::kBlockBytes) {
    std::uint8_t filling = 0;
    for (const std::uint8_t byte : opened.subspan(*target.length)) filling |= byte;
    if (filling != 0) return CKR_WRAPPED_KEY_INVALID;
    kept = opened.first(*target.length);
  }
  if (target.length && *target.length != kept.size()) return CKR_TEMPLATE_INCONSISTENT;
  if (!target.length_valid(kept.size())) return CKR_WRAPPED_KEY_INVALID;
  Secret copy(kept);
  if (!copy) return CKR_DEVICE_MEMORY;
  *value = std::move(copy);
  return CKR_OK;
}

CK_RV wrap_plainly(const MechanismRow& row, const Object& wrapping, const Object& key,
                   const CipherParameters& parameters, CK_BYTE* wrapped, CK_ULONG* wrapped_len) {
  Bytes value = key.value();
  Secret filled;
  if (zero_pads(row)) {
    if (key.object_class != CKO_SECRET_KEY) return CKR_KEY_NOT_WRAPPABLE;
    constexpr std::size_t kBlock = algorithms::kBlockBytes;
    if (value.size() % kBlock != 0) {
      filled = Secret((value.size() / kBlock + 1) * kBlock);
      if (!filled) return CKR_DEVICE_MEMORY;
      std::memcpy(filled.data(), value.data(), value.size());
      std::memset(filled.data() + value.size(), 0, filled.size() - value.size());
      value = filled.bytes();
    }
  }
  const CK_RV rv = cipher_scheme(row).encrypt({wrapping, parameters}, value, wrapped, wrapped_len);
  return rv == CKR_DATA_LEN_RANGE ? CKR_KEY_SIZE_RANGE : rv;
}

CK_RV unwrap_plainly(Slot& slot, const MechanismRow& row, const Object& unwrapping,
                     const CipherParameters& parameters, Bytes wrapped, const Target& target,
                     Secret* value) {
  if (zero_pads(row) && target.object_class != CKO_SECRET_KEY) return CKR_TEMPLATE_INCONSISTENT;
  if (wrapped.empty() || wrapped.size() > kWrappedBytesMax) return CKR_WRAPPED_KEY_LEN_RANGE;
  if (is_aead(row)) {
    if (const CK_RV rv = slot.refuse_buried(unwrapping, parameters.aad); rv != CKR_OK) return rv;
  }
  Secret room(wrapped.size());
  if (!room) return CKR_DEVICE_MEMORY;
  CK_ULONG length = room.size();
  const CK_RV rv =
      cipher_scheme(row).decrypt({unwrapping, parameters}, wrapped, room.data(), &length);
  return rv == CKR_OK ? trim(row, target, room.bytes().first(length), value) : of_wrapped_key(rv);
}

// The shapes an authenticated wrap's parameter has: the standard's, tag apart, and
// SR_GCM_WRAP_PARAMS, tag behind the wrapped key. Their lengths differ.
struct AuthenticatedWrap {
  AeadMessage message;
  std::size_t tail = 0;  // bytes of tag behind the wrapped key; 0: it is apart

  MutableBytes tag(MutableBytes behind) const { return tail != 0 ? behind : message.tag; }
};

bool read_authenticated(const MechanismRow& row, const CK_MECHANISM& mechanism,
                        AuthenticatedWrap* out) {
  SR_GCM_WRAP_PARAMS appended;
  if (row.family == Family::kGcm &&
      read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &appended)) {
    if (!appended.pIv || appended.ulTagBits != 8 * algorithms::kGcmTagBytes) return false;
    out->message = {.iv = {appended.pIv, appended.ulIvLen},
                    .fixed_bits = appended.ulIvFixedBits,
                    .generator = appended.ivGenerator,
                    .tag = {}};
    out->tail = algorithms::kGcmTagBytes;
  } else if (read_aead_message(row, mechanism.pParameter, mechanism.ulParameterLen,
                               &out->message) != CKR_OK ||
             out->message.tag.size() != algorithms::kGcmTagBytes) {
    return false;
  }
  // The nonce is random: whole, and long enough (SP 800-38D, 8.2.2).
  return out->message.iv.size() >= 12 && out->message.iv.size() <= 13;
}

bool makes_nonce(const AeadMessage& message) {
  return message.fixed_bits == 0 &&
         (message.generator == CKG_GENERATE || message.generator == CKG_GENERATE_RANDOM);
}

CK_RV wrap_authenticated(const MechanismRow& row, const Object& wrapping, Bytes key,
                         const AdditionalData& aad, AuthenticatedWrap& parameters, CK_BYTE* wrapped,
                         CK_ULONG* wrapped_len) {
  if (!parameters.message.length_named(key.size())) return CKR_KEY_SIZE_RANGE;
  return run_to(key.size() + parameters.tail, {}, wrapped, wrapped_len, [&] {
    AeadMessage message = parameters.message;
    message.tag = parameters.tag({wrapped + key.size(), parameters.tail});
    return seal_message(row, wrapping, message, {aad.data, aad.length}, key, {wrapped, key.size()});
  });
}

// What was buried stays closed, whichever way is tried.
CK_RV unwrap_authenticated(Slot& slot, const MechanismRow& row, const Object& unwrapping,
                           Bytes wrapped, const AdditionalData& aad,
                           const AuthenticatedWrap& parameters, const Target& target,
                           Secret* value) {
  const std::size_t tail = parameters.tail;
  if (wrapped.size() < tail || !target.length_valid(wrapped.size() - tail) ||
      !parameters.message.length_named(wrapped.size() - tail))
    return CKR_WRAPPED_KEY_LEN_RANGE;
  if (const CK_RV rv = slot.refuse_buried(unwrapping, {aad.data, aad.length}); rv != CKR_OK)
    return rv;
  const Bytes sealed = wrapped.first(wrapped.size() - tail);
  const Bytes tag = tail != 0 ? wrapped.last(tail) : Bytes(parameters.message.tag);
  Secret opened(sealed.size());
  if (!opened) return CKR_DEVICE_MEMORY;
  const CK_RV rv = algorithms::open(aead_of(row), *unwrapping.key, parameters.message.iv,
                                    {aad.data, aad.length}, sealed, tag, opened.mutable_bytes());
  return rv == CKR_OK ? trim(row, target, opened.bytes(), value) : of_wrapped_key(rv);
}

}  // namespace

CK_RV wrap_key(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE wrapping_handle,
               CK_OBJECT_HANDLE handle, const AdditionalData* aad, CK_BYTE* wrapped,
               CK_ULONG* wrapped_len) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!mechanism || !wrapped_len || (aad && !readable(aad->data, aad->length)))
    return CKR_ARGUMENTS_BAD;
  const CK_MECHANISM copy = *mechanism;
  const MechanismRow* row = mechanism_for(copy, CKF_WRAP);
  if (!row || (aad && !is_aead(*row))) return CKR_MECHANISM_INVALID;
  const auto wrapping = session.place.find(wrapping_handle, *session.application);
  if (!aad && wrapping && !plainly(*row, *wrapping)) return CKR_MECHANISM_INVALID;
  CipherParameters parameters;
  AuthenticatedWrap authenticated;
  if (aad) {
    if (!read_authenticated(*row, copy, &authenticated) || !makes_nonce(authenticated.message))
      return CKR_MECHANISM_PARAM_INVALID;
  } else if (const CK_RV rv = cipher_scheme(*row).read(copy, &parameters); rv != CKR_OK) {
    return rv;
  }
  if (!wrapping) return CKR_WRAPPING_KEY_HANDLE_INVALID;
  if (const CK_RV rv = check_key(*wrapping, *row, kWrapUsage); rv != CKR_OK) return as_wrapping(rv);
  const auto key = session.place.find(handle, *session.application);
  if (!key) return CKR_KEY_HANDLE_INVALID;
  if (const CK_RV rv = may_wrap(*wrapping, *key); rv != CKR_OK) return rv;
  return aad ? wrap_authenticated(*row, *wrapping, key->value(), *aad, authenticated, wrapped,
                                  wrapped_len)
             : wrap_plainly(*row, *wrapping, *key, parameters, wrapped, wrapped_len);
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
  const MechanismRow* row = mechanism_for(copy, CKF_UNWRAP);
  if (!row || (aad && !is_aead(*row))) return CKR_MECHANISM_INVALID;
  const auto unwrapping = session.place.find(unwrapping_handle, *session.application);
  if (!aad && unwrapping && !plainly(*row, *unwrapping)) return CKR_MECHANISM_INVALID;
  CipherParameters parameters;
  AuthenticatedWrap authenticated;
  if (aad) {
    if (!read_authenticated(*row, copy, &authenticated)) return CKR_MECHANISM_PARAM_INVALID;
  } else if (const CK_RV rv = cipher_scheme(*row).read(copy, &parameters); rv != CKR_OK) {
    return rv;
  }
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
  const Bytes bytes(wrapped, wrapped_len);
  CK_RV rv =
      aad ? unwrap_authenticated(session.slot, *row, *unwrapping, bytes, *aad, authenticated,
                                 target, &value)
          : unwrap_plainly(session.slot, *row, *unwrapping, parameters, bytes, target, &value);
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
