/**
 * Makes the vectors beside it: inputs are SHA-256 of a counter, results come from noble and, for RSA, from asymmetric.ts
 * (other implementations than the token's), and an invalid vector is a valid one with one bit changed, or ECDSA in a form
 * that is not DER. Run it to make them again; the files do not change.
 */
import { writeFileSync } from 'node:fs';
import { aeskw, aeskwp, gcm } from '@noble/ciphers/aes.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { type FileName, filesOf } from '../wycheproof.ts';
import {
  ecPublicKey,
  type HashOfRsa,
  oaep,
  pkcs1,
  pss,
  type RsaKeys,
  rsaKeys,
} from './asymmetric.ts';

let counter = 0;
/** The next `length` bytes of the stream. */
function next(length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, () =>
    sha256(Uint8Array.from([counter >>> 8, counter++ & 0xff])),
  );
  return Uint8Array.from(blocks.flatMap((block) => [...block])).slice(0, length);
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at]! ^= 0x80;
  return copy;
}

/** Any of the members that readers know. */
interface Group {
  readonly tests: Record<string, unknown>[];
  readonly [member: string]: unknown;
}

function write(name: string, groups: Group[]): void {
  const testGroups = groups.map((group) => ({
    ...group,
    tests: group.tests.map((test, index) => ({ tcId: index + 1, ...test })),
  }));
  const numberOfTests = groups.reduce((sum, { tests }) => sum + tests.length, 0);
  const file = { numberOfTests, testGroups };
  writeFileSync(new URL(name, import.meta.url), `${JSON.stringify(file, null, 1)}\n`);
}

const aead = [16, 24, 32].flatMap((keyLength) =>
  [
    { ivLength: 12, length: 0 },
    { ivLength: 12, length: 33 },
    { ivLength: 16, length: 256 },
  ].flatMap(({ ivLength, length }) => {
    const [key, iv, aad, msg] = [next(keyLength), next(ivLength), next(length % 40), next(length)];
    const sealed = gcm(key, iv, aad).encrypt(msg);
    const ct = sealed.slice(0, -16);
    const tag = sealed.slice(-16);
    const common = { key: hex(key), iv: hex(iv), aad: hex(aad), msg: hex(msg), ct: hex(ct) };
    return [
      { ...common, tag: hex(tag), result: 'valid' },
      { ...common, tag: hex(flipped(tag, length % 16)), result: 'invalid' },
    ];
  }),
);
write('aes_gcm_test.json', [{ tagSize: 128, tests: aead }]);

/** Keys of these lengths (bytes), wrapped under AES keys of each length. */
const wraps = (wrap: typeof aeskw, lengths: readonly number[]) =>
  [16, 24, 32].flatMap((keyLength) =>
    lengths.flatMap((length) => {
      const [key, msg] = [next(keyLength), next(length)];
      const ct = wrap(key).encrypt(msg);
      const common = { key: hex(key), msg: hex(msg) };
      return [
        { ...common, ct: hex(ct), result: 'valid' },
        { ...common, ct: hex(flipped(ct, length % ct.length)), result: 'invalid' },
      ];
    }),
  );
write('aes_kwp_test.json', [{ tests: wraps(aeskwp, [16, 17, 32, 65]) }]);

const hashes = { 224: sha224, 256: sha256, 384: sha384, 512: sha512 } as const;
for (const bits of [256, 224, 384, 512] as const) {
  const macs = (tagSize: number): Group => ({
    tagSize,
    tests: [16, 32, 65].flatMap((keyLength) => {
      const [key, msg] = [next(keyLength), next(keyLength * 3)];
      const tag = hmac(hashes[bits], key, msg).slice(0, tagSize / 8);
      const common = { key: hex(key), msg: hex(msg) };
      return [
        { ...common, tag: hex(tag), result: 'valid' },
        { ...common, tag: hex(flipped(tag, keyLength % tag.length)), result: 'invalid' },
      ];
    }),
  });
  write(`hmac_sha${bits}_test.json`, [macs(bits), macs(bits / 2)]);
}

const curves = { secp256r1: p256, secp384r1: p384, secp521r1: p521, secp256k1 } as const;

/** The same element with a length one byte longer than it has to be: BER. */
function longForm(der: Uint8Array): Uint8Array {
  const short = (der[1] ?? 0) < 0x80;
  const head = short ? [0x30, 0x81, der[1] ?? 0] : [0x30, 0x82, 0, der[2] ?? 0];
  return Uint8Array.of(...head, ...der.slice(short ? 2 : 3));
}

