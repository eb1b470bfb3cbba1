import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blobHeader, blobLength, encodeBlob, parseBlob } from '../../src/kms/ciphertext-blob.ts';

const hexText = (length: number) =>
  fc
    .uint8Array({ minLength: length / 2, maxLength: length / 2 })
    .map((bytes) => Buffer.from(bytes).toString('hex'));
const keyId = fc.oneof(
  fc.uuid(),
  hexText(32).map((text) => `mrk-${text}`),
);
const accountId = fc
  .integer({ min: 0, max: 999_999_999_999 })
  .map((number) => String(number).padStart(12, '0'));
const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const parts = fc.record({
  source: fc.record({ accountId, keyId, materialId: hexText(64) }),
  sealed: fc.record({
    nonce: octets(28),
    tag: octets(16),
    ciphertext: fc.uint8Array({ minLength: 1, maxLength: 4096 }),
  }),
});

describe('a blob', () => {
  it('gives back what it was made of', () => {
    fc.assert(
      fc.property(parts, ({ source, sealed }) => {
        const header = blobHeader(source);
        const blob = encodeBlob(header, sealed);
        expect(blob.length).toBe(blobLength(sealed.ciphertext.length));
        const { nonce, tag, ciphertext, header: parsedHeader, ...parsedSource } = parseBlob(blob)!;
        expect(parsedSource).toEqual(source);
        expect(Buffer.from(parsedHeader)).toEqual(Buffer.from(header));
        for (const [read, written] of [
          [nonce, sealed.nonce],
          [tag, sealed.tag],
          [ciphertext, sealed.ciphertext],
        ] as const)
          expect(Buffer.from(read).equals(Buffer.from(written))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('is nothing that somebody made up', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 6144 }), (bytes) => parseBlob(bytes) === undefined),
      { numRuns: 2000 },
    );
  });
});
