// RSA signatures (RSASSA-PKCS1-v1_5, RSASSA-PSS) and encryption (RSAES-OAEP): RFC 8017.
#include <algorithm>

#include "token/algorithms/asymmetric_key.h"
#include "token/algorithms/der.h"
#include "token/algorithms/random_provider.h"
#include "token/algorithms/unchecked.h"
#include "token/no_wait.h"
#include "token/self_test/self_test.h"

namespace strongroom::algorithms {
namespace {

using self_test::Algorithm;

constexpr std::size_t kPkcs1OverheadBytes = 11;  // 00 01, eight FF, 00
constexpr std::size_t kDigestInfoBytesMax = kHashBytesMax + 32;
constexpr EvpUse kPkcs1Sign{EvpUse::Kind::kSign, EvpUse::Padding::kPkcs1};
constexpr EvpUse kPkcs1Verify{EvpUse::Kind::kVerify, EvpUse::Padding::kPkcs1};

// RFC 8017 appendix B.1
Bytes identifier_of(Hash hash) {
  static constexpr std::uint8_t kSha1[] = {0x2b, 0x0e, 3, 2, 26};
  static constexpr std::uint8_t kSha224[] = {0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 4};
  static constexpr std::uint8_t kSha256[] = {0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1};
  static constexpr std::uint8_t kSha384[] = {0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2};
  static constexpr std::uint8_t kSha512[] = {0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3};
  switch (hash) {
    case Hash::kSha1:
      return kSha1;
    case Hash::kSha224:
      return kSha224;
    case Hash::kSha256:
      return kSha256;
    case Hash::kSha384:
      return kSha384;
    case Hash::kSha512:
      break;
  }
  return kSha512;
}

// DigestInfo (RFC 8017 9.2) of a message, in room.
CK_RV make_digest_info(Hash hash, Bytes message, MutableBytes room, Bytes* info) {
  std::uint8_t made[kHashBytesMax];
  const MutableBytes whole(made, hash_length(hash));
  if (const CK_RV rv = unchecked::digest(hash, message, whole); rv != CKR_OK) return rv;
  der::Writer out(room);
  out.element(der::kOctetString, whole);
  const std::size_t end = out.length();
  out.element(der::kNull, {});
  out.element(der::kObjectIdentifier, identifier_of(hash));
  out.enclose(der::kSequence, end);
  out.enclose(der::kSequence, 0);
  *info = out.written();
  return CKR_OK;
}

std::size_t modulus_length(const PublicKey& key) { return key.modulus().size(); }

CK_RV sign(PrivateKey& key, const EvpUse& use, Bytes data, MutableBytes signature) {
  const OpenSslCall call;
  EvpLease lease(with_contexts(key).evp(), use);
  if (lease.get() == nullptr) return call.outcome(false, CKR_HOST_MEMORY);
  std::size_t length = signature.size();
  const bool good =
      EVP_PKEY_sign(lease.get(), signature.data(), &length, given(data.data()), data.size()) == 1 &&
      length == signature.size();
  if (good) return CKR_OK;
  lease.discard();
  wipe(signature.data(), signature.size());
  return call.outcome(false, CKR_FUNCTION_FAILED);
}

CK_RV verify(PublicKey& key, const EvpUse& use, Bytes data, Bytes signature) {
  const OpenSslCall call;
  EvpLease lease(as_rsa(key).evp(), use);
  if (lease.get() == nullptr) return call.outcome(false, CKR_HOST_MEMORY);
  const int good = EVP_PKEY_verify(lease.get(), signature.data(), signature.size(),
                                   given(data.data()), data.size());
  return call.outcome(good == 1, CKR_SIGNATURE_INVALID);
}

bool fits_pkcs1(Bytes digest_info, std::size_t modulus_bytes) {
  return !digest_info.empty() && digest_info.size() <= modulus_bytes - kPkcs1OverheadBytes;
}

EvpUse use_of(EvpUse::Kind kind, const Pss& pss) {
  return {kind, EvpUse::Padding::kPss, pss.hash, pss.mgf1,
          static_cast<std::uint16_t>(pss.salt_length)};
}

EvpUse use_of(EvpUse::Kind kind, const Oaep& oaep) {
  return {kind, EvpUse::Padding::kOaep, oaep.hash, oaep.mgf1};
}

// Does a salt of this length fit beside the hash (RFC 8017 9.1.1, step 3)?
bool fits(const Pss& pss, const PublicKey& key) {
  const std::size_t encoded = (key.bits() - 1 + 7) / 8;
  return pss.salt_length <= encoded && hash_length(pss.hash) + pss.salt_length + 2 <= encoded;
}

// The digest to be signed: data itself, or that of data, in room.
CK_RV pss_digest(const Pss& pss, bool digest_given, Bytes data, MutableBytes room, Bytes* digest) {
  if (!digest_given) {
    *digest = room.first(hash_length(pss.hash));
    return unchecked::digest(pss.hash, data, room.first(hash_length(pss.hash)));
  }
  *digest = data;
  return data.size() == hash_length(pss.hash) ? CKR_OK : CKR_DATA_LEN_RANGE;
}

bool longest_plaintext(const Oaep& oaep, const PublicKey& key, std::size_t* length) {
  const std::size_t overhead = 2 * hash_length(oaep.hash) + 2;
  if (modulus_length(key) < overhead) return false;
  *length = modulus_length(key) - overhead;
  return true;
}

// What stands before every operation: the kind of key, the event loop, the self-test.
CK_RV ready(const PublicKey& key, bool slow, Algorithm algorithm) {
  if (!is_rsa(key)) return CKR_KEY_TYPE_INCONSISTENT;
  if (no_wait && slow) return CKR_STRONGROOM_BUSY;
  return self_test::require(algorithm);
}

CK_RV ready(const PrivateKey& key, Algorithm algorithm) {
  return ready(*key.public_key(), is_slow(key), algorithm);
}

CK_RV ready(const PublicKey& key, Algorithm algorithm) {
  return ready(key, is_slow(key), algorithm);
}

// The same with a hash of the token's own.
template <class AnyKey>
CK_RV ready(const AnyKey& key, Hash hash) {
  const CK_RV rv = ready(key, Algorithm::kRsaSignature);
  return rv != CKR_OK ? rv : self_test::require(self_test::hash_alone(hash));
}

}  // namespace

namespace unchecked {

CK_RV rsa_pkcs1_sign(PrivateKey& key, Bytes digest_info, MutableBytes signature) {
  const std::size_t length = modulus_length(*key.public_key());
  if (signature.size() != length) return CKR_ARGUMENTS_BAD;
  if (!fits_pkcs1(digest_info, length)) return CKR_DATA_LEN_RANGE;
  return sign(key, kPkcs1Sign, digest_info, signature);
}

CK_RV rsa_pkcs1_sign(PrivateKey& key, Hash hash, Bytes message, MutableBytes signature) {
  std::uint8_t room[kDigestInfoBytesMax];
  Bytes info;
  const CK_RV rv = make_digest_info(hash, message, room, &info);
  return rv != CKR_OK ? rv : unchecked::rsa_pkcs1_sign(key, info, signature);
}

CK_RV rsa_pkcs1_verify(PublicKey& key, Bytes digest_info, Bytes signature) {
  const std::size_t length = modulus_length(key);
  if (signature.size() != length) return CKR_SIGNATURE_LEN_RANGE;
  if (!fits_pkcs1(digest_info, length)) return CKR_DATA_LEN_RANGE;
  return verify(key, kPkcs1Verify, digest_info, signature);
}

CK_RV rsa_pkcs1_verify(PublicKey& key, Hash hash, Bytes message, Bytes signature) {
  std::uint8_t room[kDigestInfoBytesMax];
  Bytes info;
  const CK_RV rv = make_digest_info(hash, message, room, &info);
  return rv != CKR_OK ? rv : unchecked::rsa_pkcs1_verify(key, info, signature);
}

CK_RV rsa_pss_sign(PrivateKey& key, const Pss& pss, bool digest_given, Bytes data,
                   MutableBytes signature) {
  const PublicKey& public_key = *key.public_key();
  if (signature.size() != modulus_length(public_key)) return CKR_ARGUMENTS_BAD;
  if (!fits(pss, public_key)) return CKR_MECHANISM_PARAM_INVALID;
  std::uint8_t room[kHashBytesMax];
  Bytes digest;
  const CK_RV rv = pss_digest(pss, digest_given, data, room, &digest);
  return rv != CKR_OK ? rv : sign(key, use_of(EvpUse::Kind::kSign, pss), digest, signature);
}

CK_RV rsa_pss_verify(PublicKey& key, const Pss& pss, bool digest_given, Bytes data,
                     Bytes signature) {
  if (signature.size() != modulus_length(key)) return CKR_SIGNATURE_LEN_RANGE;
  if (!fits(pss, key)) return CKR_MECHANISM_PARAM_INVALID;
  std::uint8_t room[kHashBytesMax];
  Bytes digest;
  const CK_RV rv = pss_digest(pss, digest_given, data, room, &digest);
  return rv != CKR_OK ? rv : verify(key, use_of(EvpUse::Kind::kVerify, pss), digest, signature);
}

CK_RV rsa_oaep_encrypt(PublicKey& key, const Oaep& oaep, Bytes plaintext, MutableBytes ciphertext) {
  std::size_t longest = 0;
  if (ciphertext.size() != modulus_length(key)) return CKR_ARGUMENTS_BAD;
  if (!longest_plaintext(oaep, key, &longest)) return CKR_MECHANISM_PARAM_INVALID;
  if (plaintext.size() > longest) return CKR_DATA_LEN_RANGE;
  const OpenSslCall call;
  EvpLease lease(as_rsa(key).evp(), use_of(EvpUse::Kind::kEncrypt, oaep), oaep.label);
  if (lease.get() == nullptr) return call.outcome(false, CKR_HOST_MEMORY);
  std::size_t length = ciphertext.size();
  const bool good = EVP_PKEY_encrypt(lease.get(), ciphertext.data(), &length,
                                     given(plaintext.data()), plaintext.size()) == 1;
  if (good) return CKR_OK;
  lease.discard();
  wipe(ciphertext.data(), ciphertext.size());
  return call.outcome(false, CKR_FUNCTION_FAILED);
}

CK_RV rsa_oaep_decrypt(PrivateKey& key, const Oaep& oaep, Bytes ciphertext, MutableBytes plaintext,
                       std::size_t* length) {
  *length = 0;
  const PublicKey& public_key = *key.public_key();
  std::size_t longest = 0;
  if (!longest_plaintext(oaep, public_key, &longest)) return CKR_MECHANISM_PARAM_INVALID;
  if (ciphertext.size() != modulus_length(public_key)) return CKR_ENCRYPTED_DATA_LEN_RANGE;
  if (plaintext.size() < modulus_length(public_key)) return CKR_ARGUMENTS_BAD;
  const OpenSslCall call;
  EvpLease lease(with_contexts(key).evp(), use_of(EvpUse::Kind::kDecrypt, oaep), oaep.label);
  if (lease.get() == nullptr) return call.outcome(false, CKR_HOST_MEMORY);
  std::size_t written = plaintext.size();
  const bool good = EVP_PKEY_decrypt(lease.get(), plaintext.data(), &written, ciphertext.data(),
                                     ciphertext.size()) == 1;
  if (good) {
    *length = written;
    return CKR_OK;
  }
  wipe(plaintext.data(), plaintext.size());
  return call.outcome(false, CKR_ENCRYPTED_DATA_INVALID);
}

}  // namespace unchecked

CK_RV rsa_pkcs1_sign(PrivateKey& key, Bytes digest_info, MutableBytes signature) {
  const CK_RV rv = ready(key, Algorithm::kRsaSignature);
  return rv != CKR_OK ? rv : unchecked::rsa_pkcs1_sign(key, digest_info, signature);
}

CK_RV rsa_pkcs1_sign(PrivateKey& key, Hash hash, Bytes message, MutableBytes signature) {
  const CK_RV rv = ready(key, hash);
  return rv != CKR_OK ? rv : unchecked::rsa_pkcs1_sign(key, hash, message, signature);
}

CK_RV rsa_pkcs1_verify(PublicKey& key, Bytes digest_info, Bytes signature) {
  const CK_RV rv = ready(key, Algorithm::kRsaSignature);
  return rv != CKR_OK ? rv : unchecked::rsa_pkcs1_verify(key, digest_info, signature);
}

CK_RV rsa_pkcs1_verify(PublicKey& key, Hash hash, Bytes message, Bytes signature) {
  const CK_RV rv = ready(key, hash);
  return rv != CKR_OK ? rv : unchecked::rsa_pkcs1_verify(key, hash, message, signature);
}

CK_RV rsa_pss_sign(PrivateKey& key, const Pss& pss, bool digest_given, Bytes data,
                   MutableBytes signature) {
  const CK_RV rv = ready(key, pss.hash);
  return rv != CKR_OK ? rv : unchecked::rsa_pss_sign(key, pss, digest_given, data, signature);
}

CK_RV rsa_pss_verify(PublicKey& key, const Pss& pss, bool digest_given, Bytes data,
                     Bytes signature) {
  const CK_RV rv = ready(key, pss.hash);
  return rv != CKR_OK ? rv : unchecked::rsa_pss_verify(key, pss, digest_given, data, signature);
}

CK_RV rsa_oaep_encrypt(PublicKey& key, const Oaep& oaep, Bytes plaintext, MutableBytes ciphertext) {
  const CK_RV rv = ready(key, Algorithm::kRsaOaep);
  return rv != CKR_OK ? rv : unchecked::rsa_oaep_encrypt(key, oaep, plaintext, ciphertext);
}

CK_RV rsa_oaep_decrypt(PrivateKey& key, const Oaep& oaep, Bytes ciphertext, MutableBytes plaintext,
                       std::size_t* length) {
  const CK_RV rv = ready(key, Algorithm::kRsaOaep);
  return rv != CKR_OK ? rv : unchecked::rsa_oaep_decrypt(key, oaep, ciphertext, plaintext, length);
}

}  // namespace strongroom::algorithms
