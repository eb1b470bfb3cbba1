// message.cc: message-based encryption (5.9, 5.11): CKM_AES_GCM with the IV and tag beside the
// data, and CKM_STRONGROOM_DERIVE_AES_GCM, whose nonce is always made inside.
#include "token/drbg/drbg.h"
#include "token/operations/common.h"

namespace strongroom::token::operations {
namespace {

using Kind = Operation::Kind;

constexpr CK_ULONG kIvBytesMax = 256;
constexpr CK_ULONG kRandomIvBitsMin = 96;  // SP 800-38D, 8.2.2
constexpr CK_ULONG kSealRandomBytesMax = 65536;

// The parameter comes with each message; the mechanism of C_Message*Init may carry one and it says
// nothing yet.
CK_RV prepare_messages(const MechanismRow&, const CK_MECHANISM&, Operation&) { return CKR_OK; }

struct Message {
  Bytes aad;
  Bytes input;
  CK_BYTE* output;
};

bool read_gcm(const void* parameter, CK_ULONG length, CK_GCM_MESSAGE_PARAMS* out) {
  return read_parameter(parameter, length, out) && out->pIv && out->ulIvLen >= 1 &&
         out->ulIvLen <= kIvBytesMax && out->pTag && out->ulTagBits % 8 == 0 &&
         out->ulTagBits >= 96 && out->ulTagBits <= 128;
}

bool read_seal(const void* parameter, CK_ULONG length, SR_SEAL_PARAMS* out) {
  return read_parameter(parameter, length, out) && out->pNonce && out->pTag;
}

CK_RV gcm_seal(algorithms::Key& key, const CK_GCM_MESSAGE_PARAMS& parameters,
               const Message& message) {
  std::array<std::uint8_t, kIvBytesMax> buffer;
  const MutableBytes iv(buffer.data(), parameters.ulIvLen);
  std::memcpy(iv.data(), parameters.pIv, iv.size());
  switch (parameters.ivGenerator) {
    case CKG_NO_GENERATE:
      break;
    case CKG_GENERATE:
    case CKG_GENERATE_RANDOM: {
      const CK_ULONG fixed = parameters.ulIvFixedBits;
      if (fixed % 8 != 0 || fixed > 8 * iv.size() || 8 * iv.size() - fixed < kRandomIvBitsMin)
        return CKR_MECHANISM_PARAM_INVALID;
      if (const CK_RV rv = drbg::generate(iv.subspan(fixed / 8)); rv != CKR_OK) return rv;
      break;
    }
    default:  // counters would have to outlive a power failure
      return CKR_MECHANISM_PARAM_INVALID;
  }
  const CK_RV rv = algorithms::aes_gcm_seal(key, iv, message.aad, message.input,
                                            {message.output, message.input.size()},
                                            {parameters.pTag, parameters.ulTagBits / 8});
  if (rv == CKR_OK) std::memcpy(parameters.pIv, iv.data(), iv.size());
  return rv;
}

CK_RV derive_seal(algorithms::Key& key, const SR_SEAL_PARAMS& parameters, const Message& message) {
  return algorithms::derive_seal(
      key, message.aad, message.input, {parameters.pNonce, SR_SEAL_NONCE_BYTES},
      {message.output, message.input.size()}, {parameters.pTag, SR_SEAL_TAG_BYTES});
}

// The checks both directions share. A message that fails leaves the operation active:
// C_Message*Final ends it.
template <class Work>
CK_RV one_message(Session& session, Kind kind, const CK_BYTE* aad, CK_ULONG aad_len,
                  const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out, CK_ULONG* out_len,
                  Work work) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active(session, kind); rv != CKR_OK) return rv;
  if (!out_len || !readable(aad, aad_len) || !readable(data, data_len)) return CKR_ARGUMENTS_BAD;
  const CK_ULONG room = *out_len;
  if (!out || room < data_len) {
    *out_len = data_len;
    return out ? CKR_BUFFER_TOO_SMALL : CKR_OK;
  }
  if (overlap_unevenly(data, data_len, out, data_len)) return CKR_ARGUMENTS_BAD;
  const CK_RV rv = work(session.operation, Message{{aad, aad_len}, {data, data_len}, out});
  if (rv == CKR_OK) *out_len = data_len;
  return rv == CKR_ENCRYPTED_DATA_INVALID ? CKR_AEAD_DECRYPT_FAILED : rv;
}

CK_RV final(Session& session, Kind kind) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (session.operation.kind != kind) return CKR_OPERATION_NOT_INITIALIZED;
  session.operation.end();
  return CKR_OK;
}

}  // namespace

