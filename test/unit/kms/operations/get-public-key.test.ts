import { beforeEach, describe, expect, it } from 'vitest';
import { keySpecs } from '../../../../src/api/key-specs.ts';
import { arnOf, KmsHarness } from '../../../support/kms-harness.ts';

let kms: KmsHarness;
beforeEach(() => {
  kms = new KmsHarness();
});

describe('GetPublicKey', () => {
  it.each([
    ['RSA_2048', 'SIGN_VERIFY', 'SigningAlgorithms'],
    ['RSA_2048', 'ENCRYPT_DECRYPT', 'EncryptionAlgorithms'],
    ['ECC_NIST_P521', 'SIGN_VERIFY', 'SigningAlgorithms'],
    ['ECC_SECG_P256K1', 'SIGN_VERIFY', 'SigningAlgorithms'],
  ] as const)('of %s for %s', async (KeySpec, KeyUsage, member) => {
    const KeyId = await kms.createKey({ KeySpec, KeyUsage });
    const body = await kms.ok('GetPublicKey', { KeyId });
    expect(body).toEqual({
      KeyId: arnOf(KeyId),
      PublicKey: expect.any(String),
      CustomerMasterKeySpec: KeySpec,
      KeySpec,
      KeyUsage,
      [member]: keySpecs[KeySpec].algorithms[KeyUsage],
    });
    expect(Buffer.from(body.PublicKey, 'base64')).toHaveLength(keySpecs[KeySpec].publicKeyLength!);
    expect((await kms.ok('GetPublicKey', { KeyId })).PublicKey).toBe(body.PublicKey);
  });

  it('works on a disabled key, and not on one that is to be deleted', async () => {
    const KeyId = await kms.createKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
    await kms.ok('DisableKey', { KeyId });
    await kms.ok('GetPublicKey', { KeyId });
    await kms.ok('ScheduleKeyDeletion', { KeyId });
    expect(await kms.error('GetPublicKey', { KeyId })).toBe(
      `KMSInvalidStateException: ${arnOf(KeyId)} is pending deletion.`,
    );
  });

  it('refuses keys that have none', async () => {
    for (const input of [{}, { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' }]) {
      const KeyId = await kms.createKey(input);
      expect(await kms.error('GetPublicKey', { KeyId })).toBe('UnsupportedOperationException');
    }
  });
});
