// re_encryption.cc: SR_ReEncrypt: from one key to another with the plaintext in the arena only.
#include "token/operations/ciphers.h"

namespace strongroom::token::operations {
namespace {

constexpr Beginning kOpening = {Operation::Kind::kDecrypt, CKF_DECRYPT | CKF_MESSAGE_DECRYPT,
                                kDecryptUsage};
constexpr Beginning kSealing = {Operation::Kind::kEncrypt, CKF_ENCRYPT | CKF_MESSAGE_ENCRYPT,
                                kEncryptUsage};

// One side, checked: what to do is in one of the two.
struct Side {
  Admitted admitted;
  Bytes aad;
  SR_SEAL_PARAMS seal{};
  CipherParameters oaep;

  bool seals() const { return admitted.row->family == Family::kSeal; }
};

// The rights of a side are those its half would need alone.
CK_RV read_side(Session& session, const Beginning& what, const SR_CIPHER_KEY& given, Side* out) {
  if (!given.pMechanism || !readable(given.pAad, given.ulAadLen)) return CKR_ARGUMENTS_BAD;
  const CK_MECHANISM mechanism = *given.pMechanism;
  const MechanismRow* row = mechanism_for(mechanism, what.function);
  if (!row || (row->family != Family::kSeal && row->family != Family::kRsaOaep))
    return CKR_MECHANISM_INVALID;
  if (const CK_RV rv = find_key(session, what, mechanism, given.hKey, &out->admitted); rv != CKR_OK)
    return rv;
  if (!out->seals()) {
    if (given.ulAadLen != 0) return CKR_ARGUMENTS_BAD;
    return kOaepScheme.read(mechanism, &out->oaep);
  }
  out->aad = {given.pAad, given.ulAadLen};
  const bool valid = read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &out->seal) &&
                     out->seal.pNonce && out->seal.pTag;
  return valid ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

CK_RV open(const Side& source, Bytes ciphertext, Secret* plaintext) {
  const Object& key = *source.admitted.key;
  if (!source.seals()) {
    const Ciphering what{key, source.oaep};
    CK_ULONG length = ciphertext.size();
    Secret room(ciphertext.size());
    if (!room) return ciphertext.empty() ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_DEVICE_MEMORY;
    if (const CK_RV rv = kOaepScheme.decrypt(what, ciphertext, room.data(), &length); rv != CKR_OK)
      return rv;
    *plaintext = Secret(room.bytes().first(length));
    return length != 0 && !*plaintext ? CKR_DEVICE_MEMORY : CKR_OK;
  }
  Secret room(ciphertext.size());
  if (!room && !ciphertext.empty()) return CKR_DEVICE_MEMORY;
  const CK_RV rv = algorithms::derive_open(
      *key.key, {source.seal.pNonce, SR_SEAL_NONCE_BYTES}, source.aad, ciphertext,
      {source.seal.pTag, SR_SEAL_TAG_BYTES}, room.mutable_bytes());
  if (rv == CKR_OK) *plaintext = std::move(room);
  return rv == CKR_ENCRYPTED_DATA_INVALID ? CKR_AEAD_DECRYPT_FAILED : rv;
}

CK_RV seal(const Side& destination, Bytes plaintext, CK_BYTE* out, CK_ULONG* out_len) {
  const Object& key = *destination.admitted.key;
  if (!destination.seals())
    return kOaepScheme.encrypt({key, destination.oaep}, plaintext, out, out_len);
  const CK_ULONG room = *out_len;
  *out_len = plaintext.size();
  if (room < plaintext.size()) return CKR_BUFFER_TOO_SMALL;
  return algorithms::derive_seal(
      *key.key, destination.aad, plaintext, {destination.seal.pNonce, SR_SEAL_NONCE_BYTES},
      {out, plaintext.size()}, {destination.seal.pTag, SR_SEAL_TAG_BYTES});
}

// Would either half keep an event loop waiting? Asked before anything is done.
bool slow(const Side& source, const Side& destination) {
  return (!source.seals() && algorithms::is_slow(*source.admitted.key->private_key)) ||
         (!destination.seals() && algorithms::is_slow(*destination.admitted.key->public_key));
}

}  // namespace

CK_RV re_encrypt(Session& session, const SR_CIPHER_KEY* source, const CK_BYTE* ciphertext,
                 CK_ULONG ciphertext_len, const SR_CIPHER_KEY* destination, CK_BYTE* out,
                 CK_ULONG* out_len) {
  if (const CK_RV rv = ready(); rv != CKR_OK) return rv;
  if (!source || !destination || !out || !out_len || !readable(ciphertext, ciphertext_len))
    return CKR_ARGUMENTS_BAD;
  Side from;
  if (const CK_RV rv = read_side(session, kOpening, *source, &from); rv != CKR_OK) return rv;
  Side to;
  if (const CK_RV rv = read_side(session, kSealing, *destination, &to); rv != CKR_OK) return rv;
  if (no_wait && slow(from, to)) return CKR_STRONGROOM_BUSY;
  Secret plaintext;
  if (const CK_RV rv = open(from, {ciphertext, ciphertext_len}, &plaintext); rv != CKR_OK)
    return rv;
  return seal(to, plaintext.bytes(), out, out_len);
}

}  // namespace strongroom::token::operations
