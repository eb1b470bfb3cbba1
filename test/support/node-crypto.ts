/**
 * AWS's asymmetric algorithms and MACs over node:crypto and @noble/curves: what the fakes work with, and an oracle for the
 * token.
 */
import {
  constants,
  createHash,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  privateEncrypt,
  publicDecrypt,
  publicEncrypt,
  randomBytes,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import type {
  EncryptionAlgorithmSpec,
  KeySpec,
  MacAlgorithmSpec,
  SigningAlgorithmSpec,
} from '@aws-sdk/client-kms';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';

const curves: Readonly<Record<string, string>> = {
  ECC_NIST_P256: 'prime256v1',
  ECC_NIST_P384: 'secp384r1',
  ECC_NIST_P521: 'secp521r1',
  ECC_SECG_P256K1: 'secp256k1',
};

export const macLengths: Readonly<Record<string, number>> = {
  HMAC_224: 28,
  HMAC_256: 32,
  HMAC_384: 48,
  HMAC_512: 64,
};

/** Undefined for a spec of secrets. */
export function makePair(
  keySpec: KeySpec,
): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | undefined {
  const namedCurve = curves[keySpec];
  if (namedCurve !== undefined) return generateKeyPairSync('ec', { namedCurve });
  const [, bits] = /^RSA_(\d+)$/.exec(keySpec) ?? [];
  return bits === undefined
    ? undefined
    : generateKeyPairSync('rsa', { modulusLength: Number(bits) });
}

export const spki = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });
export const pkcs8 = (key: KeyObject): Buffer => key.export({ type: 'pkcs8', format: 'der' });
export const fromSpki = (key: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.from(key), type: 'spki', format: 'der' });

const hashOf = (algorithm: string): string => `sha${/\d+$/.exec(algorithm)?.[0]}`;

export const digestOf = (algorithm: string, message: Uint8Array): Buffer =>
  createHash(hashOf(algorithm)).update(message).digest();

function options(algorithm: SigningAlgorithmSpec, key: KeyObject) {
  if (!algorithm.startsWith('RSASSA_PSS')) return { key, dsaEncoding: 'der' } as const;
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
}

export const signMessage = (
  algorithm: SigningAlgorithmSpec,
  privateKey: KeyObject,
  message: Uint8Array,
): Buffer => sign(hashOf(algorithm), message, options(algorithm, privateKey));

export const isSignature = (
  algorithm: SigningAlgorithmSpec,
  publicKey: KeyObject,
  message: Uint8Array,
  signature: Uint8Array,
): boolean => verify(hashOf(algorithm), message, options(algorithm, publicKey), signature);

/** Signs and verifies digests, which node:crypto cannot: ECDSA as DER, RSA as long as the modulus. */
export interface DigestScheme {
  sign(privateKey: KeyObject, digest: Uint8Array): Uint8Array;
  verify(publicKey: KeyObject, digest: Uint8Array, signature: Uint8Array): boolean;
}

const nobleCurves: Readonly<Record<string, typeof p256>> = {
  prime256v1: p256,
  secp384r1: p384,
  secp521r1: p521,
  secp256k1,
};
const nobleOf = (key: KeyObject): typeof p256 =>
  nobleCurves[key.asymmetricKeyDetails?.namedCurve ?? ''] as typeof p256;
const ecdsaOptions = { prehash: false, lowS: false, format: 'der' } as const;
const fromBase64Url = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64url');

const ecdsa: DigestScheme = {
  sign: (key, digest) =>
    nobleOf(key).sign(digest, fromBase64Url(key.export({ format: 'jwk' }).d), ecdsaOptions),
  verify(key, digest, signature) {
    const { x, y } = key.export({ format: 'jwk' });
    const point = Buffer.concat([Buffer.of(4), fromBase64Url(x), fromBase64Url(y)]);
    try {
      return nobleOf(key).verify(signature, digest, point, ecdsaOptions);
    } catch {
      return false;
    }
  },
};

/** OpenSSL itself also takes what lost its leading zeros. */
const isAsLongAsModulus = (key: KeyObject, { length }: Uint8Array): boolean =>
  length * 8 === key.asymmetricKeyDetails?.modulusLength;

