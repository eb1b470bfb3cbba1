import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ecdsaFromDer, ecdsaToDer } from '../../../src/keystore/ecdsa-signature.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const field = (last: number): Buffer => Buffer.concat([Buffer.alloc(31), Buffer.of(last)]);

describe('an ECDSA signature', () => {
  it.each([
    ['prime256v1', 32],
    ['secp384r1', 48],
    ['secp521r1', 66],
    ['secp256k1', 32],
  ])('has the DER of OpenSSL, %s', (namedCurve, length) => {
    const { privateKey: key } = generateKeyPairSync('ec', { namedCurve });
    for (let i = 0; i < 200; i += 1) {
      const der = sign('sha256', randomBytes(8), { key, dsaEncoding: 'der' });
      const numbers = ecdsaFromDer(der, length);
      expect(numbers).toHaveLength(2 * length);
      expect(Buffer.from(ecdsaToDer(numbers!)).toString('hex')).toBe(der.toString('hex'));
    }
  });

  it('has shortest numbers that are not negative', () => {
    for (const [r, s, der] of [
      [1, 0x7f, '3006 020101 02017f'],
      [0x80, 0xff, '3008 02020080 020200ff'],
      [0, 0, '3006 020100 020100'],
    ] as const) {
      const numbers = Buffer.concat([field(r), field(s)]);
      expect(Buffer.from(ecdsaToDer(numbers)).toString('hex')).toBe(der.replaceAll(' ', ''));
      expect(ecdsaFromDer(hex(der), 32)).toEqual(new Uint8Array(numbers));
    }
  });

  it('of 521 bits has a length of two bytes', () => {
    const numbers = Buffer.alloc(132, 0x7f);
    const der = Buffer.from(ecdsaToDer(numbers));
    expect(der.subarray(0, 5).toString('hex')).toBe('3081880242');
    expect(ecdsaFromDer(der, 66)).toEqual(new Uint8Array(numbers));
  });

  it.each([
    ['nothing', ''],
    ['no sequence', '3106 020101 020101'],
    ['a tag alone', '30'],
    ['no content', '3000'],
    ['one number', '3003 020101'],
    ['three numbers', '3009 020101 020101 020101'],
    ['something after it', '3006 020101 020101 00'],
    ['something after the numbers', '3007 020101 020101 00'],
    ['less than its length', '3007 020101 020101'],
    ['no integers', '3006 040101 040101'],
    ['an integer of no bytes', '3005 0200 020101'],
    ['an integer past its end', '3006 020101 020201'],
    ['a negative number', '3006 020181 020101'],
    ['a number with a zero too many', '3007 02020001 020101'],
    ['a zero with a zero too many', '3007 02020000 020101'],
    ['an indefinite length', '3080 020101 020101 0000'],
    ['a length in the long form', '308106 020101 020101'],
    ['a length with a leading zero', '30820006 020101 020101'],
    ['a length of a length', '30ff 020101 020101'],
    ['an integer with a length in the long form', '3007 02810101 020101'],
    ['a number longer than the field', `3026 0221 01${'00'.repeat(32)} 020101`],
  ])('is not %s', (_, der) => {
    expect(ecdsaFromDer(hex(der), 32)).toBeUndefined();
  });
});
