// certificates.h: what the token asks of X.509 certificate objects and reads in them (PKCS#11 v3.2,
// 4.6). A certificate is kept as it was given: whether it is well formed, or true, is for those who
// rely on it.
#pragma once

#include "token/attributes.h"

namespace strongroom::token {

// Attributes with which a certificate can be made, its value aside, and the defaults of those that
// are left out. CKR_TEMPLATE_INCOMPLETE, CKR_ATTRIBUTE_VALUE_INVALID (among them every certificate
// type but CKC_X_509).
CK_RV complete_certificate(AttributeSet* set);

// The rules that tie value, CKA_URL and the hashes of keys together. CKR_TEMPLATE_INCOMPLETE.
CK_RV check_certificate_value(const AttributeSet& set, Bytes value);

// CKA_PUBLIC_KEY_INFO, from the certificate if it is one.
void describe_certificate(Bytes value, AttributeSet* set);

}  // namespace strongroom::token
