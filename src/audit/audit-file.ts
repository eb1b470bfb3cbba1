/**
 * AuditFile: whole lines appended to audit.jsonl. A write that fails half-way is cut off again, so that the
 * file always ends with a whole line and the next write may simply be tried once there is space.
 */
import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { errorText } from '../values/unknown.ts';
import { AuditUnavailableError } from './audit-log.ts';

/** What AuditFile needs of a file opened for appending; tests put failing ones in its place. */
export interface AppendFile {
  /** @returns bytes written, which may be fewer than given. */
  write(bytes: Uint8Array): number;
  truncate(length: number): void;
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
      sync: () => fdatasyncSync(fd),
      close: () => closeSync(fd),
    },
  };
}

export class AuditFile {
  readonly #file: AppendFile;
  /** Bytes of whole lines. */
  #length: number;
  /** Something past #length could not be cut off yet. */
  #torn = false;
  #unsynced = false;
  #failed: AuditUnavailableError | undefined;

  /** @param length bytes in the file, which end with a whole line. */
  constructor(file: AppendFile, length: number) {
    this.#file = file;
    this.#length = length;
  }

  /** Appends all lines or none. @throws AuditUnavailableError; later calls may succeed. */
  append(lines: readonly string[]): void {
    if (this.#failed) throw this.#failed;
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
    this.#unsynced = true;
    this.#length += bytes.length;
  }

  /**
   * Makes every appended line durable.
   * @throws AuditUnavailableError, for good: after a failed sync the kernel may have dropped the pages, and a
   * later sync that succeeds would prove nothing.
   */
  sync(): void {
    if (this.#failed) throw this.#failed;
    if (!this.#unsynced) return;
    try {
      this.#file.sync();
    } catch (cause) {
      this.#failed = new AuditUnavailableError(
        `audit log cannot be made durable, restart needed: ${errorText(cause)}`,
        { cause },
      );
      throw this.#failed;
    }
    this.#unsynced = false;
  }

  close(): void {
    this.#file.close();
  }

  #cut(): void {
    this.#file.truncate(this.#length);
    this.#torn = false;
  }
}