CK_RV message_encrypt_init(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  return begin(session, {Kind::kMessageEncrypt, CKF_MESSAGE_ENCRYPT, kEncryptUsage}, mechanism, key,
               prepare_messages);
}

CK_RV message_decrypt_init(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  return begin(session, {Kind::kMessageDecrypt, CKF_MESSAGE_DECRYPT, kDecryptUsage}, mechanism, key,
               prepare_messages);
}

CK_RV message_encrypt_final(Session& session) { return final(session, Kind::kMessageEncrypt); }
CK_RV message_decrypt_final(Session& session) { return final(session, Kind::kMessageDecrypt); }

CK_RV encrypt_message(Session& session, void* parameter, CK_ULONG parameter_len, const CK_BYTE* aad,
                      CK_ULONG aad_len, const CK_BYTE* plaintext, CK_ULONG plaintext_len,
                      CK_BYTE* ciphertext, CK_ULONG* ciphertext_len) {
  return one_message(session, Kind::kMessageEncrypt, aad, aad_len, plaintext, plaintext_len,
                     ciphertext, ciphertext_len,
                     [&](Operation& operation, const Message& message) -> CK_RV {
                       algorithms::Key& key = *operation.key->key;
                       if (operation.mechanism->family == Family::kGcm) {
                         CK_GCM_MESSAGE_PARAMS gcm;
                         if (!read_gcm(parameter, parameter_len, &gcm))
                           return CKR_MECHANISM_PARAM_INVALID;
                         return gcm_seal(key, gcm, message);
                       }
                       SR_SEAL_PARAMS seal;
                       if (!read_seal(parameter, parameter_len, &seal))
                         return CKR_MECHANISM_PARAM_INVALID;
                       return derive_seal(key, seal, message);
                     });
}

CK_RV decrypt_message(Session& session, void* parameter, CK_ULONG parameter_len, const CK_BYTE* aad,
                      CK_ULONG aad_len, const CK_BYTE* ciphertext, CK_ULONG ciphertext_len,
                      CK_BYTE* plaintext, CK_ULONG* plaintext_len) {
  return one_message(
      session, Kind::kMessageDecrypt, aad, aad_len, ciphertext, ciphertext_len, plaintext,
      plaintext_len, [&](Operation& operation, const Message& message) -> CK_RV {
        algorithms::Key& key = *operation.key->key;
        const MutableBytes output(message.output, message.input.size());
        if (operation.mechanism->family == Family::kGcm) {
          CK_GCM_MESSAGE_PARAMS gcm;
          if (!read_gcm(parameter, parameter_len, &gcm)) return CKR_MECHANISM_PARAM_INVALID;
          return algorithms::aes_gcm_open(key, {gcm.pIv, gcm.ulIvLen}, message.aad, message.input,
                                          {gcm.pTag, gcm.ulTagBits / 8}, output);
        }
        SR_SEAL_PARAMS seal;
        if (!read_seal(parameter, parameter_len, &seal)) return CKR_MECHANISM_PARAM_INVALID;
        return algorithms::derive_open(key, {seal.pNonce, SR_SEAL_NONCE_BYTES}, message.aad,
                                       message.input, {seal.pTag, SR_SEAL_TAG_BYTES}, output);
      });
}

CK_RV seal_random(Session& session, CK_OBJECT_HANDLE handle, const SR_SEAL_PARAMS* parameters,
                  const CK_BYTE* aad, CK_ULONG aad_len, CK_ULONG length, CK_BYTE* plaintext,
                  CK_BYTE* ciphertext) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!parameters || !ciphertext || !readable(aad, aad_len) || length < 1 ||
      length > kSealRandomBytesMax) {
    return CKR_ARGUMENTS_BAD;
  }
  const SR_SEAL_PARAMS seal = *parameters;
  if (!seal.pNonce || !seal.pTag) return CKR_ARGUMENTS_BAD;
  const auto object = session.place.find(handle, *session.application);
  if (!object) return CKR_KEY_HANDLE_INVALID;
  if (const CK_RV rv =
          check_key(*object, *mechanism_row(CKM_STRONGROOM_DERIVE_AES_GCM), kDeriveUsage);
      rv != CKR_OK)
    return rv;
  Secret random(length);
  if (!random) return CKR_DEVICE_MEMORY;
  if (const CK_RV rv = drbg::generate(random.mutable_bytes()); rv != CKR_OK) return rv;
  const CK_RV rv = derive_seal(*object->key, seal, {{aad, aad_len}, random.bytes(), ciphertext});
  if (rv == CKR_OK && plaintext) std::memcpy(plaintext, random.data(), length);
  return rv;
}

}  // namespace strongroom::token::operations
