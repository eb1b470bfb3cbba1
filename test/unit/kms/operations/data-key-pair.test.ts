import { createPrivateKey, createPublicKey } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { arnOf, base64, KmsHarness } from '../../../support/kms-harness.ts';
import { spki } from '../../../support/node-crypto.ts';

let kms: KmsHarness;
let KeyId: string;
beforeEach(async () => {
  kms = new KmsHarness();
  KeyId = await kms.createKey();
});

describe.each(['GenerateDataKeyPair', 'GenerateDataKeyPairWithoutPlaintext'])('%s', (operation) => {
  const reveals = operation === 'GenerateDataKeyPair';

  it.each(['RSA_2048', 'ECC_NIST_P256', 'ECC_NIST_P384', 'ECC_NIST_P521', 'ECC_SECG_P256K1'])(
    'makes a pair of %s',
    async (KeyPairSpec) => {
      const EncryptionContext = { a: 'b' };
      const { KeyMetadata } = await kms.ok('DescribeKey', { KeyId });
      const body = await kms.ok(operation, { KeyId, KeyPairSpec, EncryptionContext });
      const { PrivateKeyCiphertextBlob, PrivateKeyPlaintext, PublicKey, ...others } = body;
      expect(others).toEqual({
        KeyId: arnOf(KeyId),
        KeyPairSpec,
        KeyMaterialId: KeyMetadata.CurrentKeyMaterialId,
      });
      const CiphertextBlob = PrivateKeyCiphertextBlob;
      const { Plaintext } = await kms.ok('Decrypt', { CiphertextBlob, EncryptionContext });
      if (reveals) expect(PrivateKeyPlaintext).toBe(Plaintext);
      else expect(body).not.toHaveProperty('PrivateKeyPlaintext');
      const key = Buffer.from(Plaintext, 'base64');
      const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
      expect(base64(spki(createPublicKey(privateKey)))).toBe(PublicKey);
      expect(await kms.error('Decrypt', { CiphertextBlob })).toBe('InvalidCiphertextException');
    },
  );

  it('hands no private key around that it does not wipe', async () => {
    await kms.ok(operation, { KeyId, KeyPairSpec: 'ECC_NIST_P256' });
    const { plaintexts } = kms.keyStore;
    expect(plaintexts).toHaveLength(reveals ? 1 : 0);
    expect(plaintexts.every((key) => key.every((byte) => byte === 0))).toBe(true);
  });

  it('says what it cannot make', async () => {
    for (const KeyPairSpec of ['ECC_NIST_EDWARDS25519', 'ML_KEM_512', 'SM2'])
      expect(await kms.error(operation, { KeyId, KeyPairSpec })).toBe(
        `UnsupportedOperationException: KeyPairSpec ${KeyPairSpec} is not supported by this version.`,
      );
    expect(await kms.error(operation, { KeyId, KeyPairSpec: 'HMAC_256' })).toMatch(
      /^ValidationException: .*'keyPairSpec'/,
    );
    expect(await kms.error(operation, { KeyId })).toMatch(/^ValidationException: .*'keyPairSpec'/);
  });

  it('wants a symmetric key that encrypts', async () => {
    const rsa = await kms.createKey({ KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' });
    expect(await kms.error(operation, { KeyId: rsa, KeyPairSpec: 'ECC_NIST_P256' })).toBe(
      'InvalidKeyUsageException: You cannot generate a data key with an asymmetric CMK',
    );
    const signing = await kms.createKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
    expect(await kms.error(operation, { KeyId: signing, KeyPairSpec: 'ECC_NIST_P256' })).toBe(
      `InvalidKeyUsageException: ${arnOf(signing)} key usage is SIGN_VERIFY which is not valid for ${operation}.`,
    );
  });

  it('does nothing in a dry run, and nothing with a disabled key', async () => {
    const input = { KeyId, KeyPairSpec: 'RSA_2048' };
    const { useCount } = kms.keyStore;
    expect(await kms.error(operation, { ...input, DryRun: true })).toBe(
      'DryRunOperationException: The request would have succeeded, but the DryRun option is set.',
    );
    expect(kms.keyStore.useCount).toBe(useCount);
    await kms.ok('DisableKey', { KeyId });
    expect(await kms.error(operation, input)).toBe(
      `DisabledException: ${arnOf(KeyId)} is disabled.`,
    );
  });

  it('is recorded with its parameters alone', async () => {
    await kms.ok(operation, { KeyId, KeyPairSpec: 'ECC_NIST_P256' });
    expect(kms.events.at(-1)?.parameters).toEqual({ keyId: KeyId, keyPairSpec: 'ECC_NIST_P256' });
  });
});

it('GenerateDataKeyPair refuses a recipient', async () => {
  const Recipient = { AttestationDocument: base64('x') };
  const input = { KeyId, KeyPairSpec: 'ECC_NIST_P256', Recipient };
  expect(await kms.error('GenerateDataKeyPair', input)).toBe(
    'UnsupportedOperationException: Recipient is not supported by this version.',
  );
});
