// message.cc: message-based encryption (5.9, 5.11): authenticated encryption with IV and tag beside
// the data, and CKM_STRONGROOM_DERIVE_AES_GCM, whose nonce is always made inside.
#include "token/drbg/drbg.h"
#include "token/operations/aead_messages.h"
#include "token/operations/ciphers.h"

namespace strongroom::token::operations {
namespace {

using Kind = Operation::Kind;

constexpr CK_ULONG kSealRandomBytesMax = 65536;

// The parameter comes with each message; the mechanism of C_Message*Init may carry one and it says
// nothing yet.
CK_RV prepare_messages(const MechanismRow&, const CK_MECHANISM&, Operation&) { return CKR_OK; }

struct Message {
  Bytes aad;
  Bytes input;
  CK_BYTE* output;
};

bool read_seal(const void* parameter, CK_ULONG length, SR_SEAL_PARAMS* out) {
  return read_parameter(parameter, length, out) && out->pNonce && out->pTag;
}

CK_RV derive_seal(algorithms::Key& key, const SR_SEAL_PARAMS& parameters, const Message& message) {
  return algorithms::derive_seal(
      key, message.aad, message.input, {parameters.pNonce, SR_SEAL_NONCE_BYTES},
      {message.output, message.input.size()}, {parameters.pTag, SR_SEAL_TAG_BYTES});
}

CK_RV as_message(CK_RV rv) {
  return rv == CKR_ENCRYPTED_DATA_INVALID ? CKR_AEAD_DECRYPT_FAILED : rv;
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
  if (session.operation.in_parts) return CKR_OPERATION_ACTIVE;
  if (!out_len || !readable(aad, aad_len) || !readable(data, data_len)) return CKR_ARGUMENTS_BAD;
  return as_message(run_to(data_len, {data, data_len}, out, out_len, [&] {
    return work(session.operation, Message{{aad, aad_len}, {data, data_len}, out});
  }));
}

// A message in parts: from C_*MessageBegin to the C_*MessageNext that has CKF_END_OF_MESSAGE. What
// may not go out part by part is gathered in Operation::parts and comes with the last call.
void end_message(Operation& operation) {
  operation.in_parts = false;
  operation.sealing.reset();
  operation.parts.clear();
}

CK_RV begin_message(Session& session, Kind kind, void* parameter, CK_ULONG parameter_len,
                    const CK_BYTE* aad, CK_ULONG aad_len) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active(session, kind); rv != CKR_OK) return rv;
  Operation& operation = session.operation;
  if (!has_aead_messages(*operation.mechanism)) return CKR_FUNCTION_NOT_SUPPORTED;
  if (operation.in_parts) return CKR_OPERATION_ACTIVE;
  if (!readable(aad, aad_len)) return CKR_ARGUMENTS_BAD;
  AeadMessage message;
  if (const CK_RV rv = read_aead_message(*operation.mechanism, parameter, parameter_len, &message);
      rv != CKR_OK)
    return rv;
  MadeIv iv;
  if (kind == Kind::kMessageEncrypt) {
    if (const CK_RV rv = make_iv(*operation.key, message, &iv); rv != CKR_OK) return rv;
    const algorithms::Aead aead = aead_of(*operation.mechanism);
    if (aead != algorithms::Aead::kAesCcm) {
      const CK_RV rv = algorithms::CipherState::begin_sealing(aead, *operation.key->key, iv.bytes(),
                                                              {aad, aad_len}, &operation.sealing);
      if (rv != CKR_OK) return rv;
    }
    std::memcpy(message.iv.data(), iv.room.data(), iv.length);
  }
  operation.iv.assign(message.iv.begin(), message.iv.end());
  operation.aad.assign(aad, aad + aad_len);
  operation.cipher.tag_bytes = message.tag.size();
  operation.cipher.length = message.length.value_or(0);
  operation.in_parts = true;
  return CKR_OK;
}

// What a gathered message becomes once all of it is there.
CK_RV run_gathered(const Operation& operation, const AeadMessage& message, Bytes input,
                   MutableBytes output) {
  const algorithms::Aead aead = aead_of(*operation.mechanism);
  algorithms::Key& key = *operation.key->key;
  return operation.kind == Kind::kMessageEncrypt
             ? algorithms::seal(aead, key, operation.iv, operation.aad, input, output, message.tag)
             : algorithms::open(aead, key, operation.iv, operation.aad, input, message.tag, output);
}

CK_RV next_gathered(Operation& operation, const AeadMessage& message, Bytes part, bool last,
                    CK_BYTE* out, CK_ULONG* out_len) {
  const bool encrypts = operation.kind == Kind::kMessageEncrypt;
  const CK_RV too_long = encrypts ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_LEN_RANGE;
  const std::size_t total = operation.parts.size() + part.size();
  if (total > kGatheredBytesMax) return too_long;
  if (message.length && (last ? total != *message.length : total > *message.length))
    return too_long;
  return run_to(last ? total : 0, part, out, out_len, [&]() -> CK_RV {
    if (last && operation.parts.size() == 0)
      return run_gathered(operation, message, part, {out, total});
    if (!operation.parts.append(part)) return CKR_HOST_MEMORY;
    return last ? run_gathered(operation, message, operation.parts.bytes(), {out, total})
                : CK_RV{CKR_OK};
  });
}

