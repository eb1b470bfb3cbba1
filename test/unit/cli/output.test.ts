import { describe, expect, it } from 'vitest';
import { fields, plain, shellWord, table } from '../../../src/cli/output.ts';

describe('output for people', () => {
  it('has columns as wide as they must be, and cuts the last', () => {
    const text = table(
      ['ID', 'TEXT'],
      [
        ['a', 'x'],
        ['long one', 'y'.repeat(50)],
      ],
    );
    expect(text).toBe(`ID        TEXT\na         x\nlong one  ${'y'.repeat(39)}…\n`);
    expect(table(['ID', 'TEXT'], [])).toBe('ID  TEXT\n');
  });

  it('has fields below each other', () => {
    expect(
      fields([
        ['A', '1'],
        ['Long', '2 3'],
      ]),
    ).toBe('A:    1\nLong: 2 3\n');
  });

  it('never steers the terminal', () => {
    expect(plain('a\u001b[2Jb\r\nc\u0007\u009b\u202ed\u2028e')).toBe('a [2Jb c d e');
    expect(table(['T'], [['\u001b]0;x\u0007']])).toBe('T\n]0;x\n');
  });

  it('quotes words for a shell', () => {
    expect(shellWord('aZ09/+=:.,@%_-')).toBe('aZ09/+=:.,@%_-');
    expect(shellWord("it's $HOME")).toBe(`'it'\\''s $HOME'`);
    expect(shellWord('')).toBe("''");
  });
});
