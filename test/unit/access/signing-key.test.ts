import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CredentialStore } from '../../../src/access/credential-store.ts';
import { deriveSigningKey, SigningKey, SigningKeyCache } from '../../../src/access/signing-key.ts';
import { accessKeyId, secretAccessKey } from './sign.ts';

const store = new CredentialStore();
store.addRoot('111122223333', { accessKeyId, secretAccessKey });
const credential = store.get(accessKeyId)!;

test('the published derivation example', () => {
  // AWS General Reference, "Examples of how to derive a signing key": c4afb1cc...a4b9.
  const published = 'c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9';
  const derived = deriveSigningKey(credential, '20150830/us-east-1/iam/aws4_request');
  expect(derived.mac('x')).toBe(new SigningKey(Buffer.from(published, 'hex')).mac('x'));
});

test('the published signature of the same example', () => {
  // AWS General Reference, "Signature Version 4 signing process", GET ListUsers.
  const text =
    'AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n' +
    'f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59';
  expect(deriveSigningKey(credential, '20150830/us-east-1/iam/aws4_request').mac(text)).toBe(
    '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
  );
});

test('equals HMAC-SHA-256 of node:crypto', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 64 }),
      fc.array(
        fc.string({
          unit: fc.nat({ max: 255 }).map((code) => String.fromCharCode(code)),
          maxLength: 512,
        }),
        { minLength: 1, maxLength: 3 },
      ),
      (key, texts) => {
        const signingKey = new SigningKey(key);
        // Long after short and short after long: nothing of an earlier text is left over.
        for (const text of texts) {
          const expected = createHmac('sha256', key).update(text, 'latin1').digest('hex');
          expect(signingKey.mac(text)).toBe(expected);
        }
      },
    ),
  );
  expect(() => new SigningKey(new Uint8Array(32)).mac('x'.repeat(513))).toThrow(RangeError);
});

test('the cache is bounded, and keeps what it has', () => {
  const cache = new SigningKeyCache();
  const scope = (i: number): string => `20260101/region-${i}/kms/aws4_request`;
  const first = cache.get(credential, scope(0));
  expect(cache.get(credential, scope(0))).toBe(first);
  for (let i = 1; i <= 1100; i++) cache.get(credential, scope(i));
  expect(cache.count(credential)).toBe(1024);
  expect(cache.get(credential, scope(0))).not.toBe(first);
  expect(cache.get(credential, scope(0)).mac('x')).toBe(first.mac('x'));
});
