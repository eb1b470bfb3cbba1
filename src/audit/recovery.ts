/**
 * Recovery of audit.jsonl at start: finds how far the log is sound, cuts off what a crash left behind that, restores the
 * lines that only the store's outbox has, and says where the numbering goes on.
 *
 * Up to the record that is known to be durable the log has to be whole. After that, a power cut may have left anything:
 * lines cut, missing or full of zeros, before others that came through. Only the part from the durable record on is read;
 * verifyAuditFile() reads all of it.
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
    const tail = readFrom(fd, durable);
    const sound = soundPart(tail, durable, hash);
    let position = sound.position;
    const missing: string[] = [];
    for (const line of outbox) {
      const { sequence } = parseLine(line);
      if (sequence > sound.position.sequence) {
        position = follow(position, line, hash);
        missing.push(line);
      } else if (
        sound.digests.get(sequence) !== undefined &&
        sound.digests.get(sequence) !== hash(line)
      ) {
        throw new AuditDamageError(`record ${sequence} differs from the store's copy`);
      }
    }
    const torn = tail.bytes.subarray(sound.length);
    const wholeLength = tail.from + sound.length;
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

/** The end of a file, from the beginning of a line on. */
interface Tail {
  readonly from: number;
  readonly bytes: Buffer;
}

const LF = 0x0a;
const WINDOW_BYTES = 64 * 1024;

/** Reads from a whole line on whose record is not after `durable`, or from the start of the file. */
function readFrom(fd: number, durable: number): Tail {
  const length = fstatSync(fd).size;
  for (let window = WINDOW_BYTES; ; window *= 2) {
    const from = Math.max(0, length - window);
    const bytes = read(fd, from, length - from);
    if (from === 0) return { from, bytes };
    // What stands before the first LF may have begun earlier.
    for (let at = bytes.indexOf(LF) + 1; at > 0; at = bytes.indexOf(LF, at) + 1) {
      const end = bytes.indexOf(LF, at);
      if (end < 0) break;
      const sequence = sequenceOf(bytes.toString('utf8', at, end));
      if (sequence !== undefined && sequence <= durable)
        return { from: from + at, bytes: bytes.subarray(at) };
    }
  }
}

function read(fd: number, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const count = readSync(fd, bytes, done, length - done, from + done);
    if (count === 0) throw new AuditDamageError('the log shrank while it was read');
    done += count;
  }
  return bytes;
}

function sequenceOf(line: string): number | undefined {
  try {
    return parseLine(line).sequence;
  } catch {
    return undefined;
  }
}

interface SoundPart {
  /** Of the last sound record. */
  readonly position: Position;
  /** Bytes of whole sound lines. */
  readonly length: number;
  /** Hash of each line by its number. */
  readonly digests: ReadonlyMap<number, string>;
}

/** Follows the lines as far as they go. @throws AuditDamageError for one that was durable */
function soundPart({ from, bytes }: Tail, durable: number, hash: Hasher): SoundPart {
  let position = from === 0 ? logStart : undefined;
  let length = 0;
  const digests = new Map<number, string>();
  for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, length)) {
    const line = bytes.toString('utf8', length, end);
    try {
      // In the middle of a log, its first line is where the chain is taken up.
      position =
        position === undefined
          ? { sequence: parseLine(line).sequence, digest: hash(line) }
          : follow(position, line, hash);
    } catch (error) {
      if ((position?.sequence ?? 0) < durable) throw error;
      break;
    }
    digests.set(position.sequence, position.digest);
    length = end + 1;
  }
  return { position: position ?? logStart, length, digests };
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
