/** Parts for the audit tests: a hasher, a file in memory that fails on demand, lines of a sound log. */
import { hash } from 'node:crypto';
import type { AppendFile } from '../../../src/audit/audit-file.ts';
import { logStart, type Position, Sequencer } from '../../../src/audit/sequencer.ts';

export const sha256 = (text: string): string => hash('sha256', text, 'hex');

/** The first `count` lines of a log, their events numbered. */
export function soundLines(count: number, from: Position = logStart): string[] {
  const sequencer = new Sequencer(sha256, from);
  return Array.from({ length: count }, (_, i) => sequencer.next(`{"n":${from.sequence + i + 1}}`));
}

/** A file that has room for so many bytes, writes them in pieces, and may refuse to truncate or to sync. */
export class FlakyFile implements AppendFile {
  bytes = '';
  room = Number.POSITIVE_INFINITY;
  pieceMax = Number.POSITIVE_INFINITY;
  failTruncate = false;
  failSync = false;
  syncs = 0;
  closed = false;

  get lines(): string[] {
    return this.bytes.split('\n').slice(0, -1);
  }

  write(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.pieceMax, this.room - this.bytes.length);
    if (count <= 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    this.bytes += Buffer.from(bytes.subarray(0, count)).toString('latin1');
    return count;
  }

  truncate(length: number): void {
    if (this.failTruncate) throw new Error('i/o error');
    this.bytes = this.bytes.slice(0, length);
  }

  rewrite(bytes: Uint8Array, at: number): void {
    const text = Buffer.from(bytes).toString('latin1');
    this.bytes = this.bytes.slice(0, at) + text + this.bytes.slice(at + text.length);
  }

  sync(): void {
    if (this.failSync) throw new Error('i/o error');
    this.syncs++;
  }

  close(): void {
    this.closed = true;
  }
}
