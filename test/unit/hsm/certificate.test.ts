import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { certificateTemplate } from '../../../src/hsm/index.ts';

/** One value: tag, length, content. */
function der(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.concat(content);
  const length =
    bytes.length < 0x80 ? [bytes.length] : [0x82, bytes.length >> 8, bytes.length & 0xff];
  return Uint8Array.of(tag, ...length, ...bytes);
}

const text = (tag: number, value: string): Uint8Array => der(tag, Buffer.from(value, 'latin1'));
/** A distinguished name of one common name. */
const name = (value: string): Uint8Array =>
  der(0x30, der(0x31, der(0x30, Buffer.from('0603550403', 'hex'), text(0x0c, value))));
const algorithm = der(0x30, Buffer.from('06082a8648ce3d040302', 'hex'));
const serial = der(0x02, Uint8Array.of(0, 0x80, 1));
const validity = der(0x30, text(0x17, '260101000000Z'), text(0x17, '270101000000Z'));
const keyInfo = der(
  0x30,
  der(0x30, Buffer.from('06072a8648ce3d0201', 'hex'), Buffer.from('06082a8648ce3d030107', 'hex')),
  // The base point of P-256.
  Buffer.from(
    '034200046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
    'hex',
  ),
);
const version = der(0xa0, Buffer.from('020102', 'hex'));
const certificate = (...fields: readonly Uint8Array[]): Uint8Array =>
  der(0x30, der(0x30, ...fields), algorithm, der(0x03, Uint8Array.of(0, 0x30, 0)));
const fields = [serial, algorithm, name('issuer'), validity, name('subject'), keyInfo];

describe('a certificate as a template', () => {
  it.each([
    ['of version 3', certificate(version, ...fields)],
    ['of version 1', certificate(...fields)],
  ])('%s has its names and number as they stand in it', (_, bytes) => {
    // The test's own certificate is one to others, too.
    expect(new X509Certificate(bytes)).toMatchObject({
      subject: 'CN=subject',
      issuer: 'CN=issuer',
      serialNumber: '8001',
    });
    expect(certificateTemplate(bytes)).toEqual({
      CKA_CLASS: 'CKO_CERTIFICATE',
      CKA_CERTIFICATE_TYPE: 0,
      CKA_SUBJECT: name('subject'),
      CKA_ISSUER: name('issuer'),
      CKA_SERIAL_NUMBER: serial,
      CKA_VALUE: bytes,
    });
  });

  const good = certificate(version, ...fields);
  it.each([
    ['nothing', new Uint8Array(0)],
    ['one cut short', good.subarray(0, good.length - 1)],
    ['one with something behind it', Buffer.concat([good, Uint8Array.of(0)])],
    ['one without a subject', certificate(version, ...fields.slice(0, 4))],
    ['a public key', keyInfo],
    ['an indefinite length', Uint8Array.of(0x30, 0x80, 0, 0)],
  ])('is not made of %s', (_, bytes) => {
    expect(() => certificateTemplate(bytes)).toThrow(new TypeError('not an X.509 certificate'));
  });
});
