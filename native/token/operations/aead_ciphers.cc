// aead_ciphers.cc: CKM_AES_GCM, CKM_AES_CCM (6.13) and CKM_CHACHA20_POLY1305 (6.61),
// where the tag follows the ciphertext.
#include "token/operations/ciphers.h"

namespace strongroom::token::operations {
namespace {

using algorithms::Aead;

constexpr CK_ULONG kGcmIvBytesMax = 256;
constexpr std::size_t kPoly1305TagBytes = 16;
constexpr CK_ULONG kChaCha20NonceBytes = 12;

// Bytes that one message may have in parts (SP 800-38D 5.2.1.1; RFC 8439 2.8).
constexpr std::uint64_t kGcmBytesMax = (std::uint64_t{1} << 36) - 32;
constexpr std::uint64_t kChaCha20BytesMax = (std::uint64_t{1} << 38) - 64;

CK_RV read_gcm(const CK_MECHANISM& mechanism, CipherParameters* out) {
  CK_GCM_PARAMS parameters;
  if (!read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &parameters))
    return CKR_MECHANISM_PARAM_INVALID;
  const bool iv_valid =
      parameters.pIv && parameters.ulIvLen >= 1 && parameters.ulIvLen <= kGcmIvBytesMax;
  const bool tag_valid =
      parameters.ulTagBits % 8 == 0 && parameters.ulTagBits >= 96 && parameters.ulTagBits <= 128;
  if (!iv_valid || !tag_valid || !readable(parameters.pAAD, parameters.ulAADLen))
    return CKR_MECHANISM_PARAM_INVALID;
  out->iv = {parameters.pIv, parameters.ulIvLen};
  out->aad = {parameters.pAAD, parameters.ulAADLen};
  out->tag_bytes = parameters.ulTagBits / 8;
  return CKR_OK;
}

CK_RV read_ccm(const CK_MECHANISM& mechanism, CipherParameters* out) {
  CK_CCM_PARAMS parameters;
  if (!read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &parameters) ||
      !ccm_lengths_valid(parameters.ulDataLen, parameters.ulNonceLen, parameters.ulMACLen) ||
      !parameters.pNonce || !readable(parameters.pAAD, parameters.ulAADLen))
    return CKR_MECHANISM_PARAM_INVALID;
  out->iv = {parameters.pNonce, parameters.ulNonceLen};
  out->aad = {parameters.pAAD, parameters.ulAADLen};
  out->tag_bytes = parameters.ulMACLen;
  out->length = parameters.ulDataLen;
  return CKR_OK;
}

CK_RV read_chacha20_poly1305(const CK_MECHANISM& mechanism, CipherParameters* out) {
  CK_SALSA20_CHACHA20_POLY1305_PARAMS parameters;
  if (!read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &parameters) ||
      !parameters.pNonce || !chacha20_nonce_valid(parameters.ulNonceLen) ||
      !readable(parameters.pAAD, parameters.ulAADLen))
    return CKR_MECHANISM_PARAM_INVALID;
  out->iv = {parameters.pNonce, kChaCha20NonceBytes};
  out->aad = {parameters.pAAD, parameters.ulAADLen};
  out->tag_bytes = kPoly1305TagBytes;
  return CKR_OK;
}

// CCM's parameter names the length of the message.
template <Aead kAead>
bool length_named(const CipherParameters& parameters, std::size_t plaintext) {
  return kAead != Aead::kAesCcm || parameters.length == plaintext;
}

template <Aead kAead>
CK_RV encrypt(const Ciphering& what, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  const CipherParameters& given = what.parameters;
  if (!length_named<kAead>(given, data.size())) return CKR_DATA_LEN_RANGE;
  return run_to(data.size() + given.tag_bytes, data, out, out_len, [&] {
    const MutableBytes tag(out + data.size(), given.tag_bytes);
    return algorithms::seal(kAead, *what.key.key, given.iv, given.aad, data, {out, data.size()},
                            tag);
  });
}

