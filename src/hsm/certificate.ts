/**
 * An X.509 certificate (RFC 5280 4.1, DER) as the attributes that PKCS#11 makes a certificate object of (v3.2, 4.6.3).
 */
import type { Template } from './attributes.ts';
import { CKC } from './constants.ts';
import { DerReader, TAG } from './der.ts';

/**
 * CKA_CLASS, CKA_CERTIFICATE_TYPE, CKA_VALUE and the names in it: what createObject needs. TypeError when the bytes are
 * no certificate; nothing in it is verified.
 */
export function certificateTemplate(der: Uint8Array): Template {
  const outer = new DerReader(der, () => new TypeError('not an X.509 certificate'));
  const certificate = outer.enter(TAG.sequence);
  outer.end();
  const fields = certificate.enter(TAG.sequence);
  if (fields.isNext(TAG.context0)) fields.take(TAG.context0); // version
  const serialNumber = fields.take(TAG.integer).whole;
  fields.take(TAG.sequence); // signature algorithm
  const issuer = fields.take(TAG.sequence).whole;
  fields.take(TAG.sequence); // validity
  const subject = fields.take(TAG.sequence).whole;
  fields.take(TAG.sequence); // subjectPublicKeyInfo
  return {
    CKA_CLASS: 'CKO_CERTIFICATE',
    CKA_CERTIFICATE_TYPE: CKC.CKC_X_509,
    CKA_SUBJECT: subject,
    CKA_ISSUER: issuer,
    CKA_SERIAL_NUMBER: serialNumber,
    CKA_VALUE: der,
  };
}
