// ecdsa_signatures.cc: ECDSA (6.3.12, 6.3.13): r and s, each as long as a coordinate.
#include "token/operations/signatures.h"

namespace strongroom::token::operations {
namespace {

CK_RV read(const MechanismRow&, const CK_MECHANISM& mechanism, const Object&,
           SignatureParameters*) {
  return no_parameter(mechanism) ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

std::size_t length(const Signing& signing) {
  return 2 * algorithms::field_length(signing.key.public_key->curve());
}

bool fits(const Signing& signing, Bytes data) {
  return signing.row.hash || (!data.empty() && data.size() <= algorithms::kHashBytesMax);
}

CK_RV sign(const Signing& signing, Bytes data, MutableBytes signature) {
  if (!fits(signing, data)) return CKR_DATA_LEN_RANGE;
  algorithms::PrivateKey& key = *signing.key.private_key;
  return signing.row.hash ? algorithms::ecdsa_sign(key, *signing.row.hash, data, signature)
                          : algorithms::ecdsa_sign(key, data, signature);
}

CK_RV verify(const Signing& signing, Bytes data, Bytes signature) {
  if (!fits(signing, data)) return CKR_DATA_LEN_RANGE;
  algorithms::PublicKey& key = *signing.key.public_key;
  return signing.row.hash ? algorithms::ecdsa_verify(key, *signing.row.hash, data, signature)
                          : algorithms::ecdsa_verify(key, data, signature);
}

}  // namespace

const SignatureScheme kEcdsaScheme = {read, length, sign, verify};

}  // namespace strongroom::token::operations
