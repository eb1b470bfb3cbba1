import { expect, test } from 'vitest';
import { keySpecs } from '../../../src/api/key-specs.ts';

test('each row stands under its own name', () => {
  for (const [name, row] of Object.entries(keySpecs)) expect(row.keySpec).toBe(name);
});

test('only symmetric encryption keys have a default usage', () => {
  const defaults = Object.values(keySpecs).filter((row) => row.defaultUsage !== undefined);
  expect(defaults.map((row) => [row.keySpec, row.defaultUsage])).toEqual([
    ['SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT'],
  ]);
});

test('longest plaintexts under RSA are the documented ones', () => {
  const lengths = (['RSA_2048', 'RSA_3072', 'RSA_4096'] as const).map((name) => {
    const max = keySpecs[name].plaintextLengthMax;
    return [max?.RSAES_OAEP_SHA_1, max?.RSAES_OAEP_SHA_256];
  });
  expect(lengths).toEqual([
    [214, 190],
    [342, 318],
    [470, 446],
  ]);
});

test('what can be created here', () => {
  const built = Object.values(keySpecs).flatMap(({ keySpec, built }) => (built ? [keySpec] : []));
  expect(built).toEqual([
    'SYMMETRIC_DEFAULT',
    ...['RSA_2048', 'RSA_3072', 'RSA_4096'],
    ...['ECC_NIST_P256', 'ECC_NIST_P384', 'ECC_NIST_P521', 'ECC_SECG_P256K1'],
    ...['HMAC_224', 'HMAC_256', 'HMAC_384', 'HMAC_512'],
  ]);
});
