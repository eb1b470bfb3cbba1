// encryption.cc: C_EncryptInit, C_Encrypt, C_EncryptUpdate, C_EncryptFinal and the same for
// Decrypt, whatever the mechanism.
#include "token/operations/ciphers.h"

namespace strongroom::token::operations {
namespace {

using Kind = Operation::Kind;
using Run = CipherScheme::Run* CipherScheme::*;      // encrypt or decrypt
using Begin = CipherScheme::Begin* CipherScheme::*;  // likewise

constexpr Beginning kEncrypting = {Kind::kEncrypt, CKF_ENCRYPT, kEncryptUsage};
constexpr Beginning kDecrypting = {Kind::kDecrypt, CKF_DECRYPT, kDecryptUsage};

// The caller's bytes are gone when the data comes, so the operation keeps its own.
CK_RV prepare(const MechanismRow& row, const CK_MECHANISM& mechanism, Operation& operation) {
  CipherParameters given;
  if (const CK_RV rv = cipher_scheme(row).read(mechanism, &given); rv != CKR_OK) return rv;
  operation.iv.assign(given.iv.begin(), given.iv.end());
  operation.aad.assign(given.aad.begin(), given.aad.end());
  operation.cipher = given;
  operation.cipher.iv = operation.iv;
  operation.cipher.aad = operation.aad;
  return CKR_OK;
}

Ciphering ciphering_of(const Operation& operation) { return {*operation.key, operation.cipher}; }

// What a call that gives output answers: everything but a length query, a short buffer and "busy"
// ends the operation, and so does success where the call is the last.
CK_RV answer(Operation& operation, CK_RV rv, bool last, const CK_BYTE* out) {
  const bool goes_on =
      rv == CKR_BUFFER_TOO_SMALL || rv == CKR_STRONGROOM_BUSY || (rv == CKR_OK && (!last || !out));
  if (!goes_on) operation.end();
  return rv;
}

// C_Encrypt and C_Decrypt. What began in parts ends with C_EncryptFinal or C_DecryptFinal.
CK_RV single_part(Session& session, Kind kind, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out,
                  CK_ULONG* out_len, Run run) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active(session, kind); rv != CKR_OK) return rv;
  Operation& operation = session.operation;
  const CipherScheme& scheme = cipher_scheme(*operation.mechanism);
  CK_RV rv = CKR_ARGUMENTS_BAD;
  if (operation.in_parts)
    rv = CKR_OPERATION_NOT_INITIALIZED;
  else if (out_len && readable(data, data_len))
    rv = (scheme.*run)(ciphering_of(operation), {data, data_len}, out, out_len);
  return answer(operation, rv, true, out);
}

// The stream of an operation in parts, begun by its first part. A mechanism that has single parts
// only has no operation for this: CKR_OPERATION_NOT_INITIALIZED.
CK_RV stream_of(Operation& operation, Begin begin) {
  operation.in_parts = true;
  if (operation.stream) return CKR_OK;
  CipherScheme::Begin* const begins = cipher_scheme(*operation.mechanism).*begin;
  return begins ? begins(ciphering_of(operation), &operation.stream)
                : CK_RV{CKR_OPERATION_NOT_INITIALIZED};
}

// C_EncryptUpdate and C_DecryptUpdate.
CK_RV update(Session& session, Kind kind, const CK_BYTE* part, CK_ULONG part_len, CK_BYTE* out,
             CK_ULONG* out_len, Begin begin) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active(session, kind); rv != CKR_OK) return rv;
  Operation& operation = session.operation;
  CK_RV rv = CKR_ARGUMENTS_BAD;
  if (out_len && readable(part, part_len)) rv = stream_of(operation, begin);
  if (rv == CKR_OK) {
    CipherStream& stream = *operation.stream;
    rv = run_to(stream.next_length(part_len), {part, part_len}, out, out_len, [&] {
      return stream.add({part, part_len}, out);
    });
  }
  return answer(operation, rv, false, out);
}

