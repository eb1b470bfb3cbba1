/**
 * A SubjectPublicKeyInfo (RFC 5280 4.1, DER) as the attributes that PKCS#11 makes a public key of (v3.2, 6.1.2 and 6.3.3).
 */
import type { Template } from './attributes.ts';
import { DerReader, TAG } from './der.ts';

/** Object identifiers, content only: rsaEncryption (RFC 8017 A.1), id-ecPublicKey (RFC 5480 2.1.1). */
const rsaEncryption = Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01);
const ecPublicKey = Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01);

const malformed = (): TypeError =>
  new TypeError('not the SubjectPublicKeyInfo of an RSA or EC key');
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Octets of an unsigned INTEGER without leading zeros. */
const unsigned = ({ content }: { content: Uint8Array }): Uint8Array =>
  content[0] === 0 ? content.subarray(1) : content;

/** An OCTET STRING of less than 256 octets. */
const octetString = (content: Uint8Array): Uint8Array =>
  content.length < 0x80
    ? Uint8Array.of(TAG.octetString, content.length, ...content)
    : Uint8Array.of(TAG.octetString, 0x81, content.length, ...content);

/**
 * CKA_CLASS, CKA_KEY_TYPE and the key itself: what createObject needs beside uses. TypeError when the bytes are no such key;
 * whether the numbers make one is for the token to say (CKR_ATTRIBUTE_VALUE_INVALID, CKR_CURVE_NOT_SUPPORTED).
 */
export function publicKeyTemplate(subjectPublicKeyInfo: Uint8Array): Template {
  const outer = new DerReader(subjectPublicKeyInfo, malformed);
  const fields = outer.enter(TAG.sequence);
  outer.end();
  const algorithm = fields.enter(TAG.sequence);
  const identifier = algorithm.take(TAG.objectIdentifier).content;
  const bits = fields.take(TAG.bitString).content;
  fields.end();
  if (bits[0] !== 0) throw malformed();
  const key = bits.subarray(1);
  if (same(identifier, rsaEncryption)) {
    const numbers = new DerReader(key, malformed).enter(TAG.sequence);
    return {
      CKA_CLASS: 'CKO_PUBLIC_KEY',
      CKA_KEY_TYPE: 'CKK_RSA',
      CKA_MODULUS: unsigned(numbers.take(TAG.integer)),
      CKA_PUBLIC_EXPONENT: unsigned(numbers.take(TAG.integer)),
    };
  }
  if (!same(identifier, ecPublicKey)) throw malformed();
  return {
    CKA_CLASS: 'CKO_PUBLIC_KEY',
    CKA_KEY_TYPE: 'CKK_EC',
    CKA_EC_PARAMS: algorithm.take(TAG.objectIdentifier).whole,
    CKA_EC_POINT: octetString(key),
  };
}
