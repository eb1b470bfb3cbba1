import { describe, expect, it } from 'vitest';
import { canonicalContext } from '../../../src/kms/encryption-context.ts';

const hex = (...entries: [string, string][]) =>
  Buffer.from(canonicalContext(entries)).toString('hex');

describe('canonicalContext', () => {
  it('of none and of an empty one is empty', () => {
    expect(canonicalContext(undefined)).toHaveLength(0);
    expect(canonicalContext([])).toHaveLength(0);
  });

  it('is length-prefixed UTF-8', () => {
    expect(hex(['a', 'é'])).toBe('0000000161' + '00000002c3a9');
    expect(hex(['', ''])).toBe('0000000000000000');
  });

  it('is sorted by UTF-8 bytes, not by UTF-16 code units', () => {
    const [high, low] = ['\u{10000}', '\uffff'];
    expect(high < low).toBe(true);
    expect(hex([high, '1'], [low, '2'])).toBe(hex([low, '2'], [high, '1']));
    expect(hex([high, '1'], [low, '2'])).toMatch(/^00000003efbfbf/);
  });

  it('tells contexts apart that join to the same text', () => {
    expect(hex(['a', 'bc'])).not.toBe(hex(['ab', 'c']));
    expect(hex(['a', 'b'], ['c', 'd'])).not.toBe(hex(['a', 'bcd']));
  });

  it.each([
    ['\ud800', 'v'],
    ['k', '\udc00'],
    ['k', 'x\ud800y'],
  ] as [string, string][])('refuses a lone surrogate', (name, value) => {
    expect(() => canonicalContext([[name, value]])).toThrow(
      expect.objectContaining({ name: 'ValidationException' }),
    );
  });

  it('takes 128 KiB and not one byte more', () => {
    const longest = 128 * 1024 - 8 - 1;
    expect(canonicalContext([['k', 'x'.repeat(longest)]])).toHaveLength(128 * 1024);
    const many = Array.from({ length: 100_000 }, (_, i): [string, string] => [String(i), '']);
    for (const entries of [[['k', 'x'.repeat(longest + 1)]] as [string, string][], many])
      expect(() => canonicalContext(entries)).toThrow(
        expect.objectContaining({
          name: 'ValidationException',
          message: 'EncryptionContext is longer than 131072 bytes in its canonical form.',
        }),
      );
  });
});
