#include "token/certificates.h"

#include "token/algorithms/der.h"
#include "token/mechanisms.h"

namespace strongroom::token {
namespace {

namespace der = algorithms::der;

constexpr CK_ULONG kCategoryMax = 3;        // unspecified, token user, authority, other entity
constexpr CK_ULONG kSecurityDomainMax = 3;  // unspecified, manufacturer, operator, third party

// SubjectPublicKeyInfo of a certificate (RFC 5280, 4.1), with its header. Empty: not a certificate.
Bytes key_info(Bytes certificate) {
  der::Reader outer(certificate);
  Bytes signed_certificate;
  Bytes body;
  if (!outer.element(der::kSequence, &signed_certificate) || !outer.empty()) return {};
  der::Reader parts(signed_certificate);
  if (!parts.element(der::kSequence, &body)) return {};
  der::Reader fields(body);
  Bytes skipped;
  if (fields.next_is(der::kContext0) && !fields.element(der::kContext0, &skipped)) return {};
  const bool before = fields.element(der::kInteger, &skipped) &&   // serialNumber
                      fields.element(der::kSequence, &skipped) &&  // signature
                      fields.element(der::kSequence, &skipped) &&  // issuer
                      fields.element(der::kSequence, &skipped) &&  // validity
                      fields.element(der::kSequence, &skipped);    // subject
  const Bytes rest = fields.rest();
  if (!before || !fields.element(der::kSequence, &skipped)) return {};
  return rest.first(rest.size() - fields.rest().size());
}

bool is_empty(const AttributeSet& set, CK_ATTRIBUTE_TYPE type) {
  const Attribute* item = set.find(type);
  return !item || item->value.empty();
}

}  // namespace

CK_RV complete_certificate(AttributeSet* set) {
  if (!set->has(CKA_CERTIFICATE_TYPE) || !set->has(CKA_SUBJECT)) return CKR_TEMPLATE_INCOMPLETE;
  if (set->number(CKA_CERTIFICATE_TYPE) != CKC_X_509) return CKR_ATTRIBUTE_VALUE_INVALID;
  set->set_default(CKA_PRIVATE, false);
  set->set_default(CKA_TRUSTED, false);
  set->set_default_number(CKA_CERTIFICATE_CATEGORY, 0);
  set->set_default_number(CKA_JAVA_MIDP_SECURITY_DOMAIN, 0);
  set->set_default_number(CKA_NAME_HASH_ALGORITHM, CKM_SHA_1);
  const bool valid = *set->number(CKA_CERTIFICATE_CATEGORY) <= kCategoryMax &&
                     *set->number(CKA_JAVA_MIDP_SECURITY_DOMAIN) <= kSecurityDomainMax &&
                     hash_of(*set->number(CKA_NAME_HASH_ALGORITHM)).has_value();
  return valid ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

CK_RV check_certificate_value(const AttributeSet& set, Bytes value) {
  if (is_empty(set, CKA_URL)) return value.empty() ? CKR_TEMPLATE_INCOMPLETE : CKR_OK;
  return is_empty(set, CKA_HASH_OF_SUBJECT_PUBLIC_KEY) ||
                 is_empty(set, CKA_HASH_OF_ISSUER_PUBLIC_KEY)
             ? CKR_TEMPLATE_INCOMPLETE
             : CKR_OK;
}

void describe_certificate(Bytes value, AttributeSet* set) {
  if (const Bytes info = key_info(value); !info.empty()) set->set(CKA_PUBLIC_KEY_INFO, info);
}

}  // namespace strongroom::token
