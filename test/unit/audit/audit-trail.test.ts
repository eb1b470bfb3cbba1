import { describe, expect, it } from 'vitest';
import { AuditFile } from '../../../src/audit/audit-file.ts';
import { AuditUnavailableError } from '../../../src/audit/audit-log.ts';
import { AuditTrail } from '../../../src/audit/audit-trail.ts';
import { follow, logStart, Sequencer } from '../../../src/audit/sequencer.ts';
import { FlakyFile, sha256, soundLines } from './fixtures.ts';

function newTrail() {
  const file = new FlakyFile();
  const trail = new AuditTrail(new Sequencer(sha256, logStart), new AuditFile(file, 0));
  return { file, trail };
}

/** Numbers of the records in a file, each checked to continue the one before. */
function sequences({ lines }: FlakyFile): number[] {
  let position = logStart;
  return lines.map((line) => {
    position = follow(position, line, sha256);
    return position.sequence;
  });
}

describe('Sequencer', () => {
  it('makes the lines that the format says', () => {
    const [first = '', second = ''] = soundLines(2);
    expect(first).toBe(`{"sequence":1,"previous":"${'0'.repeat(64)}","event":{"n":1}}`);
    // printf '%s' "$first" | sha256sum
    expect(second).toBe(`{"sequence":2,"previous":"${sha256(first)}","event":{"n":2}}`);
    expect(sha256(first)).toBe('cc4f88b07905532ccdb88f4ad75d4db7b7ee2bd0edf3dfd53a908864fedc5130');
  });
});

describe('AuditTrail', () => {
  it('numbers both kinds of records in one row', () => {
    const { file, trail } = newTrail();
    trail.append(['{"a":1}', '{"a":2}']);
    const staged = [trail.stage('{"m":1}'), trail.stage('{"m":2}')];
    trail.export(staged);
    trail.append(['{"a":3}']);
    expect(sequences(file)).toEqual([1, 2, 3, 4, 5]);
  });

  it('uses the number of a record again that was never written', () => {
    const { file, trail } = newTrail();
    trail.append(['{"a":1}']);
    const before = trail.position;
    trail.stage('{"m":1}');
    trail.unstage(before);
    file.room = file.bytes.length + 10;
    expect(() => trail.append(['{"a":2}'])).toThrow(AuditUnavailableError);
    expect(trail.position).toEqual(before);
    file.room = 10_000;
    trail.append(['{"a":2}']);
    expect(sequences(file)).toEqual([1, 2]);
  });

  it('owes a committed record until the file takes it, and lets nothing in before it', () => {
    const { file, trail } = newTrail();
    file.room = 0;
    trail.export([trail.stage('{"m":1}')]);
    expect(() => trail.append(['{"a":1}'])).toThrow(AuditUnavailableError);
    trail.export([trail.stage('{"m":2}')]);
    expect(() => trail.settle()).toThrow(AuditUnavailableError);
    file.room = 10_000;
    trail.append(['{"a":1}']);
    expect(sequences(file)).toEqual([1, 2, 3]);
    expect(file.lines[1]).toContain('{"m":2}');
  });

  it('syncs before a mutation what no transaction holds, and no more', () => {
    const { file, trail } = newTrail();
    trail.prepare();
    trail.export([trail.stage('{"m":1}')]);
    trail.prepare();
    expect(file.syncs).toBe(0);
    trail.append(['{"a":1}']);
    trail.prepare();
    trail.prepare();
    expect(file.syncs).toBe(1);
    expect(trail.durable).toBe(2);
  });

  it('knows how far the file is durable', () => {
    const { file, trail } = newTrail();
    trail.append(['{"a":1}']);
    expect(trail.durable).toBe(0);
    trail.sync();
    expect(trail.durable).toBe(1);
    trail.append(['{"a":2}']);
    file.failSync = true;
    expect(() => trail.sync()).toThrow(AuditUnavailableError);
    expect(trail.durable).toBe(1);
  });
});
