import { createHmac } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { arnOf, base64, KmsHarness } from '../../../support/kms-harness.ts';

let kms: KmsHarness;
const Message = base64('some important message');
beforeEach(() => {
  kms = new KmsHarness();
});

const specs = [
  ['HMAC_224', 'HMAC_SHA_224', 28],
  ['HMAC_256', 'HMAC_SHA_256', 32],
  ['HMAC_384', 'HMAC_SHA_384', 48],
  ['HMAC_512', 'HMAC_SHA_512', 64],
] as const;

describe.each(specs)('MACs with %s', (KeySpec, MacAlgorithm, length) => {
  const newKey = () => kms.createKey({ KeySpec, KeyUsage: 'GENERATE_VERIFY_MAC' });

  it('answers a MAC, and knows it again', async () => {
    const KeyId = await newKey();
    const body = await kms.ok('GenerateMac', { KeyId, Message, MacAlgorithm });
    const { Mac } = body;
    expect(body).toEqual({ Mac: expect.any(String), MacAlgorithm, KeyId: arnOf(KeyId) });
    expect(Buffer.from(Mac, 'base64')).toHaveLength(length);
    expect(await kms.ok('VerifyMac', { KeyId, Message, MacAlgorithm, Mac })).toEqual({
      KeyId: arnOf(KeyId),
      MacValid: true,
      MacAlgorithm,
    });
  });

  it('answers no wrong MAC with anything but an error', async () => {
    const KeyId = await newKey();
    const { Mac } = await kms.ok('GenerateMac', { KeyId, Message, MacAlgorithm });
    const changed = Buffer.from(Mac, 'base64');
    changed[0]! ^= 1;
    const known = createHmac('sha256', '').update(Message).digest();
    for (const input of [
      { Message: base64('some different important message') },
      { Mac: base64(changed) },
      { Mac: base64(Buffer.from(Mac, 'base64').subarray(1)) },
      { Mac: base64(known) },
      { KeyId: await newKey() },
    ])
      expect(await kms.error('VerifyMac', { KeyId, Message, MacAlgorithm, Mac, ...input })).toBe(
        'KMSInvalidMacException',
      );
  });

  it('refuses the algorithms of other specs, and values that are none', async () => {
    const KeyId = await newKey();
    for (const operation of ['GenerateMac', 'VerifyMac']) {
      const input = { KeyId, Message, Mac: base64('x') };
      for (const [, other] of specs)
        if (other !== MacAlgorithm)
          expect(await kms.error(operation, { ...input, MacAlgorithm: other })).toBe(
            `InvalidKeyUsageException: Algorithm ${other} is incompatible with key spec ${KeySpec}.`,
          );
      expect(await kms.error(operation, { ...input, MacAlgorithm: 'INVALID' })).toMatch(
        /^ValidationException: 1 validation error detected: Value 'INVALID' at 'macAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: \[.*\]$/,
      );
    }
  });
});

describe.each(['GenerateMac', 'VerifyMac'])('%s', (operation) => {
  const input = { Message, MacAlgorithm: 'HMAC_SHA_256', Mac: base64('x') };

  it('refuses keys of other usages, and disabled ones', async () => {
    for (const [KeySpec, KeyUsage] of [
      ['SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT'],
      ['ECC_NIST_P256', 'SIGN_VERIFY'],
    ]) {
      const KeyId = await kms.createKey({ KeySpec, KeyUsage });
      expect(await kms.error(operation, { ...input, KeyId })).toBe(
        `InvalidKeyUsageException: ${arnOf(KeyId)} key usage is ${KeyUsage} which is not valid for ${operation}.`,
      );
    }
    const KeyId = await kms.createKey({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' });
    await kms.ok('DisableKey', { KeyId });
    expect(await kms.error(operation, { ...input, KeyId })).toBe(
      `DisabledException: ${arnOf(KeyId)} is disabled.`,
    );
  });

  it('is recorded without message and MAC', async () => {
    const KeyId = await kms.createKey({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' });
    await kms.call(operation, { ...input, KeyId });
    expect(kms.events.at(-1)?.parameters).toEqual({ keyId: KeyId, macAlgorithm: 'HMAC_SHA_256' });
    expect(await kms.error(operation, { ...input, KeyId, DryRun: true })).toMatch(
      /^DryRunOperationException/,
    );
  });
});
