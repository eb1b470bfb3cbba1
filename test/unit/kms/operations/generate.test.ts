import { beforeEach, describe, expect, it } from 'vitest';
import { blobLength } from '../../../../src/kms/ciphertext-blob.ts';
import { arnOf, base64, KmsHarness } from '../../../support/kms-harness.ts';

let kms: KmsHarness;
let KeyId: string;

beforeEach(async () => {
  kms = new KmsHarness();
  KeyId = await kms.createKey();
});

describe.each(['GenerateDataKey', 'GenerateDataKeyWithoutPlaintext'])('%s', (operation) => {
  const reveals = operation === 'GenerateDataKey';

  it.each([
    [{ KeySpec: 'AES_256' }, 32],
    [{ KeySpec: 'AES_128' }, 16],
    [{ NumberOfBytes: 1 }, 1],
    [{ NumberOfBytes: 64 }, 64],
    [{ NumberOfBytes: 1024 }, 1024],
  ])('makes a data key: %j', async (input, length) => {
    const EncryptionContext = { a: 'b' };
    const { KeyMetadata } = await kms.ok('DescribeKey', { KeyId });
    const body = await kms.ok(operation, { KeyId, ...input, EncryptionContext });
    const { CiphertextBlob, Plaintext, ...others } = body;
    expect(others).toEqual({
      KeyId: arnOf(KeyId),
      KeyMaterialId: KeyMetadata.CurrentKeyMaterialId,
    });
    expect(Buffer.from(CiphertextBlob, 'base64')).toHaveLength(blobLength(length));
    const decrypted = (await kms.ok('Decrypt', { CiphertextBlob, EncryptionContext })).Plaintext;
    expect(Buffer.from(decrypted, 'base64')).toHaveLength(length);
    if (reveals) expect(Plaintext).toBe(decrypted);
    else expect(body).not.toHaveProperty('Plaintext');
  });

  it('wants exactly one of KeySpec and NumberOfBytes', async () => {
    for (const input of [{}, { KeySpec: 'AES_256', NumberOfBytes: 32 }])
      expect(await kms.error(operation, { KeyId, ...input })).toBe(
        'ValidationException: Please specify either number of bytes or key spec.',
      );
    for (const input of [{ KeySpec: 'AES_192' }, { NumberOfBytes: 0 }, { NumberOfBytes: 1025 }])
      expect(await kms.error(operation, { KeyId, ...input })).toMatch(
        /^ValidationException: 1 validation error/,
      );
  });

  it('hands no plaintext around that it does not wipe', async () => {
    await kms.ok(operation, { KeyId, KeySpec: 'AES_256' });
    expect(kms.keyStore.plaintexts).toEqual(reveals ? [Buffer.alloc(32)] : []);
  });
});

it('GenerateDataKey refuses a recipient', async () => {
  const Recipient = { AttestationDocument: base64('x') };
  expect(await kms.error('GenerateDataKey', { KeyId, KeySpec: 'AES_256', Recipient })).toBe(
    'UnsupportedOperationException: Recipient is not supported by this version.',
  );
});

describe('GenerateRandom', () => {
  it('answers as many bytes as asked for, other ones each time, and wipes them', async () => {
    for (const NumberOfBytes of [1, 1024]) {
      const { Plaintext, ...others } = await kms.ok('GenerateRandom', { NumberOfBytes });
      expect(Buffer.from(Plaintext, 'base64')).toHaveLength(NumberOfBytes);
      expect(others).toEqual({});
    }
    const [a, b] = [
      await kms.ok('GenerateRandom', { NumberOfBytes: 16 }),
      await kms.ok('GenerateRandom', { NumberOfBytes: 16 }),
    ];
    expect(a.Plaintext).not.toBe(b.Plaintext);
    expect(kms.keyStore.plaintexts.every((bytes) => bytes.every((byte) => byte === 0))).toBe(true);
  });

  it.each([
    [{}, 'ValidationException: NumberOfBytes is required.'],
    [
      { NumberOfBytes: 0 },
      "ValidationException: 1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1",
    ],
    [
      { NumberOfBytes: 1025 },
      "ValidationException: 1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024",
    ],
    [{ NumberOfBytes: 1, CustomKeyStoreId: 'cks-1' }, 'CustomKeyStoreNotFoundException'],
    [
      { NumberOfBytes: 1, Recipient: {} },
      'UnsupportedOperationException: Recipient is not supported by this version.',
    ],
  ])('refuses %j', async (input, refusal) => {
    expect(await kms.error('GenerateRandom', input)).toBe(refusal);
  });

  it('is recorded without parameters', async () => {
    await kms.ok('GenerateRandom', { NumberOfBytes: 8 });
    expect(kms.events.at(-1)).not.toHaveProperty('parameters');
    expect(kms.events.at(-1)).not.toHaveProperty('resources');
  });
});
