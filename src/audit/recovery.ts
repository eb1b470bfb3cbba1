/**
 * Recovery of audit.jsonl at start: cuts off a torn last line, restores the lines that only the store's
 * outbox has, and finds where the numbering goes on. Looks at the end of the file only; verifyAuditFile()
 * reads all of it.
 */
import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import {
  AuditDamageError,
  follow,
  type Hasher,
  logStart,
  type Position,
  parseLine,
} from './sequencer.ts';

/** What was found and mended. */
export interface AuditRecovery {
  readonly position: Position;
  /** Bytes of an incomplete last line, now in the file for torn pieces. */
  readonly tornBytes: number;
  /** Lines that the file lacked and the outbox had. */
  readonly restoredRecords: number;
}

/**
 * @param path of audit.jsonl, created when absent.
 * @param tornPath a file to which a torn piece is appended, with an LF, before it is cut off.
 * @param outbox mutations' lines in order, a suffix of all there ever were.
 * @param durable the file and the outbox are known to reach this record.
 * @throws AuditDamageError when a whole record is missing or altered; then nothing was changed.
 */
export function recoverAuditFile(
  path: string,
  tornPath: string,
  outbox: readonly string[],
  durable: number,
  hash: Hasher,
): AuditRecovery {
  const fd = openSync(path, 'a+', 0o600);
  try {
    const { lines, torn, wholeLength } = readEnd(fd);
    const inFile = endPosition(lines, hash);
    let position = inFile;
    const missing: string[] = [];
    for (const line of outbox) {
      const { sequence } = parseLine(line);
      if (sequence > inFile.sequence) {
        position = follow(position, line, hash);
        missing.push(line);
      } else if (sequence === inFile.sequence && line !== lines.at(-1)) {
        throw new AuditDamageError(`record ${sequence} differs from the store's copy`);
      }
    }
    // One line may be cut: what is left of it is kept. Whole lines do not vanish by a crash.
    if (position.sequence + (torn.length > 0 ? 1 : 0) < durable) {
      throw new AuditDamageError(
        `the log ends with record ${position.sequence}, but record ${durable} had been written`,
      );
    }
    if (torn.length > 0) {
      keep(tornPath, torn);
      ftruncateSync(fd, wholeLength);
    }
    if (missing.length > 0) writeAll(fd, Buffer.from(`${missing.join('\n')}\n`));
    fdatasyncSync(fd);
    return { position, tornBytes: torn.length, restoredRecords: missing.length };
  } finally {
    closeSync(fd);
  }
}

/** Where a log stands whose last lines are `lines`. */
function endPosition(lines: readonly string[], hash: Hasher): Position {
  const last = lines.at(-1);
  if (last === undefined) return logStart;
  const before = lines.at(-2);
  if (before === undefined) return follow(logStart, last, hash);
  return follow({ sequence: parseLine(before).sequence, digest: hash(before) }, last, hash);
}

/** The last two whole lines (or fewer) and what follows them. */
function readEnd(fd: number): { lines: string[]; torn: Buffer; wholeLength: number } {
  const length = fstatSync(fd).size;
  for (let window = 64 * 1024; ; window *= 2) {
    const from = Math.max(0, length - window);
    const bytes = Buffer.alloc(length - from);
    for (let read = 0; read < bytes.length; ) {
      const count = readSync(fd, bytes, read, bytes.length - read, from + read);
      if (count === 0) throw new AuditDamageError('the log shrank while it was read');
      read += count;
    }
    const ends: number[] = [];
    for (let at = bytes.lastIndexOf(0x0a); at >= 0 && ends.length < 3; ) {
      ends.unshift(at);
      at = at === 0 ? -1 : bytes.lastIndexOf(0x0a, at - 1);
    }
    // Two lines need three LFs, or the start of the file.
    if (ends.length < 3 && from > 0) continue;
    const starts = from === 0 && ends.length < 3 ? [-1, ...ends] : ends;
    const lines = starts
      .slice(0, -1)
      .map((start, i) => bytes.toString('utf8', start + 1, starts[i + 1]));
    const whole = (ends.at(-1) ?? -1) + 1;
    return { lines, torn: bytes.subarray(whole), wholeLength: from + whole };
  }
}

function keep(path: string, torn: Buffer): void {
  const fd = openSync(path, 'a', 0o600);
  try {
    writeAll(fd, Buffer.concat([torn, Buffer.from('\n')]));
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(fd, bytes, written);
  }
}
