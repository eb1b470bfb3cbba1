/**
 * Makes the vectors beside it: inputs are SHA-256 of a counter, results come from noble (another implementation than the
 * token's), and each invalid vector is a valid one with one bit changed. Run it to make them again; the files do not change.
 */
import { writeFileSync } from 'node:fs';
import { aeskwp, gcm } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';

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

interface Group {
  readonly tagSize?: number;
  readonly tests: Record<string, unknown>[];
}

function write(name: string, groups: Group[]): void {
  const testGroups = groups.map((group) => ({
    ...group,
    tests: group.tests.map((test, index) => ({ tcId: index + 1, ...test })),
  }));
  writeFileSync(new URL(name, import.meta.url), `${JSON.stringify({ testGroups }, null, 1)}\n`);
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

const wraps = [16, 24, 32].flatMap((keyLength) =>
  [16, 17, 32, 65].flatMap((length) => {
    const [key, msg] = [next(keyLength), next(length)];
    const ct = aeskwp(key).encrypt(msg);
    const common = { key: hex(key), msg: hex(msg) };
    return [
      { ...common, ct: hex(ct), result: 'valid' },
      { ...common, ct: hex(flipped(ct, length % ct.length)), result: 'invalid' },
    ];
  }),
);
write('aes_kwp_test.json', [{ tests: wraps }]);

const macs = (tagSize: number): Group => ({
  tagSize,
  tests: [16, 32, 65].flatMap((keyLength) => {
    const [key, msg] = [next(keyLength), next(keyLength * 3)];
    const tag = hmac(sha256, key, msg).slice(0, tagSize / 8);
    const common = { key: hex(key), msg: hex(msg) };
    return [
      { ...common, tag: hex(tag), result: 'valid' },
      { ...common, tag: hex(flipped(tag, keyLength % tag.length)), result: 'invalid' },
    ];
  }),
});
write('hmac_sha256_test.json', [macs(256), macs(128)]);