for (const name of filesOf('ecdsa_')) {
  const [, curveName, bits] = /^ecdsa_(\w+?)_sha(\d+)_/.exec(name) as unknown as [
    string,
    keyof typeof curves,
    keyof typeof hashes,
  ];
  const curve = curves[curveName];
  const secretKey = next(curve.lengths.secretKey ?? 0);
  // Below the order of P-521, which is 521 bits of the 528.
  if (curve === p521) secretKey[0] = 0;
  const publicKeyDer = ecPublicKey(curveName, curve.getPublicKey(secretKey, false));
  const tests = [0, 33].flatMap((length) => {
    const msg = next(length);
    const options = { prehash: false, lowS: false } as const;
    const numbers = curve.Signature.fromBytes(
      curve.sign(hashes[bits](msg), secretKey, options),
      'compact',
    );
    const other = new curve.Signature(numbers.r, curve.Point.Fn.ORDER - numbers.s);
    const form = name.includes('_p1363_') ? 'compact' : 'der';
    const common = { msg: hex(msg) };
    return [
      { ...common, sig: numbers.toHex(form), result: 'valid' },
      { ...common, sig: other.toHex(form), result: 'valid' },
      { ...common, sig: hex(flipped(numbers.toBytes(form), 9)), result: 'invalid' },
      { ...common, sig: `${numbers.toHex(form)}00`, result: 'invalid' },
      ...(form === 'der'
        ? [{ ...common, sig: hex(longForm(numbers.toBytes(form))), result: 'invalid' }]
        : []),
    ];
  });
  write(name, [{ publicKeyDer: hex(publicKeyDer), sha: `SHA-${bits}`, tests }]);
}

const keysOfBits = new Map<number, RsaKeys>();
function keysOf(bits: number): RsaKeys {
  const keys = keysOfBits.get(bits) ?? rsaKeys(bits, next);
  keysOfBits.set(bits, keys);
  return keys;
}
const shaName = (bits: string | undefined): HashOfRsa => `SHA-${bits}` as HashOfRsa;
const partsOf = (name: FileName): string[] => name.match(/\d+/g) ?? [];

for (const name of filesOf('rsa_signature_', 'rsa_pkcs1_')) {
  const keySize = Number(/\d{4}/.exec(name)?.[0]);
  const keys = keysOf(keySize);
  const isGeneration = name.startsWith('rsa_pkcs1_');
  const sha = isGeneration ? 'SHA-256' : shaName(/sha(\d+)/.exec(name)?.[1]);
  const tests = [0, 20].flatMap((length) => {
    const msg = next(length);
    const sig = pkcs1(keys, sha, msg);
    const valid = { msg: hex(msg), sig: hex(sig), result: 'valid' };
    return isGeneration
      ? [valid]
      : [valid, { ...valid, sig: hex(flipped(sig, 100)), result: 'invalid' }];
  });
  const key = isGeneration
    ? { privateKeyPkcs8: hex(keys.pkcs8) }
    : { publicKeyDer: hex(keys.spki) };
  write(name, [{ keySize, ...key, sha, tests }]);
}

function pssGroup(keySize: number, sha: HashOfRsa, mgfSha: HashOfRsa, sLen: number): Group {
  const keys = keysOf(keySize);
  const tests = [0, 20].flatMap((length) => {
    const msg = next(length);
    const sig = pss(keys, sha, mgfSha, msg, next(sLen));
    const valid = { msg: hex(msg), sig: hex(sig), result: 'valid' };
    return [valid, { ...valid, sig: hex(flipped(sig, 100)), result: 'invalid' }];
  });
  return { keySize, publicKeyDer: hex(keys.spki), sha, mgf: 'MGF1', mgfSha, sLen, tests };
}
for (const name of filesOf('rsa_pss_').filter((file) => !file.includes('_misc_'))) {
  const [bits, sha, , sLen] = partsOf(name);
  write(name, [pssGroup(Number(bits), shaName(sha), shaName(sha), Number(sLen))]);
}
write('rsa_pss_misc_test.json', [
  pssGroup(2048, 'SHA-1', 'SHA-1', 0),
  pssGroup(2048, 'SHA-224', 'SHA-256', 28),
  pssGroup(2048, 'SHA-512', 'SHA-384', 20),
]);

function oaepGroup(keySize: number, sha: HashOfRsa, mgfSha: HashOfRsa): Group {
  const keys = keysOf(keySize);
  const tests = [0, 32].flatMap((length) => {
    const [msg, label] = [next(length), next(length / 4)];
    const ct = oaep(keys, sha, mgfSha, label, msg, next);
    const valid = { msg: hex(msg), label: hex(label), ct: hex(ct), result: 'valid' };
    const otherLabel = { ...valid, label: hex(next(9)), result: 'invalid' };
    return [valid, { ...valid, ct: hex(flipped(ct, 100)), result: 'invalid' }, otherLabel];
  });
  return { keySize, privateKeyPkcs8: hex(keys.pkcs8), sha, mgf: 'MGF1', mgfSha, tests };
}
for (const name of filesOf('rsa_oaep_').filter((file) => !file.includes('_misc_'))) {
  const [bits, sha] = partsOf(name);
  write(name, [oaepGroup(Number(bits), shaName(sha), shaName(sha))]);
}
write('rsa_oaep_misc_test.json', [
  oaepGroup(2048, 'SHA-224', 'SHA-1'),
  oaepGroup(2048, 'SHA-384', 'SHA-512'),
]);
write('aes_wrap_test.json', [{ tests: wraps(aeskw, [16, 24, 64]) }]);
