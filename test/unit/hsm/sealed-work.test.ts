/** Commands whose inner values stay in the token: sealed key pairs and re-encryption. */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type KeyPair,
  type KeyPairMechanism,
  type ObjectHandle,
  publicKeyTemplate,
  type Session,
  type Template,
} from '../../../src/hsm/index.ts';
import { ckr, curves, message, none, rsaPair } from '../../support/key-pairs.ts';
import {
  generateAesKey,
  generateSecret,
  type MemoryDevice,
  openMemoryDevice,
} from '../../support/memory-device.ts';

let under: MemoryDevice;
let session: Session;
beforeAll(async () => {
  under = await openMemoryDevice();
  ({ session } = under);
});
afterAll(() => under[Symbol.asyncDispose]());

describe('a sealed key pair', () => {
  const context = Buffer.from('additional data');
  let sealing: ObjectHandle;
  beforeAll(async () => {
    sealing = await generateSecret(session, { CKA_DERIVE: true });
  });

  it('opens to the PKCS #8 that was revealed, of the public key that was given', async () => {
    const cases: readonly (readonly [KeyPairMechanism, Template])[] = [
      ['CKM_RSA_PKCS_KEY_PAIR_GEN', { CKA_MODULUS_BITS: 2048 }],
      ...Object.values(curves).map(
        ({ parameters }) => ['CKM_EC_KEY_PAIR_GEN', { CKA_EC_PARAMS: parameters }] as const,
      ),
    ];
    for (const [mechanism, template] of cases) {
      const made = await session.sealKeyPair(mechanism, template, sealing, context, {
        reveal: true,
      });
      const opened = await session.open(
        sealing,
        made.sealed.subarray(0, 28),
        made.sealed.subarray(28, 44),
        context,
        made.sealed.subarray(44),
      );
      expect(Buffer.from(opened)).toEqual(Buffer.from(made.plaintext ?? none));
      const key = createPrivateKey({ key: Buffer.from(opened), format: 'der', type: 'pkcs8' });
      expect(createPublicKey(key).export({ format: 'der', type: 'spki' })).toEqual(
        Buffer.from(made.publicKeyInfo),
      );
      const hidden = await session.sealKeyPair(mechanism, template, sealing, context, {
        reveal: false,
      });
      expect(hidden.plaintext).toBeUndefined();
      expect(hidden.sealed.length).toBeGreaterThan(44);
    }
  }, 30_000);

  it('needs a key that may derive, and what a key pair needs', async () => {
    const template = { CKA_EC_PARAMS: curves.P256.parameters };
    const seal = (key: ObjectHandle, more: Template = template) =>
      ckr(session.sealKeyPair('CKM_EC_KEY_PAIR_GEN', more, key, context, { reveal: true }));
    expect(await seal(await generateSecret(session))).toBe('CKR_KEY_FUNCTION_NOT_PERMITTED');
    expect(await seal(await generateAesKey(session, { CKA_DERIVE: true }))).toBe(
      'CKR_KEY_TYPE_INCONSISTENT',
    );
    const other = await generateSecret(session, {
      CKA_DERIVE: true,
      CKA_ALLOWED_MECHANISMS: ['CKM_SP800_108_COUNTER_KDF'],
    });
    expect(await seal(other)).toBe('CKR_MECHANISM_INVALID');
    expect(await seal(99 as ObjectHandle)).toBe('CKR_KEY_HANDLE_INVALID');
    expect(await seal(sealing, {})).toBe('CKR_TEMPLATE_INCOMPLETE');
    expect(await seal(sealing, { CKA_EC_PARAMS: Buffer.of(5, 0) })).toBe(
      'CKR_DOMAIN_PARAMS_INVALID',
    );
  });
});

