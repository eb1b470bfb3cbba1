#include "frame/arguments.h"

namespace strongroom::frame {
namespace {

constexpr std::uint32_t kKdfFieldsMax = 32;

// The module takes inputs through pointers to mutable bytes and does not write there.
CK_BYTE* input(Bytes bytes) { return const_cast<CK_BYTE*>(bytes.data()); }

// Bytes of an opaque parameter that is known to hold no pointer. Any mechanism may have fewer than
// 8: none fits.
bool opaque_allowed(CK_MECHANISM_TYPE mechanism, std::size_t length) {
  if (length < sizeof(void*)) return true;
#define SR_OPAQUE(name, bytes) \
  if (mechanism == (name)) return length == (bytes);
  SR_FOR_EACH_OPAQUE_MECHANISM(SR_OPAQUE)
#undef SR_OPAQUE
  return false;
}

}  // namespace

const CK_ATTRIBUTE* Template::find(CK_ATTRIBUTE_TYPE type) const {
  for (const CK_ATTRIBUTE& attribute : attributes_) {
    if (attribute.type == type) return &attribute;
  }
  return nullptr;
}

void Template::read(Reader& in, unsigned depth) {
  const std::uint32_t count = in.u32();
  if (count > kAttributesMax || depth > kDepthMax) {
    in.fail();
    return;
  }
  // Values never move: this is as much as they can need.
  storage_.reserve(in.remaining() / sizeof(std::uint64_t) + count);
  attributes_.reserve(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    const CK_ATTRIBUTE_TYPE type = in.u32();
    const Bytes value = in.bytes();
    if (in.failed()) return;
    if (is_template_attribute(type)) {
      Reader inner(value, {});
      auto nested = std::make_unique<Template>();
      nested->read(inner, depth + 1);
      if (!inner.finish()) {
        in.fail();
        return;
      }
      attributes_.push_back({type, nested->data(), nested->count() * sizeof(CK_ATTRIBUTE)});
      nested_.push_back(std::move(nested));
      continue;
    }
    const std::size_t at = storage_.size();
    storage_.resize(at + (value.size() + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t));
    if (!value.empty()) std::memcpy(storage_.data() + at, value.data(), value.size());
    attributes_.push_back({type, value.empty() ? nullptr : storage_.data() + at, value.size()});
  }
}

bool Mechanism::take_iv(Bytes value) {
  if (value.size() > kIvBytesMax) return false;
  if (!value.empty()) std::memcpy(iv_, value.data(), value.size());
  iv_length_ = value.size();
  return true;
}

bool Mechanism::take_tag(Bytes value, std::size_t length) {
  if (length > kTagBytesMax || (!value.empty() && value.size() != length)) return false;
  std::memset(tag_, 0, kTagBytesMax);
  if (!value.empty()) std::memcpy(tag_, value.data(), length);
  tag_length_ = length;
  return true;
}

CK_RV Mechanism::read(Reader& in, Form form) {
  mechanism_.mechanism = in.u32();
  const Bytes parameter = in.bytes();
  if (in.failed() || parameter.empty()) return CKR_OK;
  Reader fields(parameter, {});
  CK_RV rv = CKR_OK;
  switch (mechanism_.mechanism) {
    case CKM_AES_GCM:
      rv = read_gcm(fields, form);
      break;
    case CKM_AES_CTR:
      rv = read_ctr(fields);
      break;
    case CKM_AES_CCM:
      rv = read_ccm(fields, form);
      break;
    case CKM_CHACHA20:
      rv = read_chacha20(fields);
      break;
    case CKM_CHACHA20_POLY1305:
      rv = read_chacha20_poly1305(fields, form);
      break;
    case CKM_RSA_AES_KEY_WRAP:
      read_rsa_aes_key_wrap(fields);
      break;
    case CKM_STRONGROOM_DERIVE_AES_GCM:
      rv = read_seal(fields, form);
      break;
    case CKM_SP800_108_COUNTER_KDF:
      rv = read_kdf(fields);
      break;
    case CKM_RSA_PKCS_PSS:
    case CKM_SHA1_RSA_PKCS_PSS:
    case CKM_SHA224_RSA_PKCS_PSS:
    case CKM_SHA256_RSA_PKCS_PSS:
    case CKM_SHA384_RSA_PKCS_PSS:
    case CKM_SHA512_RSA_PKCS_PSS:
      read_pss(fields);
      break;
    case CKM_RSA_PKCS_OAEP:
      read_oaep(fields);
      break;
    default:
      if (!opaque_allowed(mechanism_.mechanism, parameter.size()))
        return CKR_MECHANISM_PARAM_INVALID;
      std::memcpy(opaque_, parameter.data(), parameter.size());
      mechanism_.pParameter = opaque_;
      mechanism_.ulParameterLen = parameter.size();
      return CKR_OK;
  }
  if (rv == CKR_OK && !fields.finish()) in.fail();
  return rv;
}

CK_RV Mechanism::read_gcm(Reader& in, Form form) {
  const Bytes iv = in.bytes();
  if (!take_iv(iv)) return CKR_MECHANISM_PARAM_INVALID;
  if (form == Form::kSingle) {
    const Bytes aad = in.bytes();
    single_ = {iv_,        iv_length_, iv_length_ * 8, aad.empty() ? nullptr : input(aad),
               aad.size(), in.u32()};
    set(single_);
    return CKR_OK;
  }
  const CK_ULONG fixed_bits = in.u32();
  const CK_GENERATOR_FUNCTION generator = in.u32();
  const CK_ULONG tag_bits = in.u32();
  if (form == Form::kWrap) {
    wrap_ = {iv_, iv_length_, fixed_bits, generator, tag_bits};
    set(wrap_);
    return CKR_OK;
  }
  const Bytes tag = in.bytes();
  if (!take_tag(tag, (tag_bits + 7) / 8)) return CKR_MECHANISM_PARAM_INVALID;
  message_ = {iv_, iv_length_, fixed_bits, generator, tag_, tag_bits};
  set(message_);
  return CKR_OK;
}

CK_RV Mechanism::read_ctr(Reader& in) {
  const CK_ULONG counter_bits = in.u32();
  const Bytes block = in.bytes();
  ctr_ = {counter_bits, {}};
  if (block.size() != sizeof ctr_.cb) return CKR_MECHANISM_PARAM_INVALID;
  std::memcpy(ctr_.cb, block.data(), sizeof ctr_.cb);
  set(ctr_);
  return CKR_OK;
}

CK_RV Mechanism::read_ccm(Reader& in, Form form) {
  const CK_ULONG data_length = in.u32();
  const Bytes nonce = in.bytes();
  if (!take_iv(nonce)) return CKR_MECHANISM_PARAM_INVALID;
  if (form == Form::kSingle) {
    const Bytes aad = in.bytes();
    ccm_ = {data_length, iv_, iv_length_, aad.empty() ? nullptr : input(aad), aad.size(), in.u32()};
    set(ccm_);
    return CKR_OK;
  }
  const CK_ULONG fixed_bits = in.u32();
  const CK_GENERATOR_FUNCTION generator = in.u32();
  const CK_ULONG mac_length = in.u32();
  const Bytes mac = in.bytes();
  if (!take_tag(mac, mac_length)) return CKR_MECHANISM_PARAM_INVALID;
  ccm_message_ = {data_length, iv_, iv_length_, fixed_bits, generator, tag_, mac_length};
  set(ccm_message_);
  return CKR_OK;
}

CK_RV Mechanism::read_chacha20(Reader& in) {
  const Bytes counter = in.bytes();
  const Bytes nonce = in.bytes();
  chacha20_ = {input(counter), counter.size() * 8, input(nonce), nonce.size() * 8};
  set(chacha20_);
  return CKR_OK;
}

CK_RV Mechanism::read_chacha20_poly1305(Reader& in, Form form) {
  const Bytes nonce = in.bytes();
  if (!take_iv(nonce)) return CKR_MECHANISM_PARAM_INVALID;
  const Bytes rest = in.bytes();
  if (form == Form::kSingle) {
    poly1305_ = {iv_, iv_length_ * 8, rest.empty() ? nullptr : input(rest), rest.size()};
    set(poly1305_);
    return CKR_OK;
  }
  if (!take_tag(rest, kTagBytesMax)) return CKR_MECHANISM_PARAM_INVALID;
  poly1305_message_ = {iv_, iv_length_ * 8, tag_};
  set(poly1305_message_);
  return CKR_OK;
}

CK_RV Mechanism::read_seal(Reader& in, Form form) {
  const Bytes nonce = in.bytes();
  const Bytes tag = in.bytes();
  if (in.failed()) return CKR_OK;
  if (form == Form::kMessageEncrypt) {
    if (!nonce.empty() || !tag.empty()) return CKR_MECHANISM_PARAM_INVALID;
    iv_length_ = SR_SEAL_NONCE_BYTES;
    tag_length_ = SR_SEAL_TAG_BYTES;
  } else if (form != Form::kMessageDecrypt || nonce.size() != SR_SEAL_NONCE_BYTES ||
             !take_iv(nonce) || tag.empty() || !take_tag(tag, SR_SEAL_TAG_BYTES)) {
    return CKR_MECHANISM_PARAM_INVALID;
  }
  seal_ = {iv_, tag_};
  set(seal_);
  return CKR_OK;
}

void Mechanism::read_pss(Reader& in) {
  const CK_MECHANISM_TYPE hash = in.u32();
  const CK_RSA_PKCS_MGF_TYPE mgf = in.u32();
  pss_ = {hash, mgf, in.u32()};
  set(pss_);
}

void Mechanism::read_oaep(Reader& in) {
  const CK_MECHANISM_TYPE hash = in.u32();
  const CK_RSA_PKCS_MGF_TYPE mgf = in.u32();
  const CK_RSA_PKCS_OAEP_SOURCE_TYPE source = in.u32();
  const Bytes label = in.bytes();
  rsa_.oaep_ = {hash, mgf, source, label.empty() ? nullptr : input(label), label.size()};
  set(rsa_.oaep_);
}

void Mechanism::read_rsa_aes_key_wrap(Reader& in) {
  const CK_ULONG bits = in.u32();
  read_oaep(in);
  rsa_.rsa_aes_key_wrap_ = {bits, &rsa_.oaep_};
  set(rsa_.rsa_aes_key_wrap_);
}

CK_RV Mechanism::read_kdf(Reader& in) {
  kdf_ = std::make_unique<Kdf>();
  kdf_->parameters.prfType = in.u32();
  const std::uint32_t count = in.u32();
  if (count > kKdfFieldsMax) return CKR_MECHANISM_PARAM_INVALID;
  // Fields point into these, so they must not move.
  kdf_->counters.reserve(count);
  kdf_->lengths.reserve(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    const CK_PRF_DATA_TYPE type = in.u32();
    switch (type) {
      case CK_SP800_108_ITERATION_VARIABLE:
      case CK_SP800_108_OPTIONAL_COUNTER: {
        const auto little_endian = static_cast<CK_BBOOL>(in.u32() != 0);
        kdf_->counters.push_back({little_endian, in.u32()});
        kdf_->fields.push_back({type, &kdf_->counters.back(), sizeof(CK_SP800_108_COUNTER_FORMAT)});
        break;
      }
      case CK_SP800_108_DKM_LENGTH: {
        const CK_ULONG method = in.u32();
        const auto little_endian = static_cast<CK_BBOOL>(in.u32() != 0);
        kdf_->lengths.push_back({method, little_endian, in.u32()});
        kdf_->fields.push_back(
            {type, &kdf_->lengths.back(), sizeof(CK_SP800_108_DKM_LENGTH_FORMAT)});
        break;
      }
      case CK_SP800_108_BYTE_ARRAY: {
        const Bytes bytes = in.bytes();
        kdf_->fields.push_back({type, bytes.empty() ? nullptr : input(bytes), bytes.size()});
        break;
      }
      default:
        return in.failed() ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
    }
  }
  kdf_->parameters.ulNumberOfDataParams = kdf_->fields.size();
  kdf_->parameters.pDataParams = kdf_->fields.data();
  set(kdf_->parameters);
  return CKR_OK;
}

}  // namespace strongroom::frame