// C_EncryptFinal and C_DecryptFinal; without a part before them the message is empty.
CK_RV finish(Session& session, Kind kind, CK_BYTE* out, CK_ULONG* out_len, Begin begin) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active(session, kind); rv != CKR_OK) return rv;
  Operation& operation = session.operation;
  CK_RV rv = out_len ? stream_of(operation, begin) : CK_RV{CKR_ARGUMENTS_BAD};
  if (rv == CKR_OK) rv = operation.stream->finish(out, out_len);
  return answer(operation, rv, true, out);
}

CK_RV single_call(Session& session, const Beginning& what, const CK_MECHANISM* mechanism,
                  CK_OBJECT_HANDLE key, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out,
                  CK_ULONG* out_len, Run run) {
  return once(session, what, mechanism, key,
              [&](const MechanismRow& row, const CK_MECHANISM& given, const Object& object) {
                const CipherScheme& scheme = cipher_scheme(row);
                CipherParameters parameters;
                if (const CK_RV rv = scheme.read(given, &parameters); rv != CKR_OK) return rv;
                if (!out_len || !readable(data, data_len)) return CK_RV{CKR_ARGUMENTS_BAD};
                return (scheme.*run)({object, parameters}, {data, data_len}, out, out_len);
              });
}

}  // namespace

const CipherScheme& cipher_scheme(const MechanismRow& row) {
  switch (row.family) {
    case Family::kEcb:
      return kEcbScheme;
    case Family::kCbc:
      return kCbcScheme;
    case Family::kCbcPad:
      return kCbcPadScheme;
    case Family::kCtr:
      return kCtrScheme;
    case Family::kCcm:
      return kCcmScheme;
    case Family::kChaCha20:
      return kChaCha20Scheme;
    case Family::kChaCha20Poly1305:
      return kChaCha20Poly1305Scheme;
    case Family::kKw:
      return kKwScheme;
    case Family::kKwp:
      return kKwpScheme;
    case Family::kRsaAesKeyWrap:
      return kRsaAesKeyWrapScheme;
    case Family::kRsaOaep:
      return kOaepScheme;
    default:
      return kGcmScheme;
  }
}

CK_RV encrypt_init(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  return begin(session, kEncrypting, mechanism, key, prepare);
}

CK_RV decrypt_init(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  return begin(session, kDecrypting, mechanism, key, prepare);
}

CK_RV encrypt(Session& session, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out,
              CK_ULONG* out_len) {
  return single_part(session, Kind::kEncrypt, data, data_len, out, out_len, &CipherScheme::encrypt);
}

CK_RV decrypt(Session& session, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out,
              CK_ULONG* out_len) {
  return single_part(session, Kind::kDecrypt, data, data_len, out, out_len, &CipherScheme::decrypt);
}

CK_RV encrypt_update(Session& session, const CK_BYTE* part, CK_ULONG part_len, CK_BYTE* out,
                     CK_ULONG* out_len) {
  return update(session, Kind::kEncrypt, part, part_len, out, out_len,
                &CipherScheme::begin_encrypting);
}

CK_RV encrypt_final(Session& session, CK_BYTE* out, CK_ULONG* out_len) {
  return finish(session, Kind::kEncrypt, out, out_len, &CipherScheme::begin_encrypting);
}

CK_RV decrypt_update(Session& session, const CK_BYTE* part, CK_ULONG part_len, CK_BYTE* out,
                     CK_ULONG* out_len) {
  return update(session, Kind::kDecrypt, part, part_len, out, out_len,
                &CipherScheme::begin_decrypting);
}

CK_RV decrypt_final(Session& session, CK_BYTE* out, CK_ULONG* out_len) {
  return finish(session, Kind::kDecrypt, out, out_len, &CipherScheme::begin_decrypting);
}

CK_RV encrypt_once(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key,
                   const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out, CK_ULONG* out_len) {
  return single_call(session, kEncrypting, mechanism, key, data, data_len, out, out_len,
                     &CipherScheme::encrypt);
}

CK_RV decrypt_once(Session& session, const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key,
                   const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out, CK_ULONG* out_len) {
  return single_call(session, kDecrypting, mechanism, key, data, data_len, out, out_len,
                     &CipherScheme::decrypt);
}

}  // namespace strongroom::token::operations
