// key_parts.h: keys of a pair as the attributes that PKCS#11 gives them (v3.2, 6.1.2, 6.1.3, 6.3.3,
// 6.3.4), taken apart and put together.
#pragma once

#include <memory>

#include "token/algorithms/asymmetric.h"
#include "token/templates.h"

namespace strongroom::token {

// The curve that CKA_EC_PARAMS names. CKR_CURVE_NOT_SUPPORTED: one this token does not have;
// CKR_DOMAIN_PARAMS_INVALID: explicit parameters, or no parameters at all.
CK_RV read_curve(Bytes parameters, algorithms::Curve* out);

// Sets what anyone may know of a pair, in its public or its private key.
void describe(const algorithms::PublicKey& key, CK_OBJECT_CLASS object_class, AttributeSet* set);

// A private part of a key: CKA_PRIVATE_EXPONENT to CKA_COEFFICIENT of an RSA key, CKA_VALUE of an
// EC key, big endian; CKA_VALUE is as long as the curve's order. Empty: it has no such part.
Bytes private_part(const algorithms::PrivateKey& key, CK_ATTRIBUTE_TYPE type);

// From CKA_MODULUS and CKA_PUBLIC_EXPONENT, or CKA_EC_PARAMS and CKA_EC_POINT.
// CKR_TEMPLATE_INCOMPLETE, CKR_ATTRIBUTE_VALUE_INVALID, CKR_CURVE_NOT_SUPPORTED,
// CKR_DOMAIN_PARAMS_INVALID.
CK_RV make_public_key(const AttributeSet& attributes, std::shared_ptr<algorithms::PublicKey>* out);

// From the private parts, too: the CRT numbers of an RSA key (all of them), CKA_VALUE of an EC key
// (6.1.3, 6.3.4). Answers as above; CKR_STRONGROOM_BUSY.
CK_RV make_private_key(const Template& parts, std::shared_ptr<algorithms::PrivateKey>* out);

}  // namespace strongroom::token