/** What stands before a digest, by its length: RFC 8017 section 9.2, note 1, and section A.2.4 for SHA-224. */
export const digestInfo: Readonly<Record<number, string>> = {
  20: '3021300906052b0e03021a05000414',
  28: '302d300d06096086480165030402040500041c',
  32: '3031300d060960864801650304020105000420',
  48: '3041300d060960864801650304020205000430',
  64: '3051300d060960864801650304020305000440',
};
const pkcs1: DigestScheme = {
  sign: (key, digest) =>
    privateEncrypt(
      { key, padding: constants.RSA_PKCS1_PADDING },
      Buffer.concat([Buffer.from(digestInfo[digest.length] ?? '', 'hex'), digest]),
    ),
  verify(key, digest, signature) {
    if (!isAsLongAsModulus(key, signature)) return false;
    try {
      const signed = publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature);
      return signed.toString('hex') === `${digestInfo[digest.length]}${hex(digest)}`;
    } catch {
      return false;
    }
  },
};
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function mgf1(hash: string, seed: Uint8Array, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let counter = 0; blocks.length * 20 < length; counter += 1) {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(counter);
    blocks.push(createHash(hash).update(seed).update(number).digest());
  }
  return Buffer.concat(blocks).subarray(0, length);
}
const xor = (a: Uint8Array, b: Uint8Array): Buffer =>
  Buffer.from(a.map((byte, at) => byte ^ (b[at] as number)));

/** EMSA-PSS (RFC 8017 section 9.1) with a salt as long as the digest, for moduli of whole bytes. */
const pss: DigestScheme = {
  sign(key, digest) {
    const hash = `sha${digest.length * 8}`;
    const salt = randomBytes(digest.length);
    const length = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8 - digest.length - 1;
    const h = createHash(hash).update(Buffer.alloc(8)).update(digest).update(salt).digest();
    const db = Buffer.concat([Buffer.alloc(length - salt.length - 1), Buffer.of(1), salt]);
    const masked = xor(db, mgf1(hash, h, length));
    masked[0] = (masked[0] as number) & 0x7f;
    const em = Buffer.concat([masked, h, Buffer.of(0xbc)]);
    return privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, em);
  },
  verify(key, digest, signature) {
    if (!isAsLongAsModulus(key, signature)) return false;
    const hash = `sha${digest.length * 8}`;
    let em: Buffer;
    try {
      em = publicDecrypt({ key, padding: constants.RSA_NO_PADDING }, signature);
    } catch {
      return false;
    }
    const length = em.length - digest.length - 1;
    const [masked, h] = [em.subarray(0, length), em.subarray(length, -1)];
    const db = xor(masked, mgf1(hash, h, length));
    db[0] = (db[0] as number) & 0x7f;
    const salt = db.subarray(-digest.length);
    const expected = createHash(hash).update(Buffer.alloc(8)).update(digest).update(salt).digest();
    const padding = Buffer.concat([Buffer.alloc(length - salt.length - 1), Buffer.of(1)]);
    const isPadded = db.subarray(0, padding.length).equals(padding) && em.at(-1) === 0xbc;
    return isPadded && expected.equals(h);
  },
};

export const digestSchemes = { ecdsa, pkcs1, pss } as const;

export function digestScheme(algorithm: SigningAlgorithmSpec): DigestScheme {
  if (algorithm.startsWith('ECDSA')) return ecdsa;
  return algorithm.startsWith('RSASSA_PSS') ? pss : pkcs1;
}

const oaep = (algorithm: EncryptionAlgorithmSpec) => ({
  padding: constants.RSA_PKCS1_OAEP_PADDING,
  oaepHash: algorithm === 'RSAES_OAEP_SHA_1' ? 'sha1' : 'sha256',
});

export const oaepEncrypt = (
  algorithm: EncryptionAlgorithmSpec,
  key: KeyObject,
  plaintext: Uint8Array,
): Buffer => publicEncrypt({ key, ...oaep(algorithm) }, plaintext);

export function oaepDecrypt(
  algorithm: EncryptionAlgorithmSpec,
  key: KeyObject,
  ciphertext: Uint8Array,
): Buffer {
  if (!isAsLongAsModulus(key, ciphertext))
    throw new Error('a ciphertext is as long as the modulus');
  return privateDecrypt({ key, ...oaep(algorithm) }, ciphertext);
}

export const macOf = (algorithm: MacAlgorithmSpec, key: Uint8Array, message: Uint8Array): Buffer =>
  createHmac(hashOf(algorithm), key).update(message).digest();

export const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && timingSafeEqual(a, b);
