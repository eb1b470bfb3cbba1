import { beforeAll, describe, expect, it } from 'vitest';
import { keySpecs } from '../../../../src/api/key-specs.ts';
import { arnOf, base64, KmsHarness } from '../../../support/kms-harness.ts';
import { fromSpki, oaepEncrypt } from '../../../support/node-crypto.ts';

const kms = new KmsHarness();
const bytes = (text: string): Buffer => Buffer.from(text, 'base64');
const Plaintext = base64('attack at dawn');

describe.each(['RSA_2048', 'RSA_3072', 'RSA_4096'] as const)(
  'Encrypt and Decrypt with %s',
  (KeySpec) => {
    let KeyId: string;
    beforeAll(async () => {
      KeyId = await kms.createKey({ KeySpec, KeyUsage: 'ENCRYPT_DECRYPT' });
    });

    it.each(Object.entries(keySpecs[KeySpec].plaintextLengthMax ?? {}))(
      '%s: up to %i bytes',
      async (EncryptionAlgorithm, max) => {
        const algorithm = { KeyId, EncryptionAlgorithm };
        for (const length of [1, max]) {
          const plaintext = base64(Buffer.alloc(length, 7));
          const body = await kms.ok('Encrypt', { ...algorithm, Plaintext: plaintext });
          const { CiphertextBlob } = body;
          expect(body).toEqual({
            CiphertextBlob: expect.any(String),
            KeyId: arnOf(KeyId),
            EncryptionAlgorithm,
          });
          expect(bytes(CiphertextBlob)).toHaveLength(Number(KeySpec.slice(4)) / 8);
          expect(await kms.ok('Decrypt', { ...algorithm, CiphertextBlob })).toEqual({
            KeyId: arnOf(KeyId),
            Plaintext: plaintext,
            EncryptionAlgorithm,
          });
        }
        const tooLong = base64(Buffer.alloc(max + 1));
        expect(await kms.error('Encrypt', { ...algorithm, Plaintext: tooLong })).toBe(
          `ValidationException: Algorithm ${EncryptionAlgorithm} and key spec ${KeySpec} cannot encrypt data larger than ${max} bytes.`,
        );
      },
    );
  },
);

describe('an RSA key', () => {
  const EncryptionAlgorithm = 'RSAES_OAEP_SHA_256';
  let KeyId: string;
  let CiphertextBlob: string;
  beforeAll(async () => {
    KeyId = await kms.createKey({ KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' });
    const { PublicKey } = await kms.ok('GetPublicKey', { KeyId });
    const publicKey = fromSpki(bytes(PublicKey));
    CiphertextBlob = base64(oaepEncrypt(EncryptionAlgorithm, publicKey, bytes(Plaintext)));
  });

  it('decrypts what was encrypted elsewhere, and wipes the plaintext', async () => {
    const body = await kms.ok('Decrypt', { KeyId, EncryptionAlgorithm, CiphertextBlob });
    expect(body.Plaintext).toBe(Plaintext);
    expect(kms.keyStore.plaintexts.at(-1)?.every((byte) => byte === 0)).toBe(true);
    await kms.ok('Encrypt', { KeyId, EncryptionAlgorithm, Plaintext });
    expect(kms.keyStore.sealed.at(-1)?.every((byte) => byte === 0)).toBe(true);
  });

  it('decrypts nothing else', async () => {
    const changed = bytes(CiphertextBlob);
    changed[7]! ^= 1;
    for (const input of [
      { CiphertextBlob: base64(changed) },
      { CiphertextBlob: base64('x') },
      { CiphertextBlob: base64(bytes(CiphertextBlob).subarray(1)) },
      { EncryptionAlgorithm: 'RSAES_OAEP_SHA_1' },
    ])
      expect(
        await kms.error('Decrypt', { KeyId, EncryptionAlgorithm, CiphertextBlob, ...input }),
      ).toBe('InvalidCiphertextException');
  });

  it('needs to be told key and algorithm', async () => {
    expect(await kms.error('Decrypt', { EncryptionAlgorithm, CiphertextBlob })).toMatch(
      /^ValidationException: .*'keyId'/,
    );
    // What is no blob of a symmetric key is told so before anybody looks at the key.
    expect(await kms.error('Decrypt', { KeyId, CiphertextBlob })).toBe(
      'InvalidCiphertextException',
    );
    expect(await kms.error('Encrypt', { KeyId, Plaintext })).toBe(
      'InvalidKeyUsageException: Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.',
    );
  });

  it('takes no blob of a symmetric key', async () => {
    const symmetric = await kms.createKey();
    const blob = (await kms.ok('Encrypt', { KeyId: symmetric, Plaintext })).CiphertextBlob;
    expect(await kms.error('Decrypt', { KeyId, CiphertextBlob: blob })).toMatch(
      /^IncorrectKeyException/,
    );
    const input = { KeyId: symmetric, EncryptionAlgorithm, CiphertextBlob };
    expect(await kms.error('Decrypt', input)).toBe(
      `InvalidKeyUsageException: Algorithm ${EncryptionAlgorithm} is incompatible with key spec SYMMETRIC_DEFAULT.`,
    );
  });

  it('has nothing to bind an encryption context to', async () => {
    const EncryptionContext = { a: 'b' };
    for (const [operation, input] of [
      ['Encrypt', { Plaintext }],
      ['Decrypt', { CiphertextBlob }],
    ] as const) {
      const all = { KeyId, EncryptionAlgorithm, ...input };
      expect(await kms.error(operation, { ...all, EncryptionContext })).toBe(
        'ValidationException: EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.',
      );
      await kms.ok(operation, { ...all, EncryptionContext: {} });
    }
  });

  it.each(['GenerateDataKey', 'GenerateDataKeyWithoutPlaintext'])(
    'makes no %s',
    async (operation) => {
      expect(await kms.error(operation, { KeyId, KeySpec: 'AES_256' })).toBe(
        'InvalidKeyUsageException: You cannot generate a data key with an asymmetric CMK',
      );
    },
  );
});
