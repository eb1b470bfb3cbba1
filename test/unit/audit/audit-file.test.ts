import { describe, expect, it } from 'vitest';
import { AuditFile } from '../../../src/audit/audit-file.ts';
import { AuditUnavailableError } from '../../../src/audit/audit-log.ts';
import { FlakyFile } from './fixtures.ts';

describe('AuditFile', () => {
  it('appends lines, in as many writes as it takes', () => {
    const flaky = new FlakyFile();
    flaky.pieceMax = 3;
    const file = new AuditFile(flaky, 0);
    file.append(['first', 'second']);
    file.append(['third']);
    expect(flaky.bytes).toBe('first\nsecond\nthird\n');
  });

  it('leaves no part of a line when space runs out, and goes on when there is some', () => {
    for (let room = 0; room < 13; room++) {
      const flaky = new FlakyFile();
      const file = new AuditFile(flaky, 0);
      file.append(['kept']);
      flaky.room = 5 + room;
      flaky.pieceMax = 4;
      expect(() => file.append(['first', 'second'])).toThrow(AuditUnavailableError);
      expect(flaky.bytes).toBe('kept\n');
      flaky.room = 100;
      file.append(['first', 'second']);
      expect(flaky.lines).toEqual(['kept', 'first', 'second']);
    }
  });

  it('cuts what it could not cut at once before it writes again', () => {
    const flaky = new FlakyFile();
    const file = new AuditFile(flaky, 0);
    flaky.room = 3;
    flaky.failTruncate = true;
    expect(() => file.append(['first'])).toThrow(AuditUnavailableError);
    expect(flaky.bytes).toBe('fir');
    flaky.room = 100;
    expect(() => file.append(['first'])).toThrow(AuditUnavailableError);
    flaky.failTruncate = false;
    file.append(['first']);
    expect(flaky.bytes).toBe('first\n');
  });

  it('syncs only what is new, and after a failed sync writes it again before it claims to have synced', () => {
    const flaky = new FlakyFile();
    const file = new AuditFile(flaky, 0);
    file.sync();
    expect(flaky.syncs).toBe(0);
    file.append(['first']);
    file.sync();
    file.sync();
    expect(flaky.syncs).toBe(1);
    file.append(['second']);
    flaky.failSync = true;
    expect(() => file.sync()).toThrow(AuditUnavailableError);
    expect(() => file.append(['third'])).toThrow(AuditUnavailableError);
    // The kernel dropped the page, and holds it to be clean.
    flaky.bytes = 'first\n\0\0\0\0\0\0\0';
    flaky.failSync = false;
    file.append(['third']);
    expect(flaky.lines).toEqual(['first', 'second', 'third']);
    const { syncs } = flaky;
    file.sync();
    expect(flaky.syncs).toBe(syncs + 1);
  });
});
