// rsa_signatures.cc: RSASSA-PKCS1-v1_5 (6.1.6) and RSASSA-PSS (6.1.10), each of a digest that the
// caller made and of a message that is hashed here.
#include "token/operations/signatures.h"

namespace strongroom::token::operations {
namespace {

constexpr std::size_t kPkcs1PaddingBytes = 11;  // RFC 8017 9.2: at least

std::size_t modulus_length(const Signing& signing) {
  return (signing.key.public_key->bits() + 7) / 8;
}

CK_RV read_pkcs1(const MechanismRow&, const CK_MECHANISM& mechanism, const Object&,
                 SignatureParameters*) {
  return no_parameter(mechanism) ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

bool pkcs1_fits(const Signing& signing, Bytes data) {
  return signing.row.hash || data.size() + kPkcs1PaddingBytes <= modulus_length(signing);
}

CK_RV sign_pkcs1(const Signing& signing, Bytes data, MutableBytes signature) {
  if (!pkcs1_fits(signing, data)) return CKR_DATA_LEN_RANGE;
  algorithms::PrivateKey& key = *signing.key.private_key;
  return signing.row.hash ? algorithms::rsa_pkcs1_sign(key, *signing.row.hash, data, signature)
                          : algorithms::rsa_pkcs1_sign(key, data, signature);
}

CK_RV verify_pkcs1(const Signing& signing, Bytes data, Bytes signature) {
  if (!pkcs1_fits(signing, data)) return CKR_DATA_LEN_RANGE;
  algorithms::PublicKey& key = *signing.key.public_key;
  return signing.row.hash ? algorithms::rsa_pkcs1_verify(key, *signing.row.hash, data, signature)
                          : algorithms::rsa_pkcs1_verify(key, data, signature);
}

CK_RV read_pss(const MechanismRow& row, const CK_MECHANISM& mechanism, const Object& key,
               SignatureParameters* out) {
  CK_RSA_PKCS_PSS_PARAMS parameters;
  if (!read_parameter(mechanism.pParameter, mechanism.ulParameterLen, &parameters))
    return CKR_MECHANISM_PARAM_INVALID;
  const auto hash = hash_of(parameters.hashAlg);
  const auto mgf1 = hash_of_mgf1(parameters.mgf);
  if (!hash || !mgf1 || row.hash.value_or(*hash) != *hash) return CKR_MECHANISM_PARAM_INVALID;
  // RFC 8017 9.1.1: hash, salt and two octets in one bit less than the modulus has.
  const std::size_t encoded = (key.public_key->bits() + 6) / 8;
  const std::size_t beside_salt = algorithms::hash_length(*hash) + 2;
  if (encoded < beside_salt || parameters.sLen > encoded - beside_salt)
    return CKR_MECHANISM_PARAM_INVALID;
  out->pss = {*hash, *mgf1, parameters.sLen};
  return CKR_OK;
}

bool pss_fits(const Signing& signing, Bytes data) {
  return signing.row.hash || data.size() == algorithms::hash_length(signing.parameters.pss.hash);
}

CK_RV sign_pss(const Signing& signing, Bytes data, MutableBytes signature) {
  if (!pss_fits(signing, data)) return CKR_DATA_LEN_RANGE;
  return algorithms::rsa_pss_sign(*signing.key.private_key, signing.parameters.pss,
                                  !signing.row.hash, data, signature);
}

CK_RV verify_pss(const Signing& signing, Bytes data, Bytes signature) {
  if (!pss_fits(signing, data)) return CKR_DATA_LEN_RANGE;
  return algorithms::rsa_pss_verify(*signing.key.public_key, signing.parameters.pss,
                                    !signing.row.hash, data, signature);
}

}  // namespace

const SignatureScheme kRsaPkcs1Scheme = {read_pkcs1, modulus_length, sign_pkcs1, verify_pkcs1};
const SignatureScheme kRsaPssScheme = {read_pss, modulus_length, sign_pss, verify_pss};

}  // namespace strongroom::token::operations