describe('re-encryption', () => {
  const [one, two] = [Buffer.from('one'), Buffer.from('two')];
  const seal = { mechanism: 'CKM_STRONGROOM_DERIVE_AES_GCM' } as const;
  const oaep = { mechanism: 'CKM_RSA_PKCS_OAEP', hash: 'SHA-256' } as const;
  let a: ObjectHandle;
  let b: ObjectHandle;
  let rsa: KeyPair;
  beforeAll(async () => {
    a = await generateSecret(session, { CKA_DERIVE: true });
    b = await generateSecret(session, { CKA_DERIVE: true });
    rsa = await rsaPair(session);
  }, 30_000);

  const sealedBy = async (key: ObjectHandle, additionalData: Uint8Array, plaintext: Uint8Array) => {
    const sealed = await session.seal(key, additionalData, plaintext);
    return {
      mechanism: { ...seal, nonce: sealed.subarray(0, 28), tag: sealed.subarray(28, 44) },
      key,
      additionalData,
      ciphertext: sealed.subarray(44),
    };
  };
  const opened = (key: ObjectHandle, additionalData: Uint8Array, sealed: Uint8Array) =>
    session.open(
      key,
      sealed.subarray(0, 28),
      sealed.subarray(28, 44),
      additionalData,
      sealed.subarray(44),
    );

  it('goes from either kind of key to either', async () => {
    for (const plaintext of [none, message, Buffer.alloc(4096, 5)]) {
      const output = await session.reEncrypt(await sealedBy(a, one, plaintext), {
        mechanism: seal,
        key: b,
        additionalData: two,
      });
      expect(Buffer.from(await opened(b, two, output))).toEqual(Buffer.from(plaintext));
    }
    const toRsa = await session.reEncrypt(await sealedBy(a, one, message), {
      mechanism: oaep,
      key: rsa.publicKey,
      additionalData: none,
    });
    expect(Buffer.from(await session.decrypt(oaep, rsa.privateKey, toRsa))).toEqual(message);
    const fromRsa = {
      mechanism: oaep,
      key: rsa.privateKey,
      additionalData: none,
      ciphertext: toRsa,
    };
    const back = await session.reEncrypt(fromRsa, { mechanism: seal, key: b, additionalData: two });
    expect(Buffer.from(await opened(b, two, back))).toEqual(message);
    const again = await session.reEncrypt(fromRsa, {
      mechanism: { ...oaep, hash: 'SHA-1' },
      key: rsa.publicKey,
      additionalData: none,
    });
    expect(
      Buffer.from(await session.decrypt({ ...oaep, hash: 'SHA-1' }, rsa.privateKey, again)),
    ).toEqual(message);
  });

  it('refuses what one of its halves would refuse', async () => {
    const source = await sealedBy(a, one, message);
    const destination = { mechanism: seal, key: b, additionalData: two } as const;
    const run = (from: Partial<typeof source>, to: object = {}) =>
      ckr(session.reEncrypt({ ...source, ...from }, { ...destination, ...to }));
    expect(await run({})).toBe('CKR_OK');
    expect(await run({ additionalData: two })).toBe('CKR_AEAD_DECRYPT_FAILED');
    expect(await run({ key: b })).toBe('CKR_AEAD_DECRYPT_FAILED');
    const signer = await generateSecret(session);
    expect(await run({ key: signer })).toBe('CKR_KEY_FUNCTION_NOT_PERMITTED');
    expect(await run({}, { key: signer })).toBe('CKR_KEY_FUNCTION_NOT_PERMITTED');
    expect(await run({}, { mechanism: oaep, key: rsa.privateKey, additionalData: none })).toBe(
      'CKR_KEY_TYPE_INCONSISTENT',
    );
    expect(await run({}, { mechanism: oaep, key: rsa.publicKey })).toBe('CKR_ARGUMENTS_BAD');
    const long = await sealedBy(a, one, Buffer.alloc(191));
    expect(await run(long, { mechanism: oaep, key: rsa.publicKey, additionalData: none })).toBe(
      'CKR_DATA_LEN_RANGE',
    );
    expect(
      await ckr(
        session.reEncrypt(
          {
            mechanism: oaep,
            key: rsa.privateKey,
            additionalData: none,
            ciphertext: Buffer.alloc(256, 1),
          },
          destination,
        ),
      ),
    ).toBe('CKR_ENCRYPTED_DATA_INVALID');
    expect(
      await ckr(
        session.reEncrypt(
          { mechanism: oaep, key: rsa.privateKey, additionalData: none, ciphertext: none },
          destination,
        ),
      ),
    ).toBe('CKR_ENCRYPTED_DATA_LEN_RANGE');
    const verifyOnly = await session.createObject({
      ...publicKeyTemplate(
        (await session.getAttributes(rsa.publicKey, ['CKA_PUBLIC_KEY_INFO'])).CKA_PUBLIC_KEY_INFO ??
          none,
      ),
      CKA_VERIFY: true,
    });
    expect(await run({}, { mechanism: oaep, key: verifyOnly, additionalData: none })).toBe(
      'CKR_KEY_FUNCTION_NOT_PERMITTED',
    );
  });
});
