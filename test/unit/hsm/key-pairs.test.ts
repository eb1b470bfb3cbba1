/** Key pairs through a session: generated, made of their parts, signing and encrypting; checked by node:crypto and @noble/curves. */
import {
  constants,
  createPublicKey,
  createVerify,
  hash as digestOf,
  generateKeyPairSync,
  type KeyObject,
  verify as nodeVerify,
  publicEncrypt,
} from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type KeyPair,
  publicKeyTemplate,
  type Session,
  type Template,
} from '../../../src/hsm/index.ts';
import {
  type CurveName,
  ckr,
  curves,
  ecPair,
  hashes,
  message,
  nodeKey,
  none,
  rsaPair,
} from '../../support/key-pairs.ts';
import { type MemoryDevice, openMemoryDevice } from '../../support/memory-device.ts';

let under: MemoryDevice;
let session: Session;
beforeAll(async () => {
  under = await openMemoryDevice();
  ({ session } = under);
});
afterAll(() => under[Symbol.asyncDispose]());

describe('an EC key pair', () => {
  for (const name of Object.keys(curves) as CurveName[]) {
    const { noble, width } = curves[name];

    it(`of ${name} says what it is`, async () => {
      const { publicKey, privateKey } = await ecPair(session, name);
      const has = await session.getAttributes(publicKey, [
        'CKA_CLASS',
        'CKA_KEY_TYPE',
        'CKA_EC_POINT',
        'CKA_PRIVATE',
        'CKA_VERIFY',
        'CKA_ENCRYPT',
        'CKA_LOCAL',
        'CKA_KEY_GEN_MECHANISM',
      ]);
      expect(has).toMatchObject({
        CKA_CLASS: 'CKO_PUBLIC_KEY',
        CKA_KEY_TYPE: 'CKK_EC',
        CKA_PRIVATE: false,
        CKA_VERIFY: true,
        CKA_ENCRYPT: false,
        CKA_LOCAL: true,
        CKA_KEY_GEN_MECHANISM: 'CKM_EC_KEY_PAIR_GEN',
      });
      const point = Buffer.from(has.CKA_EC_POINT ?? none);
      expect(point.subarray(-2 * width - 1)[0]).toBe(4);
      expect(() =>
        noble.Point.fromBytes(point.subarray(-2 * width - 1)).assertValidity(),
      ).not.toThrow();
      const secret = await session.getAttributes(privateKey, [
        'CKA_CLASS',
        'CKA_EC_PARAMS',
        'CKA_SENSITIVE',
        'CKA_EXTRACTABLE',
        'CKA_ALWAYS_SENSITIVE',
        'CKA_NEVER_EXTRACTABLE',
        'CKA_SIGN',
        'CKA_VALUE',
        'CKA_PUBLIC_KEY_INFO',
      ]);
      expect(secret).toMatchObject({
        CKA_CLASS: 'CKO_PRIVATE_KEY',
        CKA_SENSITIVE: true,
        CKA_EXTRACTABLE: false,
        CKA_ALWAYS_SENSITIVE: true,
        CKA_NEVER_EXTRACTABLE: true,
        CKA_SIGN: true,
        CKA_VALUE: undefined,
      });
      expect(Buffer.from(secret.CKA_EC_PARAMS ?? none)).toEqual(curves[name].parameters);
      expect(secret.CKA_PUBLIC_KEY_INFO).toEqual(
        (await session.getAttributes(publicKey, ['CKA_PUBLIC_KEY_INFO'])).CKA_PUBLIC_KEY_INFO,
      );
    });

    it(`of ${name} signs what others verify, and the reverse`, async () => {
      const { publicKey, privateKey } = await ecPair(session, name);
      const key = await nodeKey(session, publicKey);
      const point = Buffer.from(
        (await session.getAttributes(publicKey, ['CKA_EC_POINT'])).CKA_EC_POINT ?? none,
      ).subarray(-2 * width - 1);
      for (const { node, part } of hashes) {
        const mechanism = `CKM_ECDSA_${part}` as 'CKM_ECDSA_SHA256';
        const signature = await session.sign(mechanism, privateKey, message);
        expect(signature).toHaveLength(2 * width);
        expect(nodeVerify(node, message, { key, dsaEncoding: 'ieee-p1363' }, signature), part).toBe(
          true,
        );
        const digest = digestOf(node, message, 'buffer');
        expect(noble.verify(signature, digest, point, { prehash: false, lowS: false }), part).toBe(
          true,
        );
        expect(await session.verify(mechanism, publicKey, message, signature)).toBe(true);
        expect(await session.verify('CKM_ECDSA', publicKey, digest, signature)).toBe(true);
        const raw = await session.sign('CKM_ECDSA', privateKey, digest);
        expect(nodeVerify(node, message, { key, dsaEncoding: 'ieee-p1363' }, raw)).toBe(true);
        signature[5]! ^= 1;
        expect(await session.verify(mechanism, publicKey, message, signature)).toBe(false);
        expect(await session.verify(mechanism, publicKey, message, signature.subarray(1))).toBe(
          false,
        );
      }
    });

    it(`of ${name} can be had from its parts`, async () => {
      const scalar = noble.utils.randomSecretKey();
      const privateKey = await session.createObject({
        CKA_CLASS: 'CKO_PRIVATE_KEY',
        CKA_KEY_TYPE: 'CKK_EC',
        CKA_EC_PARAMS: curves[name].parameters,
        CKA_VALUE: scalar,
        CKA_SENSITIVE: false,
        CKA_EXTRACTABLE: true,
      });
      const signature = await session.sign('CKM_ECDSA_SHA256', privateKey, message);
      const digest = digestOf('sha256', message, 'buffer');
      expect(
        noble.verify(signature, digest, noble.getPublicKey(scalar, false), {
          prehash: false,
          lowS: false,
        }),
      ).toBe(true);
      const has = await session.getAttributes(privateKey, [
        'CKA_VALUE',
        'CKA_LOCAL',
        'CKA_ALWAYS_SENSITIVE',
        'CKA_NEVER_EXTRACTABLE',
        'CKA_PUBLIC_KEY_INFO',
      ]);
      expect(has).toMatchObject({
        CKA_LOCAL: false,
        CKA_ALWAYS_SENSITIVE: false,
        CKA_NEVER_EXTRACTABLE: false,
      });
      expect(Buffer.from(has.CKA_VALUE ?? none)).toEqual(Buffer.from(scalar));
      const publicKey = await session.createObject({
        ...publicKeyTemplate(has.CKA_PUBLIC_KEY_INFO ?? none),
        CKA_VERIFY: true,
      });
      expect(await session.verify('CKM_ECDSA_SHA256', publicKey, message, signature)).toBe(true);
    });
  }

  it('is refused exactly', async () => {
    const pair = (template: Template, ofPrivate: Template = {}) =>
      ckr(session.generateKeyPair('CKM_EC_KEY_PAIR_GEN', template, ofPrivate));
    const parameters = curves.P256.parameters;
    expect(await pair({})).toBe('CKR_TEMPLATE_INCOMPLETE');
    // Brainpool P256r1 by its name; no parameters; a P-256 name cut short.
    expect(await pair({ CKA_EC_PARAMS: Buffer.from('06092b2403030208010107', 'hex') })).toBe(
      'CKR_CURVE_NOT_SUPPORTED',
    );
    expect(await pair({ CKA_EC_PARAMS: Buffer.from('0500', 'hex') })).toBe(
      'CKR_DOMAIN_PARAMS_INVALID',
    );
    expect(await pair({ CKA_EC_PARAMS: parameters.subarray(0, 9) })).toBe(
      'CKR_DOMAIN_PARAMS_INVALID',
    );
    expect(await pair({ CKA_EC_PARAMS: parameters, CKA_MODULUS_BITS: 2048 })).toBe(
      'CKR_TEMPLATE_INCONSISTENT',
    );
    expect(await pair({ CKA_EC_PARAMS: parameters, CKA_SIGN: true })).toBe(
      'CKR_TEMPLATE_INCONSISTENT',
    );
    expect(await pair({ CKA_EC_PARAMS: parameters, CKA_EC_POINT: none })).toBe(
      'CKR_ATTRIBUTE_READ_ONLY',
    );
    expect(await pair({ CKA_EC_PARAMS: parameters, CKA_KEY_TYPE: 'CKK_RSA' })).toBe(
      'CKR_TEMPLATE_INCONSISTENT',
    );
    expect(await pair({ CKA_EC_PARAMS: parameters }, { CKA_CLASS: 'CKO_PUBLIC_KEY' })).toBe(
      'CKR_TEMPLATE_INCONSISTENT',
    );
    expect(await pair({ CKA_EC_PARAMS: parameters }, { CKA_EC_PARAMS: parameters })).toBe(
      'CKR_ATTRIBUTE_READ_ONLY',
    );
    expect(await pair({ CKA_EC_PARAMS: parameters }, { CKA_VALUE: none })).toBe(
      'CKR_ATTRIBUTE_READ_ONLY',
    );
    const shownToAll = { CKA_ALWAYS_AUTHENTICATE: true, CKA_PRIVATE: false };
    expect(await pair({ CKA_EC_PARAMS: parameters }, shownToAll)).toBe('CKR_TEMPLATE_INCONSISTENT');
  });
});