template <Aead kAead>
CK_RV decrypt(const Ciphering& what, Bytes data, CK_BYTE* out, CK_ULONG* out_len) {
  const CipherParameters& given = what.parameters;
  if (data.size() < given.tag_bytes) return CKR_ENCRYPTED_DATA_LEN_RANGE;
  const std::size_t length = data.size() - given.tag_bytes;
  if (!length_named<kAead>(given, length)) return CKR_ENCRYPTED_DATA_LEN_RANGE;
  return run_to(length, data, out, out_len, [&] {
    return algorithms::open(kAead, *what.key.key, given.iv, given.aad, data.first(length),
                            data.subspan(length), {out, length});
  });
}

// What is encrypted is given out part by part; the tag is the last part.
class SealingStream final : public CipherStream {
 public:
  SealingStream(std::unique_ptr<algorithms::CipherState> state, std::size_t tag_bytes,
                std::uint64_t length_max)
      : state_(std::move(state)), tag_bytes_(tag_bytes), left_(length_max) {}

  std::size_t next_length(std::size_t part) const override { return part; }
  CK_RV add(Bytes part, CK_BYTE* out) override {
    if (part.size() > left_) return CKR_DATA_LEN_RANGE;
    left_ -= part.size();
    return state_->add(part, {out, part.size()});
  }
  CK_RV finish(CK_BYTE* out, CK_ULONG* out_len) override {
    return run_to(tag_bytes_, {}, out, out_len, [&] { return state_->finish({out, tag_bytes_}); });
  }

 private:
  const std::unique_ptr<algorithms::CipherState> state_;
  const std::size_t tag_bytes_;
  std::uint64_t left_;
};

template <Aead kAead>
CK_RV begin_encrypting(const Ciphering& what, std::unique_ptr<CipherStream>* out) {
  const CipherParameters& given = what.parameters;
  std::unique_ptr<algorithms::CipherState> state;
  const CK_RV rv =
      algorithms::CipherState::begin_sealing(kAead, *what.key.key, given.iv, given.aad, &state);
  if (rv != CKR_OK) return rv;
  *out = std::make_unique<SealingStream>(std::move(state), given.tag_bytes,
                                         kAead == Aead::kAesGcm ? kGcmBytesMax : kChaCha20BytesMax);
  return CKR_OK;
}

CK_RV gather_ccm(const Ciphering& what, std::unique_ptr<CipherStream>* out) {
  *out = std::make_unique<GatheringStream>(what, encrypt<Aead::kAesCcm>, CKR_DATA_LEN_RANGE);
  return CKR_OK;
}

template <Aead kAead>
CK_RV begin_decrypting(const Ciphering& what, std::unique_ptr<CipherStream>* out) {
  *out = std::make_unique<GatheringStream>(what, decrypt<kAead>, CKR_ENCRYPTED_DATA_LEN_RANGE);
  return CKR_OK;
}

}  // namespace

bool ccm_lengths_valid(CK_ULONG data, CK_ULONG nonce, CK_ULONG tag) {
  if (nonce < 7 || nonce > 13 || tag < 4 || tag > 16 || tag % 2 != 0) return false;
  const CK_ULONG length_bits = 8 * (15 - nonce);
  return length_bits >= 64 || data >> length_bits == 0;
}

bool chacha20_nonce_valid(CK_ULONG length) {
  return length == 8 * kChaCha20NonceBytes || length == kChaCha20NonceBytes;
}

const CipherScheme kGcmScheme = {read_gcm, encrypt<Aead::kAesGcm>, decrypt<Aead::kAesGcm>,
                                 begin_encrypting<Aead::kAesGcm>, begin_decrypting<Aead::kAesGcm>};
const CipherScheme kCcmScheme = {read_ccm, encrypt<Aead::kAesCcm>, decrypt<Aead::kAesCcm>,
                                 gather_ccm, begin_decrypting<Aead::kAesCcm>};
const CipherScheme kChaCha20Poly1305Scheme = {
    read_chacha20_poly1305, encrypt<Aead::kChaCha20Poly1305>, decrypt<Aead::kChaCha20Poly1305>,
    begin_encrypting<Aead::kChaCha20Poly1305>, begin_decrypting<Aead::kChaCha20Poly1305>};

}  // namespace strongroom::token::operations