CK_RV next_sealed(Operation& operation, const AeadMessage& message, Bytes part, bool last,
                  CK_BYTE* out, CK_ULONG* out_len) {
  return run_to(part.size(), part, out, out_len, [&] {
    const CK_RV rv = operation.sealing->add(part, {out, part.size()});
    return rv == CKR_OK && last ? operation.sealing->finish(message.tag) : rv;
  });
}

// Whatever is answered but CKR_OK, a length query and a short buffer ends the message; the
// operation goes on to the next one.
CK_RV next_part(Session& session, Kind kind, void* parameter, CK_ULONG parameter_len,
                const CK_BYTE* part, CK_ULONG part_len, CK_BYTE* out, CK_ULONG* out_len,
                CK_FLAGS flags) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active(session, kind); rv != CKR_OK) return rv;
  Operation& operation = session.operation;
  if (!operation.in_parts) return CKR_OPERATION_NOT_INITIALIZED;
  const bool last = (flags & CKF_END_OF_MESSAGE) != 0;
  AeadMessage message;
  CK_RV rv = CKR_ARGUMENTS_BAD;
  if (out_len && readable(part, part_len))
    rv = read_aead_message(*operation.mechanism, parameter, parameter_len, &message);
  if (rv == CKR_OK && message.tag.size() != operation.cipher.tag_bytes)
    rv = CKR_MECHANISM_PARAM_INVALID;
  if (rv == CKR_OK && message.length) message.length = operation.cipher.length;
  if (rv == CKR_OK) {
    const auto next = operation.sealing ? next_sealed : next_gathered;
    rv = next(operation, message, {part, part_len}, last, out, out_len);
  }
  const bool goes_on =
      rv == CKR_BUFFER_TOO_SMALL || rv == CKR_STRONGROOM_BUSY || (rv == CKR_OK && (!last || !out));
  if (!goes_on) end_message(operation);
  return as_message(rv);
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
  return one_message(
      session, Kind::kMessageEncrypt, aad, aad_len, plaintext, plaintext_len, ciphertext,
      ciphertext_len, [&](Operation& operation, const Message& message) -> CK_RV {
        if (operation.mechanism->family == Family::kSeal) {
          SR_SEAL_PARAMS seal;
          if (!read_seal(parameter, parameter_len, &seal)) return CKR_MECHANISM_PARAM_INVALID;
          return derive_seal(*operation.key->key, seal, message);
        }
        AeadMessage aead;
        if (const CK_RV rv =
                read_aead_message(*operation.mechanism, parameter, parameter_len, &aead);
            rv != CKR_OK)
          return rv;
        if (!aead.length_named(message.input.size())) return CKR_DATA_LEN_RANGE;
        return seal_message(*operation.mechanism, *operation.key, aead, message.aad, message.input,
                            {message.output, message.input.size()});
      });
}

CK_RV encrypt_message_begin(Session& session, void* parameter, CK_ULONG parameter_len,
                            const CK_BYTE* aad, CK_ULONG aad_len) {
  return begin_message(session, Kind::kMessageEncrypt, parameter, parameter_len, aad, aad_len);
}

CK_RV encrypt_message_next(Session& session, void* parameter, CK_ULONG parameter_len,
                           const CK_BYTE* part, CK_ULONG part_len, CK_BYTE* out, CK_ULONG* out_len,
                           CK_FLAGS flags) {
  return next_part(session, Kind::kMessageEncrypt, parameter, parameter_len, part, part_len, out,
                   out_len, flags);
}

CK_RV decrypt_message(Session& session, void* parameter, CK_ULONG parameter_len, const CK_BYTE* aad,
                      CK_ULONG aad_len, const CK_BYTE* ciphertext, CK_ULONG ciphertext_len,
                      CK_BYTE* plaintext, CK_ULONG* plaintext_len) {
  return one_message(
      session, Kind::kMessageDecrypt, aad, aad_len, ciphertext, ciphertext_len, plaintext,
      plaintext_len, [&](Operation& operation, const Message& message) -> CK_RV {
        algorithms::Key& key = *operation.key->key;
        const MutableBytes output(message.output, message.input.size());
        if (operation.mechanism->family == Family::kSeal) {
          SR_SEAL_PARAMS seal;
          if (!read_seal(parameter, parameter_len, &seal)) return CKR_MECHANISM_PARAM_INVALID;
          return algorithms::derive_open(key, {seal.pNonce, SR_SEAL_NONCE_BYTES}, message.aad,
                                         message.input, {seal.pTag, SR_SEAL_TAG_BYTES}, output);
        }
        AeadMessage aead;
        if (const CK_RV rv =
                read_aead_message(*operation.mechanism, parameter, parameter_len, &aead);
            rv != CKR_OK)
          return rv;
        if (!aead.length_named(message.input.size())) return CKR_ENCRYPTED_DATA_LEN_RANGE;
        return algorithms::open(aead_of(*operation.mechanism), key, aead.iv, message.aad,
                                message.input, aead.tag, output);
      });
}

CK_RV decrypt_message_begin(Session& session, void* parameter, CK_ULONG parameter_len,
                            const CK_BYTE* aad, CK_ULONG aad_len) {
  return begin_message(session, Kind::kMessageDecrypt, parameter, parameter_len, aad, aad_len);
}

CK_RV decrypt_message_next(Session& session, void* parameter, CK_ULONG parameter_len,
                           const CK_BYTE* part, CK_ULONG part_len, CK_BYTE* out, CK_ULONG* out_len,
                           CK_FLAGS flags) {
  return next_part(session, Kind::kMessageDecrypt, parameter, parameter_len, part, part_len, out,
                   out_len, flags);
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