describe('an RSA key pair', () => {
  let pair: KeyPair;
  let key: KeyObject;
  beforeAll(async () => {
    pair = await rsaPair(session);
    key = await nodeKey(session, pair.publicKey);
  }, 30_000);

  it('says what it is', async () => {
    const has = await session.getAttributes(pair.publicKey, [
      'CKA_MODULUS',
      'CKA_MODULUS_BITS',
      'CKA_PUBLIC_EXPONENT',
      'CKA_ENCRYPT',
      'CKA_VERIFY',
      'CKA_WRAP',
    ]);
    const { n, e } = key.export({ format: 'jwk' });
    expect(Buffer.from(has.CKA_MODULUS ?? none).toString('base64url')).toBe(n);
    expect(Buffer.from(has.CKA_PUBLIC_EXPONENT ?? none).toString('base64url')).toBe(e);
    expect(has).toMatchObject({
      CKA_MODULUS_BITS: 2048,
      CKA_ENCRYPT: true,
      CKA_VERIFY: true,
      CKA_WRAP: false,
    });
    const parts = [
      'CKA_PRIVATE_EXPONENT',
      'CKA_PRIME_1',
      'CKA_PRIME_2',
      'CKA_EXPONENT_1',
      'CKA_EXPONENT_2',
      'CKA_COEFFICIENT',
      'CKA_VALUE',
    ] as const;
    const secrets = await session.getAttributes(pair.privateKey, parts);
    for (const part of parts) expect(secrets[part], part).toBeUndefined();
  });

  it('signs with PKCS #1 v1.5 and with PSS as node does', async () => {
    const { publicKey, privateKey } = pair;
    for (const { name, node, part } of hashes) {
      const digest = digestOf(node, message, 'buffer');
      const pkcs1 = `CKM_${part}_RSA_PKCS` as 'CKM_SHA256_RSA_PKCS';
      const signature = await session.sign(pkcs1, privateKey, message);
      expect(nodeVerify(node, message, key, signature), part).toBe(true);
      expect(await session.verify(pkcs1, publicKey, message, signature)).toBe(true);
      signature[100]! ^= 1;
      expect(await session.verify(pkcs1, publicKey, message, signature)).toBe(false);

      const pss = {
        mechanism: `CKM_${part}_RSA_PKCS_PSS` as 'CKM_SHA256_RSA_PKCS_PSS',
        hash: name,
      };
      const options = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: digest.length };
      const salted = await session.sign(pss, privateKey, message);
      expect(nodeVerify(node, message, options, salted), part).toBe(true);
      expect(await session.verify(pss, publicKey, message, salted)).toBe(true);
      const ofDigest = { mechanism: 'CKM_RSA_PKCS_PSS', hash: name } as const;
      expect(await session.verify(ofDigest, publicKey, digest, salted)).toBe(true);
      expect(
        nodeVerify(node, message, options, await session.sign(ofDigest, privateKey, digest)),
      ).toBe(true);
      expect(await session.verify({ ...pss, saltLength: 7 }, publicKey, message, salted)).toBe(
        false,
      );
    }
  }, 30_000);

  it('signs a DigestInfo, and refuses what does not fit', async () => {
    const { publicKey, privateKey } = pair;
    const info = Buffer.concat([
      Buffer.from('3031300d060960864801650304020105000420', 'hex'),
      digestOf('sha256', message, 'buffer'),
    ]);
    const signature = await session.sign('CKM_RSA_PKCS', privateKey, info);
    expect(createVerify('sha256').update(message).verify(key, signature)).toBe(true);
    expect(await session.verify('CKM_RSA_PKCS', publicKey, info, signature)).toBe(true);
    expect(await ckr(session.sign('CKM_RSA_PKCS', privateKey, Buffer.alloc(256 - 10)))).toBe(
      'CKR_DATA_LEN_RANGE',
    );
    const pss = { mechanism: 'CKM_RSA_PKCS_PSS', hash: 'SHA-256' } as const;
    expect(await ckr(session.sign(pss, privateKey, Buffer.alloc(31)))).toBe('CKR_DATA_LEN_RANGE');
    expect(
      await ckr(session.sign({ ...pss, saltLength: 256 - 32 - 2 }, privateKey, Buffer.alloc(32))),
    ).toBe('CKR_OK');
    expect(
      await ckr(session.sign({ ...pss, saltLength: 256 - 32 - 1 }, privateKey, Buffer.alloc(32))),
    ).toBe('CKR_MECHANISM_PARAM_INVALID');
    const crossed = { mechanism: 'CKM_SHA384_RSA_PKCS_PSS', hash: 'SHA-256' } as const;
    expect(await ckr(session.sign(crossed, privateKey, message))).toBe(
      'CKR_MECHANISM_PARAM_INVALID',
    );
    expect(await ckr(session.sign('CKM_SHA256_RSA_PKCS', publicKey, message))).toBe(
      'CKR_KEY_TYPE_INCONSISTENT',
    );
    expect(await ckr(session.sign('CKM_ECDSA_SHA256', privateKey, message))).toBe(
      'CKR_KEY_TYPE_INCONSISTENT',
    );
  }, 30_000);

  it('encrypts with OAEP what node opens, and the reverse', async () => {
    const { publicKey, privateKey } = pair;
    // node:crypto has one hash for OAEP and MGF1.
    for (const { name, node } of hashes) {
      for (const label of [undefined, Buffer.from('label')]) {
        const mechanism = { mechanism: 'CKM_RSA_PKCS_OAEP', hash: name, label } as const;
        const options = {
          key,
          oaepHash: node,
          ...(label === undefined ? {} : { oaepLabel: label }),
        };
        const ciphertext = publicEncrypt(options, message);
        expect(Buffer.from(await session.decrypt(mechanism, privateKey, ciphertext)), name).toEqual(
          message,
        );
        const ours = await session.encrypt(mechanism, publicKey, message);
        expect(Buffer.from(await session.decrypt(mechanism, privateKey, ours)), name).toEqual(
          message,
        );
        ciphertext[9]! ^= 1;
        expect(await ckr(session.decrypt(mechanism, privateKey, ciphertext))).toBe(
          'CKR_ENCRYPTED_DATA_INVALID',
        );
        expect(
          await ckr(
            session.decrypt({ ...mechanism, label: Buffer.from('another') }, privateKey, ours),
          ),
        ).toBe('CKR_ENCRYPTED_DATA_INVALID');
      }
    }
    const sha256 = { mechanism: 'CKM_RSA_PKCS_OAEP', hash: 'SHA-256' } as const;
    expect(await ckr(session.encrypt(sha256, publicKey, Buffer.alloc(190)))).toBe('CKR_OK');
    expect(await ckr(session.encrypt(sha256, publicKey, Buffer.alloc(191)))).toBe(
      'CKR_DATA_LEN_RANGE',
    );
    expect(await ckr(session.decrypt(sha256, privateKey, Buffer.alloc(255)))).toBe(
      'CKR_ENCRYPTED_DATA_LEN_RANGE',
    );
  }, 30_000);

  it('can be had from its parts, and gives them when it may', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = privateKey.export({ format: 'jwk' });
    const number = (name: 'n' | 'e' | 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qi'): Buffer =>
      Buffer.from(jwk[name] ?? '', 'base64url');
    const parts = {
      CKA_MODULUS: number('n'),
      CKA_PUBLIC_EXPONENT: number('e'),
      CKA_PRIVATE_EXPONENT: number('d'),
      CKA_PRIME_1: number('p'),
      CKA_PRIME_2: number('q'),
      CKA_EXPONENT_1: number('dp'),
      CKA_EXPONENT_2: number('dq'),
      CKA_COEFFICIENT: number('qi'),
    };
    const template = {
      CKA_CLASS: 'CKO_PRIVATE_KEY',
      CKA_KEY_TYPE: 'CKK_RSA',
      CKA_SENSITIVE: false,
      CKA_EXTRACTABLE: true,
      ...parts,
    } as const;
    const imported = await session.createObject(template);
    const names = Object.keys(parts) as (keyof typeof parts)[];
    const has = await session.getAttributes(imported, names);
    for (const name of names) expect(Buffer.from(has[name] ?? none), name).toEqual(parts[name]);
    const signature = await session.sign('CKM_SHA256_RSA_PKCS', imported, message);
    expect(nodeVerify('sha256', message, createPublicKey(privateKey), signature)).toBe(true);
    for (const name of names) {
      const { [name]: _, ...incomplete } = template;
      expect(await ckr(session.createObject(incomplete)), name).toBe('CKR_TEMPLATE_INCOMPLETE');
    }
    const wrong = Buffer.from(parts.CKA_PRIME_1);
    wrong[3]! ^= 1;
    expect(await ckr(session.createObject({ ...template, CKA_PRIME_1: wrong }))).toBe(
      'CKR_ATTRIBUTE_VALUE_INVALID',
    );
    expect(await ckr(session.createObject({ ...template, CKA_VALUE: number('d') }))).toBe(
      'CKR_TEMPLATE_INCONSISTENT',
    );
  }, 30_000);

  it('is refused exactly', async () => {
    expect(await ckr(rsaPair(session, { CKA_MODULUS_BITS: 1024 }))).toBe(
      'CKR_ATTRIBUTE_VALUE_INVALID',
    );
    expect(await ckr(rsaPair(session, { CKA_MODULUS_BITS: 2049 }))).toBe(
      'CKR_ATTRIBUTE_VALUE_INVALID',
    );
    expect(await ckr(rsaPair(session, { CKA_PUBLIC_EXPONENT: Uint8Array.of(3) }))).toBe(
      'CKR_ATTRIBUTE_VALUE_INVALID',
    );
    expect(await ckr(rsaPair(session, { CKA_MODULUS: none }))).toBe('CKR_ATTRIBUTE_READ_ONLY');
    expect(await ckr(session.generateKeyPair('CKM_RSA_PKCS_KEY_PAIR_GEN', {}, {}))).toBe(
      'CKR_TEMPLATE_INCOMPLETE',
    );
    expect(
      await ckr(session.generateKeyPair('CKM_AES_KEY_GEN' as 'CKM_EC_KEY_PAIR_GEN', {}, {})),
    ).toBe('CKR_MECHANISM_INVALID');
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({
      format: 'der',
      type: 'spki',
    });
    const created = await ckr(
      session
        .createObject(publicKeyTemplate(short))
        .then((small) => session.verify('CKM_SHA256_RSA_PKCS', small, message, Buffer.alloc(128))),
    );
    expect(['CKR_KEY_SIZE_RANGE', 'CKR_ATTRIBUTE_VALUE_INVALID']).toContain(created);
  });
});

it('a SubjectPublicKeyInfo becomes a template of the same key', () => {
  for (const { publicKey } of [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  ]) {
    const info = publicKey.export({ format: 'der', type: 'spki' });
    expect(publicKeyTemplate(info).CKA_CLASS).toBe('CKO_PUBLIC_KEY');
    for (let length = 0; length < info.length; length++)
      expect(() => publicKeyTemplate(info.subarray(0, length))).toThrow(TypeError);
    expect(() => publicKeyTemplate(Buffer.concat([info, Buffer.alloc(1)]))).toThrow(TypeError);
  }
  expect(() =>
    publicKeyTemplate(
      generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' }),
    ),
  ).toThrow(TypeError);
});
