import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalContext } from '../../src/kms/encryption-context.ts';

// Short texts over few characters collide when anything is wrong; the rest is any Unicode.
const text = fc.oneof(
  fc.string({
    unit: fc.constantFrom('', 'a', 'b', '\0', '\u0001', 'é', '\uffff', '\u{10000}'),
    maxLength: 4,
  }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom('__proto__', 'constructor', 'toString'),
);
const context = fc.uniqueArray(fc.tuple(text, text), { selector: ([name]) => name, maxLength: 8 });
const hex = (entries: readonly (readonly [string, string])[]) =>
  Buffer.from(canonicalContext(entries)).toString('hex');

describe('canonicalContext', () => {
  it('does not depend on the order of entries', () => {
    fc.assert(
      fc.property(
        context.chain((entries) =>
          fc.tuple(
            fc.constant(entries),
            fc.shuffledSubarray(entries, { minLength: entries.length }),
          ),
        ),
        ([entries, shuffled]) => hex(entries) === hex(shuffled),
      ),
      { numRuns: 500 },
    );
  });

  it('is equal only for equal contexts', () => {
    const asSet = (entries: readonly (readonly [string, string])[]) =>
      JSON.stringify([...entries].sort());
    fc.assert(
      fc.property(context, context, (a, b) => (hex(a) === hex(b)) === (asSet(a) === asSet(b))),
      { numRuns: 5000 },
    );
  });

  it('can be read back', () => {
    fc.assert(
      fc.property(context, (entries) => {
        const bytes = Buffer.from(canonicalContext(entries));
        const read: string[] = [];
        for (let at = 0; at < bytes.length; ) {
          const length = bytes.readUInt32BE(at);
          read.push(bytes.toString('utf8', at + 4, at + 4 + length));
          at += 4 + length;
        }
        expect(read.length).toBe(2 * entries.length);
        expect(new Map(entries)).toEqual(
          new Map(read.flatMap((name, i) => (i % 2 ? [] : [[name, read[i + 1]!]]))),
        );
      }),
      { numRuns: 500 },
    );
  });
});
