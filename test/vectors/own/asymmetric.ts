/**
 * Keys of given numbers, and RSA's randomised schemes with a given salt or seed: RFC 8017, written from the text on
 * node:crypto's hashes and its RSA without padding.
 */
import {
  checkPrimeSync,
  constants,
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  privateEncrypt,
  publicEncrypt,
  sign,
} from 'node:crypto';

export type HashOfRsa = 'SHA-1' | 'SHA-224' | 'SHA-256' | 'SHA-384' | 'SHA-512';
/** The next bytes of a stream. */
export type Next = (length: number) => Uint8Array;

export interface RsaKeys {
  readonly modulusLength: number;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  /** DER. */
  readonly spki: Buffer;
  /** DER. */
  readonly pkcs8: Buffer;
}

const exponent = 65537n;
const toNumber = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
const toBytes = (number: bigint): Buffer => {
  const digits = number.toString(16);
  return Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex');
};

/** The next prime from a point of the stream on, with its two highest bits set. */
function prime(length: number, next: Next): bigint {
  const start = next(length);
  start[0]! |= 0xc0;
  start[length - 1]! |= 1;
  for (let candidate = toNumber(start); ; candidate += 2n) {
    if (candidate % exponent !== 1n && checkPrimeSync(candidate)) return candidate;
  }
}

/** b^-1 mod m, by the extended Euclidean algorithm. */
function inverse(b: bigint, m: bigint): bigint {
  let [r, s] = [
    [m, b],
    [0n, 1n],
  ] as [[bigint, bigint], [bigint, bigint]];
  while (r[1] !== 0n) {
    const quotient = r[0] / r[1];
    [r, s] = [
      [r[1], r[0] - quotient * r[1]],
      [s[1], s[0] - quotient * s[1]],
    ];
  }
  return ((s[0] % m) + m) % m;
}

export function rsaKeys(bits: number, next: Next): RsaKeys {
  const [p, q] = [prime(bits / 16, next), prime(bits / 16, next)];
  const d = inverse(exponent, (p - 1n) * (q - 1n));
  const numbers = { n: p * q, e: exponent, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n) };
  const members = Object.entries({ ...numbers, qi: inverse(q, p) }).map(([name, number]) => [
    name,
    toBytes(number).toString('base64url'),
  ]);
  const jwk = { kty: 'RSA', ...Object.fromEntries(members) };
  const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
  return {
    modulusLength: bits / 8,
    privateKey,
    publicKey,
    spki: publicKey.export({ type: 'spki', format: 'der' }),
    pkcs8: privateKey.export({ type: 'pkcs8', format: 'der' }),
  };
}

/** SubjectPublicKeyInfo of an uncompressed point. */
export function ecPublicKey(curve: string, point: Uint8Array): Buffer {
  const crv = { secp256r1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }[curve] ?? curve;
  const length = (point.length - 1) / 2;
  const [x, y] = [point.subarray(1, 1 + length), point.subarray(1 + length)].map((coordinate) =>
    Buffer.from(coordinate).toString('base64url'),
  );
  const key = createPublicKey({ key: { kty: 'EC', crv, x, y }, format: 'jwk' });
  return key.export({ type: 'spki', format: 'der' });
}

const digest = (hash: HashOfRsa, ...parts: readonly Uint8Array[]): Buffer =>
  createHash(hash.replace('-', '')).update(Buffer.concat(parts)).digest();

/** MGF1 (B.2.1) of a seed, over `bytes`. */
function masked(hash: HashOfRsa, seed: Uint8Array, bytes: Uint8Array): Buffer {
  const mask: Buffer[] = [];
  for (let counter = 0, length = 0; length < bytes.length; counter += 1) {
    const block = digest(hash, seed, Buffer.of(0, 0, 0, counter));
    mask.push(block);
    length += block.length;
  }
  const pad = Buffer.concat(mask);
  return Buffer.from(bytes.map((byte, at) => byte ^ pad[at]!));
}

/** RSASSA-PKCS1-v1_5 (8.2.1), which has nothing random. */
export function pkcs1({ privateKey }: RsaKeys, hash: HashOfRsa, message: Uint8Array): Buffer {
  return sign(hash.replace('-', ''), message, privateKey);
}

/** RSASSA-PSS (8.1.1) for a modulus of whole bytes. */
export function pss(
  { modulusLength, privateKey }: RsaKeys,
  hash: HashOfRsa,
  mgf1: HashOfRsa,
  message: Uint8Array,
  salt: Uint8Array,
): Buffer {
  const h = digest(hash, Buffer.alloc(8), digest(hash, message), salt);
  const padding = Buffer.alloc(modulusLength - salt.length - h.length - 2);
  const db = masked(mgf1, h, Buffer.concat([padding, Buffer.of(1), salt]));
  db[0]! &= 0x7f;
  const encoded = Buffer.concat([db, h, Buffer.of(0xbc)]);
  return privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, encoded);
}

/** RSAES-OAEP (7.1.1). */
export function oaep(
  { modulusLength, publicKey }: RsaKeys,
  hash: HashOfRsa,
  mgf1: HashOfRsa,
  label: Uint8Array,
  message: Uint8Array,
  next: Next,
): Buffer {
  const labelHash = digest(hash, label);
  const padding = Buffer.alloc(modulusLength - message.length - 2 * labelHash.length - 2);
  const seed = next(labelHash.length);
  const plainDb = Buffer.concat([labelHash, padding, Buffer.of(1), message]);
  const db = masked(mgf1, seed, plainDb);
  const encoded = Buffer.concat([Buffer.of(0), masked(mgf1, db, seed), db]);
  return publicEncrypt({ key: publicKey, padding: constants.RSA_NO_PADDING }, encoded);
}
