/**
 * StoreHead: a witness beside the database of how far it had come. SQLite drops a cut tail of its write-ahead
 * log silently; the head tells that from a clean end. It is written after what it tells of is durable, and is
 * not synced itself: an old head is true, only less telling.
 */
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';

export interface Head {
  /** Change sequence that the database has at least. */
  readonly change: number;
  /** Audit record that the log has at least. */
  readonly audit: number;
}

/** Two numbers of 16 decimal digits, a space between, LF: always 34 bytes, so a write never moves the end. */
function encode(head: Head): string {
  return `${String(head.change).padStart(16, '0')} ${String(head.audit).padStart(16, '0')}\n`;
}

/** @returns undefined when there is no head, or an empty one (never synced before the power went). */
export function readHead(path: string): Head | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const match = /^(\d{16}) (\d{16})\n$/.exec(text);
  return match ? { change: Number(match[1]), audit: Number(match[2]) } : undefined;
}

export class StoreHead {
  readonly #fd: number;

  constructor(path: string) {
    const isHead = readHead(path) !== undefined;
    // Not 'w': the old head stays readable until the new one is there.
    this.#fd = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
    // What is no head may be longer than one, and its end would stay behind the new one for ever.
    if (!isHead) ftruncateSync(this.#fd);
  }

  write(head: Head): void {
    try {
      writeSync(this.#fd, encode(head), 0, 'latin1');
    } catch {
      // The old head stays, and stays true.
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
