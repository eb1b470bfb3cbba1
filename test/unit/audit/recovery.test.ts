import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recoverAuditFile } from '../../../src/audit/recovery.ts';
import { AuditDamageError, logStart, Sequencer } from '../../../src/audit/sequencer.ts';
import { verifyAuditFile } from '../../../src/audit/verify.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { sha256, soundLines } from './fixtures.ts';

const directory = scratchDirectory();
let files = 0;

/** A log with this text; undefined: none. */
function log(text?: string) {
  const path = join(directory, `audit-${++files}.jsonl`);
  const torn = join(directory, `torn-${files}`);
  if (text !== undefined) writeFileSync(path, text);
  return {
    path,
    torn,
    recover: (outbox: string[] = [], durable = 0) =>
      recoverAuditFile(path, torn, outbox, durable, sha256),
  };
}

const whole = (lines: string[]) => lines.map((line) => `${line}\n`).join('');

describe('recoverAuditFile', () => {
  it('begins a log that is not there, for its owner alone', () => {
    const { path, recover } = log();
    expect(recover()).toEqual({ position: logStart, tornBytes: 0, restoredRecords: 0 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('finds the end of logs of every small length', async () => {
    for (let count = 0; count < 6; count++) {
      const lines = soundLines(count);
      const { path, recover } = log(whole(lines));
      const { position } = recover(lines.slice(-1), count);
      expect(position).toEqual(await verifyAuditFile(path, sha256));
      expect(position.sequence).toBe(count);
    }
  });

  it('finds the end of a log whose lines are longer than a read', () => {
    const sequencer = new Sequencer(sha256, logStart);
    const lines = [10, 200_000, 70_000, 150_000].map((n) =>
      sequencer.next(`{"x":"${'é'.repeat(n)}"}`),
    );
    for (let count = 1; count <= lines.length; count++) {
      const { recover } = log(whole(lines.slice(0, count)));
      expect(recover().position.sequence).toBe(count);
    }
    expect(log(whole(lines)).recover().position).toEqual(sequencer.position);
  });

  it('cuts the last line at every byte, keeps what it cuts off, and goes on without a gap', () => {
    const lines = soundLines(3);
    const text = whole(lines);
    const end = text.length - (lines[2] ?? '').length - 1;
    for (let length = end; length < text.length; length++) {
      const { path, torn, recover } = log(text.slice(0, length));
      const { position, tornBytes } = recover();
      expect(position.sequence).toBe(2);
      expect(tornBytes).toBe(length - end);
      expect(readFileSync(path, 'utf8')).toBe(text.slice(0, end));
      if (tornBytes > 0) expect(readFileSync(torn, 'utf8')).toBe(`${text.slice(end, length)}\n`);
      else expect(existsSync(torn)).toBe(false);
    }
  });

  it('restores lines that only the outbox has, a cut one among them', async () => {
    const lines = soundLines(6);
    for (const text of [
      '',
      whole(lines.slice(0, 3)),
      `${whole(lines.slice(0, 4))}{"seq`,
      whole(lines),
    ]) {
      const { path, recover } = log(text);
      const outbox = text === '' ? lines : lines.slice(2);
      const { position, restoredRecords } = recover(outbox, 6);
      expect(position.sequence).toBe(6);
      expect(restoredRecords).toBe(6 - (text.match(/\n/g) ?? []).length);
      expect(readFileSync(path, 'utf8')).toBe(whole(lines));
      expect((await verifyAuditFile(path, sha256)).sequence).toBe(6);
    }
  });

  it('takes an outbox with gaps whose other records are in the file', () => {
    const lines = soundLines(5);
    const { recover } = log(whole(lines.slice(0, 4)));
    expect(recover([lines[0] ?? '', lines[2] ?? '', lines[4] ?? ''], 5).position.sequence).toBe(5);
  });

  it('cuts off whatever a power cut left behind what is durable, and keeps it', async () => {
    const lines = soundLines(8);
    const [, , , , , sixth = '', seventh = '', eighth = ''] = lines;
    const zeros = '\0'.repeat(200_000);
    const tails = [
      `${zeros}\n${seventh}\n${eighth}\n`,
      `${zeros}`,
      `${seventh}\n${eighth}\n`,
      `${sixth.slice(0, 60)}${'\0'.repeat(40)}${sixth.slice(100)}\n${seventh}\n`,
      `garbage\n\n${eighth.slice(0, 30)}`,
    ];
    for (const tail of tails) {
      for (const outbox of [[], lines.slice(4, 5), lines.slice(5, 6)]) {
        const { path, torn, recover } = log(`${whole(lines.slice(0, 5))}${tail}`);
        const { position, tornBytes } = recover(outbox, 5);
        expect(position.sequence).toBe(outbox[0] === sixth ? 6 : 5);
        expect(tornBytes).toBe(Buffer.byteLength(tail));
        expect(readFileSync(torn, 'utf8')).toBe(`${tail}\n`);
        expect(await verifyAuditFile(path, sha256)).toEqual(position);
      }
    }
  });

  it('refuses a log that lacks or alters a record, and changes nothing then', () => {
    const lines = soundLines(5);
    const other = soundLines(5, { sequence: 0, digest: 'f'.repeat(64) });
    const cases: [string, string[], number][] = [
      // Shorter than it is known to have been.
      [whole(lines.slice(0, 4)), [], 5],
      [whole(lines.slice(0, 3)), [lines[4] ?? ''], 0],
      ['', [], 1],
      // Two records are gone, not the torn one only.
      [`${whole(lines.slice(0, 3))}{"seq`, [], 5],
      // Not what the store wrote.
      [whole(other), [lines[4] ?? ''], 0],
      [
        whole([...lines.slice(0, 4), (lines[4] ?? '').replace('{"n":5}', '{"n":6}')]),
        [lines[4] ?? ''],
        0,
      ],
      // Not a chain.
      [whole([...lines.slice(0, 3), lines[4] ?? '']), [], 4],
      [whole([...lines.slice(0, 3), other[3] ?? '']), [], 4],
      [whole(lines.slice(1, 2)), [], 1],
      [whole(other.slice(0, 1)), [], 1],
      // Not records.
      ['\n', [], 1],
      ['{}\n', [], 1],
      [`${whole(lines.slice(0, 4))}garbage\n`, [], 5],
      [`${whole(lines.slice(0, 4))}${'\0'.repeat(300_000)}\n`, [], 5],
    ];
    for (const [text, outbox, durable] of cases) {
      const { path, torn, recover } = log(text);
      expect(() => recover(outbox, durable), text.slice(0, 80)).toThrow(AuditDamageError);
      expect(readFileSync(path, 'utf8')).toBe(text);
      expect(existsSync(torn)).toBe(false);
    }
  });
});

describe('verifyAuditFile', () => {
  it('reads every line, also one that holds other line separators', async () => {
    const sequencer = new Sequencer(sha256, logStart);
    const lines = ['{"a":"\u2028\u2029\u0085"}', '{"a":"\\n\\r"}'].map((event) =>
      sequencer.next(event),
    );
    const { path } = log(whole(lines));
    const seen: string[] = [];
    expect(await verifyAuditFile(path, sha256, (line) => seen.push(line))).toEqual(
      sequencer.position,
    );
    expect(seen).toEqual(lines);
  });

  it('names the first line that was changed, removed, doubled, moved or cut', async () => {
    const lines = soundLines(5);
    const [l1 = '', l2 = '', l3 = '', l4 = '', l5 = ''] = lines;
    const cases: [string, number][] = [
      [whole([l1, l2.replace('"n":2', '"n":3'), l3, l4, l5]), 3],
      [whole([l1, l3, l4, l5]), 2],
      [whole([l1, l2, l2, l3]), 3],
      [whole([l1, l3, l2]), 2],
      [whole([l2]), 1],
      [`${whole([l1])}${l2}`, 2],
    ];
    for (const [text, line] of cases) {
      await expect(verifyAuditFile(log(text).path, sha256)).rejects.toThrow(
        new RegExp(`^line ${line}: `),
      );
    }
  });
});
