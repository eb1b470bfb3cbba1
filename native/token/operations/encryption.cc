// encryption.cc: C_EncryptInit, C_Encrypt, C_DecryptInit, C_Decrypt, whatever the mechanism.
#include "token/operations/ciphers.h"

namespace strongroom::token::operations {
namespace {

using Kind = Operation::Kind;
using Run = CipherScheme::Run* CipherScheme::*;  // encrypt or decrypt

constexpr Beginning kEncrypting = {Kind::kEncrypt, CKF_ENCRYPT, kEncryptUsage};
constexpr Beginning kDecrypting = {Kind::kDecrypt, CKF_DECRYPT, kDecryptUsage};

// Of a mechanism with CKF_ENCRYPT.
const CipherScheme& scheme_of(const MechanismRow& row) {
  return row.family == Family::kRsaOaep ? kOaepScheme : kGcmScheme;
}

// The caller's bytes are gone when the data comes, so the operation keeps its own.
CK_RV prepare(const MechanismRow& row, const CK_MECHANISM& mechanism, Operation& operation) {
  CipherParameters given;
  if (const CK_RV rv = scheme_of(row).read(mechanism, &given); rv != CKR_OK) return rv;
  const Bytes beside = row.family == Family::kRsaOaep ? given.oaep.label : given.aad;
  operation.iv.assign(given.iv.begin(), given.iv.end());
  operation.aad.assign(beside.begin(), beside.end());
  operation.cipher = given;
  operation.cipher.iv = operation.iv;
  operation.cipher.aad = operation.aad;
  operation.cipher.oaep.label = operation.aad;
  return CKR_OK;
}

// C_Encrypt and C_Decrypt: everything but a length query, a short buffer and "busy" ends the
// operation.
CK_RV single_part(Session& session, Kind kind, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out,
                  CK_ULONG* out_len, Run run) {
  OperationLock lock(session);
  if (!lock) return OperationLock::refusal();
  if (const CK_RV rv = active(session, kind); rv != CKR_OK) return rv;
  Operation& operation = session.operation;
  const CipherScheme& scheme = scheme_of(*operation.mechanism);
  const CK_RV rv =
      out_len && readable(data, data_len)
          ? (scheme.*run)({*operation.key, operation.cipher}, {data, data_len}, out, out_len)
          : CKR_ARGUMENTS_BAD;
  const bool goes_on =
      rv == CKR_BUFFER_TOO_SMALL || rv == CKR_STRONGROOM_BUSY || (rv == CKR_OK && !out);
  if (!goes_on) operation.end();
  return rv;
}

CK_RV single_call(Session& session, const Beginning& what, const CK_MECHANISM* mechanism,
                  CK_OBJECT_HANDLE key, const CK_BYTE* data, CK_ULONG data_len, CK_BYTE* out,
                  CK_ULONG* out_len, Run run) {
  return once(session, what, mechanism, key,
              [&](const MechanismRow& row, const CK_MECHANISM& given, const Object& object) {
                const CipherScheme& scheme = scheme_of(row);
                CipherParameters parameters;
                if (const CK_RV rv = scheme.read(given, &parameters); rv != CKR_OK) return rv;
                if (!out_len || !readable(data, data_len)) return CK_RV{CKR_ARGUMENTS_BAD};
                return (scheme.*run)({object, parameters}, {data, data_len}, out, out_len);
              });
}

}  // namespace

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
