// ciphers.h: the families of single-part encryption mechanisms, one Scheme each.
#pragma once

#include "token/operations/common.h"

namespace strongroom::token::operations {

// One message to be encrypted or decrypted.
struct Ciphering {
  const Object& key;  // admitted for the mechanism
  const CipherParameters& parameters;
};

struct CipherScheme {
  // CKR_MECHANISM_PARAM_INVALID.
  CK_RV (*read)(const CK_MECHANISM&, CipherParameters*);
  // The conventions of 5.2 for output and length. Data and output may be the same.
  using Run = CK_RV(const Ciphering&, Bytes data, CK_BYTE* out, CK_ULONG* out_len);
  // CKR_DATA_LEN_RANGE.
  Run* encrypt;
  // CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE.
  Run* decrypt;
};

extern const CipherScheme kGcmScheme;   // gcm_cipher.cc
extern const CipherScheme kOaepScheme;  // oaep_cipher.cc

}  // namespace strongroom::token::operations
