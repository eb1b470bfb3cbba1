import { describe, expect, it } from 'vitest';
import {
  blobAdditionalData,
  blobHeader,
  blobLength,
  encodeBlob,
  parseBlob,
} from '../../../src/kms/ciphertext-blob.ts';

const source = {
  accountId: '012345678901',
  keyId: '1234abcd-12ab-34cd-56ef-1234567890ab',
  materialId: '0f'.repeat(32),
};
const sealed = (length: number) => ({
  nonce: Buffer.alloc(28, 1),
  tag: Buffer.alloc(16, 2),
  ciphertext: Buffer.alloc(length, 3),
});
const blobOf = (length: number, from: typeof source = source) =>
  Buffer.from(encodeBlob(blobHeader(from), sealed(length)));

describe('blobLength', () => {
  it.each([
    [16, 168],
    [28, 180],
    [32, 184],
    [64, 220],
    [128, 285],
    [256, 418],
    [512, 674],
    [1024, 1186],
    [4096, 4258],
  ])('of %i bytes of plaintext is %i, as with AWS', (plaintext, blob) => {
    expect(blobLength(plaintext)).toBe(blob);
  });

  it('grows by 1 to 3 bytes a step, so that it tells the plaintext length', () => {
    for (let length = 2; length <= 4096; length += 1) {
      const step = blobLength(length) - blobLength(length - 1);
      expect(step >= 1 && step <= 4, `${length}`).toBe(true);
    }
  });
});

describe('a blob', () => {
  it('has its length and its parts back, for every plaintext length', () => {
    for (let length = 1; length <= 4096; length += 1) {
      const blob = blobOf(length);
      const parsed = parseBlob(blob);
      if (blob.length !== blobLength(length) || parsed?.ciphertext.length !== length)
        expect.fail(`length ${length}`);
    }
    expect(parseBlob(blobOf(32))).toMatchObject({ ...source, ...sealed(32) });
  });

  it('has the bytes of docs/formats/blob.md', () => {
    expect(blobOf(1).toString('hex')).toBe(
      [
        '5352',
        '01',
        '01',
        '00',
        '012345678901',
        '1234abcd12ab34cd56ef1234567890ab',
        '0f'.repeat(32),
        '0001',
        '6a8a7fd5',
        '00'.repeat(43),
        '01'.repeat(28),
        '02'.repeat(16),
        '03',
      ].join(''),
    );
  });

  it('can name a multi-Region key', () => {
    const keyId = 'mrk-1234abcd12ab34cd56ef1234567890ab';
    const blob = blobOf(5, { ...source, keyId });
    expect(parseBlob(blob)).toMatchObject({ keyId });
    expect(blob.equals(blobOf(5))).toBe(false);
  });

  it('with any one bit changed outside nonce, tag and ciphertext is none', () => {
    const blob = blobOf(3);
    const sealedAt = blob.length - 3 - 16 - 28;
    for (let bit = 0; bit < blob.length * 8; bit += 1) {
      const changed = Buffer.from(blob);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const parsed = parseBlob(changed);
      if (bit >> 3 < sealedAt) expect(parsed, `bit ${bit}`).toBeUndefined();
      else expect(parsed, `bit ${bit}`).toMatchObject(source);
    }
  });

  it('cut or lengthened anywhere is none', () => {
    const blob = blobOf(40);
    for (let length = 0; length < blob.length; length += 1)
      expect(parseBlob(blob.subarray(0, length))).toBeUndefined();
    expect(parseBlob(Buffer.concat([blob, Buffer.of(0)]))).toBeUndefined();
  });

  it('of another version, algorithm or key id form is none, even with a right checksum', async () => {
    const { crc32 } = await import('node:zlib');
    for (const [at, value] of [
      [2, 0],
      [2, 2],
      [3, 0],
      [3, 2],
      [4, 2],
      [5, 0xa0],
      [59, 0x10],
      [60, 2],
    ] as const) {
      const blob = blobOf(1);
      blob[at] = value;
      if (at === 59) blob[60] = 1;
      blob.writeUInt32BE(crc32(blob.subarray(0, 61)), 61);
      expect(parseBlob(blob), `byte ${at} = ${value}`).toBeUndefined();
    }
  });

  it('is read wherever it lies in its buffer', () => {
    const around = Buffer.concat([Buffer.alloc(7, 9), blobOf(9), Buffer.alloc(5, 9)]);
    expect(parseBlob(around.subarray(7, around.length - 5))).toMatchObject(source);
  });

  it('is not made of malformed parts', () => {
    expect(() => blobHeader({ ...source, keyId: 'x' })).toThrow(TypeError);
    expect(() => blobHeader({ ...source, accountId: '1' })).toThrow(TypeError);
    expect(() => blobHeader({ ...source, materialId: 'zz'.repeat(32) })).toThrow(TypeError);
    const header = blobHeader(source);
    for (const length of [0, 4097])
      expect(() => encodeBlob(header, sealed(length))).toThrow(RangeError);
    expect(() => encodeBlob(header, { ...sealed(1), nonce: Buffer.alloc(27) })).toThrow(TypeError);
    expect(() => encodeBlob(header, { ...sealed(1), tag: Buffer.alloc(12) })).toThrow(TypeError);
  });
});

it('additional data are the header, of any length of plaintext the same, and then the context', () => {
  const header = blobHeader(source);
  for (const length of [1, 4096]) expect(parseBlob(blobOf(length))?.header).toEqual(header);
  expect(blobAdditionalData(header, Buffer.alloc(0))).toEqual(header);
  expect(blobAdditionalData(header, Buffer.from('ctx'))).toEqual(
    Buffer.concat([header, Buffer.from('ctx')]),
  );
});
