/**
 * AuditFile: whole lines appended to audit.jsonl. A write that fails half-way is cut off again, so that the
 * file always ends with a whole line and the next write may simply be tried once there is space. After a sync that failed
 * nothing is appended until what it was to make durable is written again and synced.
 */
import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { errorText } from '../values/unknown.ts';
import { AuditUnavailableError } from './audit-log.ts';

/** What AuditFile needs of a file opened for appending; tests put failing ones in its place. */
export interface AppendFile {
  /** @returns bytes written, which may be fewer than given. */
  write(bytes: Uint8Array): number;
  truncate(length: number): void;
  /** Writes over what the file has there, all of it. */
  rewrite(bytes: Uint8Array, at: number): void;
  sync(): void;
  close(): void;
}

/** Opens (creating, mode 0600) for appending. */
export function openAppendFile(path: string): { file: AppendFile; length: number } {
  const fd = openSync(path, 'a', 0o600);
  return {
    length: fstatSync(fd).size,
    file: {
      write: (bytes) => writeSync(fd, bytes),
      truncate: (length) => ftruncateSync(fd, length),
      rewrite: (bytes, at) => rewriteSync(path, bytes, at),
      sync: () => fdatasyncSync(fd),
      close: () => closeSync(fd),
    },
  };
}

/** Through a descriptor of its own: one that appends writes nowhere else. */
function rewriteSync(path: string, bytes: Uint8Array, at: number): void {
  const fd = openSync(path, 'r+');
  try {
    for (let done = 0; done < bytes.length; )
      done += writeSync(fd, bytes, done, bytes.length - done, at + done);
  } finally {
    closeSync(fd);
  }
}

export class AuditFile {
  readonly #file: AppendFile;
  /** Bytes of whole lines. */
  #length: number;
  /** Something past #length could not be cut off yet. */
  #torn = false;
  /** Whole lines that no sync has made durable. */
  #unsynced: Buffer[] = [];
  #syncFailed = false;

  /** @param length bytes in the file, which end with a whole line. */
  constructor(file: AppendFile, length: number) {
    this.#file = file;
    this.#length = length;
  }

  /** Appends all lines or none. @throws AuditUnavailableError; later calls may succeed. */
  append(lines: readonly string[]): void {
    if (this.#syncFailed) this.#mend();
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    try {
      if (this.#torn) this.#cut();
      for (let written = 0; written < bytes.length; ) {
        this.#torn = true;
        written += this.#file.write(bytes.subarray(written));
      }
    } catch (cause) {
      try {
        this.#cut();
      } catch {
        // Still torn: the next append cuts before it writes.
      }
      throw new AuditUnavailableError(`audit log cannot be written: ${errorText(cause)}`, {
        cause,
      });
    }
    this.#torn = false;
    this.#unsynced.push(bytes);
    this.#length += bytes.length;
  }

  /** Makes every appended line durable. @throws AuditUnavailableError; later calls may succeed. */
  sync(): void {
    if (this.#syncFailed) this.#mend();
    if (this.#unsynced.length > 0) this.#sync();
  }

  close(): void {
    this.#file.close();
  }

  /**
   * After a failed sync the kernel may have dropped the pages, and a later sync that succeeds would prove nothing of them. So
   * they are written again: over themselves, since they may have been acknowledged.
   */
  #mend(): void {
    const bytes = Buffer.concat(this.#unsynced);
    try {
      this.#file.rewrite(bytes, this.#length - bytes.length);
    } catch (cause) {
      throw notDurable(cause);
    }
    this.#sync();
  }

  #sync(): void {
    try {
      this.#file.sync();
    } catch (cause) {
      this.#syncFailed = true;
      throw notDurable(cause);
    }
    this.#syncFailed = false;
    this.#unsynced = [];
  }

  #cut(): void {
    this.#file.truncate(this.#length);
    this.#torn = false;
  }
}

function notDurable(cause: unknown): AuditUnavailableError {
  return new AuditUnavailableError(`audit log cannot be made durable: ${errorText(cause)}`, {
    cause,
  });
}
