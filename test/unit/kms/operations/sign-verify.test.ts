import { createHash } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keySpecs } from '../../../../src/api/key-specs.ts';
import { arnOf, base64, KmsHarness } from '../../../support/kms-harness.ts';
import { fromSpki, isSignature } from '../../../support/node-crypto.ts';

let kms: KmsHarness;
const Message = base64('a message');
const bytes = (text: string): Buffer => Buffer.from(text, 'base64');

describe.each([
  'RSA_2048',
  'ECC_NIST_P256',
  'ECC_NIST_P384',
  'ECC_NIST_P521',
  'ECC_SECG_P256K1',
] as const)('Sign and Verify with %s', (KeySpec) => {
  const algorithms = keySpecs[KeySpec].algorithms.SIGN_VERIFY ?? [];
  let KeyId: string;
  let publicKey: ReturnType<typeof fromSpki>;
  beforeAll(async () => {
    kms = new KmsHarness();
    KeyId = await kms.createKey({ KeySpec, KeyUsage: 'SIGN_VERIFY' });
    publicKey = fromSpki(bytes((await kms.ok('GetPublicKey', { KeyId })).PublicKey));
  });

  it.each(algorithms)(
    '%s: answers a signature that node:crypto verifies',
    async (SigningAlgorithm) => {
      const body = await kms.ok('Sign', { KeyId, Message, SigningAlgorithm });
      const { Signature } = body;
      expect(body).toEqual({
        KeyId: arnOf(KeyId),
        Signature: expect.any(String),
        SigningAlgorithm,
      });
      expect(
        isSignature(SigningAlgorithm as never, publicKey, bytes(Message), bytes(Signature)),
      ).toBe(true);
      expect(await kms.ok('Verify', { KeyId, Message, SigningAlgorithm, Signature })).toEqual({
        KeyId: arnOf(KeyId),
        SignatureValid: true,
        SigningAlgorithm,
      });
    },
  );

  it.each(algorithms)('%s: takes the digest for the message', async (SigningAlgorithm) => {
    const hash = `sha${SigningAlgorithm.slice(-3)}`;
    const Digest = base64(createHash(hash).update(bytes(Message)).digest());
    const digest = { KeyId, Message: Digest, MessageType: 'DIGEST', SigningAlgorithm };
    const raw = { KeyId, Message, MessageType: 'RAW', SigningAlgorithm };
    for (const [signed, verified] of [
      [digest, raw],
      [raw, digest],
    ]) {
      const { Signature } = await kms.ok('Sign', signed);
      await kms.ok('Verify', { ...verified, Signature });
    }
    for (const operation of ['Sign', 'Verify'])
      for (const length of [1, 31, 33, 128])
        expect(
          await kms.error(operation, {
            ...digest,
            Message: base64(Buffer.alloc(length)),
            ...(operation === 'Verify' && { Signature: base64('x') }),
          }),
        ).toBe(`ValidationException: Digest is invalid length for algorithm ${SigningAlgorithm}.`);
  });

  it('refuses algorithms of other key specs, and says what those of messages are not for', async () => {
    const other = KeySpec.startsWith('RSA') ? 'ECDSA_SHA_256' : 'RSASSA_PSS_SHA_256';
    for (const SigningAlgorithm of [other, 'ML_DSA_SHAKE_256', 'ED25519_SHA_512', 'SM2DSA'])
      for (const operation of ['Sign', 'Verify'])
        expect(
          await kms.error(operation, { KeyId, Message, SigningAlgorithm, Signature: base64('x') }),
        ).toBe(
          `InvalidKeyUsageException: Algorithm ${SigningAlgorithm} is incompatible with key spec ${KeySpec}.`,
        );
    const input = { KeyId, Message, MessageType: 'EXTERNAL_MU', SigningAlgorithm: algorithms[0] };
    expect(await kms.error('Sign', input)).toMatch(/^ValidationException: /);
  });

  it('answers no wrong signature with anything but an error', async () => {
    const [SigningAlgorithm] = algorithms;
    const { Signature } = await kms.ok('Sign', { KeyId, Message, SigningAlgorithm });
    const changed = bytes(Signature);
    changed[9]! ^= 1;
    for (const input of [
      { Message: base64('another message') },
      { Signature: base64(changed) },
      { Signature: base64(bytes(Signature).subarray(1)) },
      { Signature: base64('x') },
    ])
      expect(
        await kms.error('Verify', { KeyId, Message, SigningAlgorithm, Signature, ...input }),
      ).toBe('KMSInvalidSignatureException');
  });
});

describe.each(['Sign', 'Verify'])('%s', (operation) => {
  let KeyId: string;
  let input: object;
  beforeEach(async () => {
    kms = new KmsHarness();
    const spec = { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' };
    KeyId = await kms.createKey(spec);
    const signed = { KeyId, Message, SigningAlgorithm: 'ECDSA_SHA_256' };
    const { Signature } = await kms.ok('Sign', signed);
    input = operation === 'Sign' ? signed : { ...signed, Signature };
  });

  it('refuses keys of other usages, and disabled ones', async () => {
    const ecc = KeyId;
    for (const [KeySpec, KeyUsage] of [
      ['SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT'],
      ['RSA_2048', 'ENCRYPT_DECRYPT'],
      ['HMAC_256', 'GENERATE_VERIFY_MAC'],
    ]) {
      const other = await kms.createKey({ KeySpec, KeyUsage });
      expect(await kms.error(operation, { ...input, KeyId: other })).toBe(
        `InvalidKeyUsageException: ${arnOf(other)} key usage is ${KeyUsage} which is not valid for ${operation}.`,
      );
    }
    await kms.ok('DisableKey', { KeyId: ecc });
    expect(await kms.error(operation, input)).toBe(`DisabledException: ${arnOf(ecc)} is disabled.`);
  });

  it('takes messages of 1 to 4,096 bytes', async () => {
    const text =
      "1 validation error detected: Value at 'message' failed to satisfy constraint: Member must have length";
    const long = base64(Buffer.alloc(4097));
    expect(await kms.error(operation, { ...input, Message: long })).toBe(
      `ValidationException: ${text} less than or equal to 4096`,
    );
    expect(await kms.error(operation, { ...input, Message: '' })).toBe(
      `ValidationException: ${text} greater than or equal to 1`,
    );
    if (operation === 'Sign')
      await kms.ok(operation, { ...input, Message: base64(Buffer.alloc(4096)) });
  });

  it('does nothing in a dry run, after all checks', async () => {
    const { useCount } = kms.keyStore;
    expect(await kms.error(operation, { ...input, DryRun: true })).toMatch(
      /^DryRunOperationException/,
    );
    const wrong = { ...input, SigningAlgorithm: 'ECDSA_SHA_512', DryRun: true };
    expect(await kms.error(operation, wrong)).toMatch(/^InvalidKeyUsageException/);
    expect(kms.keyStore.useCount).toBe(useCount);
  });

  it('is recorded with its key and algorithm, without message and signature', async () => {
    await kms.ok(operation, { ...input, MessageType: 'RAW' });
    expect(kms.events.at(-1)).toMatchObject({
      operation,
      readOnly: true,
      resources: [arnOf(KeyId)],
    });
    expect(kms.events.at(-1)?.parameters).toEqual({
      keyId: KeyId,
      messageType: 'RAW',
      signingAlgorithm: 'ECDSA_SHA_256',
    });
  });
});
