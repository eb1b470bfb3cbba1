// signatures.h: the families of signature mechanisms, one Scheme each.
#pragma once

#include "token/operations/common.h"

namespace strongroom::token::operations {

// One signature to be made or checked.
struct Signing {
  const MechanismRow& row;
  const Object& key;  // admitted for the mechanism
  const SignatureParameters& parameters;
};

struct SignatureScheme {
  // CKR_MECHANISM_PARAM_INVALID.
  CK_RV (*read)(const MechanismRow&, const CK_MECHANISM&, const Object& key, SignatureParameters*);
  std::size_t (*length)(const Signing&);  // of a signature, in bytes
  // CKR_DATA_LEN_RANGE, CKR_STRONGROOM_BUSY.
  CK_RV (*sign)(const Signing&, Bytes data, MutableBytes signature);
  // The signature has the right length. CKR_SIGNATURE_INVALID and those of sign.
  CK_RV (*verify)(const Signing&, Bytes data, Bytes signature);
};

// The length of a MAC: the longest there is, or what CK_MAC_GENERAL_PARAMS says, in bytes.
CK_RV read_mac_length(const CK_MECHANISM&, bool general, std::size_t longest, SignatureParameters*);
// Makes the MAC again and compares, in a time that does not depend on where they differ.
CK_RV verify_mac(CK_RV (*sign)(const Signing&, Bytes, MutableBytes), const Signing&, Bytes data,
                 Bytes mac);

extern const SignatureScheme kHmacScheme;      // hmac_signatures.cc
extern const SignatureScheme kCmacScheme;      // cmac_signatures.cc
extern const SignatureScheme kRsaPkcs1Scheme;  // rsa_signatures.cc
extern const SignatureScheme kRsaPssScheme;
extern const SignatureScheme kEcdsaScheme;  // ecdsa_signatures.cc

}  // namespace strongroom::token::operations
