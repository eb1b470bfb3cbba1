/**
 * The data directory: who may use it. One server at a time, its owner only. The lock is the kernel's
 * (SQLite's file lock), so it ends with the process however that ends; holder.json beside it is for people.
 *
 * Inside the holder's process nobody may open and close the file `lock`: POSIX drops a process's locks on a
 * file when any descriptor of it is closed.
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { errorText } from '../values/unknown.ts';
import { isSqliteError, sqliteCode } from './sqlite-error.ts';

/** Names of the files that store, audit and admin keep in a data directory. */
export const dataFiles = {
  lock: 'lock',
  holder: 'holder.json',
  database: 'store.sqlite',
  head: 'store.head',
  audit: 'audit.jsonl',
  torn: 'audit.torn',
} as const;

/** Who holds a data directory. */
export interface Holder {
  readonly pid: number;
  /** Port of the KMS endpoint, once it is bound. */
  readonly port?: number;
  /** ISO 8601, wall clock. */
  readonly started: string;
}

export type DataDirectoryCode =
  /** Another server holds it. */
  | 'IN_USE'
  /** The operating system does not let us read or write it. */
  | 'UNREADABLE'
  /** Written by a newer release. */
  | 'NEWER_VERSION'
  /** Of another device, or not ours at all. */
  | 'FOREIGN'
  /** Something that was durable is missing or altered. */
  | 'DAMAGED';

/** A data directory cannot be used. Nothing in it was changed. */
export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError';
  readonly code: DataDirectoryCode;
  /** With IN_USE, unless the holder is only just starting. */
  readonly holder?: Holder;

  constructor(
    code: DataDirectoryCode,
    message: string,
    options: ErrorOptions & { holder?: Holder } = {},
  ) {
    super(message, options);
    this.code = code;
    if (options.holder) this.holder = options.holder;
  }
}

/** The right to use a data directory, held until release() or the end of the process. */
export class DataDirectoryLock implements Disposable {
  /** Absolute path. */
  readonly directory: string;
  readonly #lock: DatabaseSync;
  #holder: Holder;

  constructor(directory: string, lock: DatabaseSync, holder: Holder) {
    this.directory = directory;
    this.#lock = lock;
    this.#holder = holder;
  }

  /** Absolute path of one of the directory's files. */
  path(file: keyof typeof dataFiles): string {
    return join(this.directory, dataFiles[file]);
  }

  /** Tells others more about the holder, such as the port when it is known. */
  describe(more: Partial<Holder>): void {
    this.#holder = { ...this.#holder, ...more };
    const next = `${this.path('holder')}.next`;
    writeFileSync(next, `${JSON.stringify(this.#holder)}\n`, { mode: 0o600 });
    renameSync(next, this.path('holder'));
  }

  release(): void {
    if (!this.#lock.isOpen) return;
    rmSync(this.path('holder'), { force: true });
    this.#lock.close();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/**
 * Takes a data directory, creating it (mode 0700) when absent.
 * @throws DataDirectoryError IN_USE, UNREADABLE, FOREIGN or DAMAGED.
 */
export function lockDataDirectory(
  directory: string,
  holder: Holder = { pid: process.pid, started: new Date().toISOString() },
): DataDirectoryLock {
  const path = resolve(directory);
  let lock: DatabaseSync | undefined;
  try {
    claim(path);
    closeSync(openSync(join(path, dataFiles.lock), 'a', 0o600));
    lock = new DatabaseSync(join(path, dataFiles.lock));
    lock.exec('BEGIN EXCLUSIVE');
    const held = new DataDirectoryLock(path, lock, holder);
    held.describe({});
    return held;
  } catch (error) {
    lock?.close();
    throw refusal(path, error);
  }
}

/** Makes the directory ours alone, or refuses one that is evidently somebody else's. */
function claim(path: string): void {
  if (makeDirectory(path)) return;
  const stat = statSync(path);
  if (!stat.isDirectory()) {
    throw new DataDirectoryError('UNREADABLE', `${path} is not a directory`);
  }
  if ((stat.mode & 0o077) === 0) return;
  const files = readdirSync(path);
  if (files.length > 0 && !files.includes(dataFiles.lock)) {
    throw new DataDirectoryError(
      'FOREIGN',
      `${path} holds other files and is open to other users; choose an empty directory, or chmod 700 it if it is meant for this server alone`,
    );
  }
  chmodSync(path, 0o700);
}

/**
 * Makes a directory and the missing ones above it, durably. Not mkdirSync's `recursive`, which never returns
 * where the file system lets nobody make a directory, such as in /proc.
 * @returns false when something is there already.
 */
export function makeDirectory(path: string): boolean {
  const parent = dirname(path);
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code !== 'ENOENT' || existsSync(parent)) throw error;
    makeDirectory(parent);
    // Again from the start: another server that begins now may have made it meanwhile.
    return makeDirectory(path);
  }
  syncDirectory(parent);
  return true;
}

/** fsync of a directory: makes the names in it durable. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function refusal(path: string, cause: unknown): Error {
  if (cause instanceof DataDirectoryError) return cause;
  if (isSqliteError(cause)) {
    if (sqliteCode(cause) === 'BUSY') return inUse(path, cause);
    if (sqliteCode(cause) === 'NOTADB') {
      return new DataDirectoryError('DAMAGED', `${join(path, dataFiles.lock)} is not a lock file`, {
        cause,
      });
    }
  }
  return unreadable(path, cause);
}

/** The error for a path that the operating system refuses. */
export function unreadable(path: string, cause: unknown): DataDirectoryError {
  return new DataDirectoryError(
    'UNREADABLE',
    `data directory ${path} cannot be used: ${errorText(cause)}`,
    {
      cause,
    },
  );
}

function inUse(path: string, cause: unknown): DataDirectoryError {
  const holder = readHolder(path);
  const who = holder
    ? `process ${holder.pid}${holder.port === undefined ? '' : ` on port ${holder.port}`}, started ${holder.started}`
    : 'another process';
  return new DataDirectoryError('IN_USE', `data directory ${path} is in use by ${who}`, {
    cause,
    ...(holder ? { holder } : {}),
  });
}

function readHolder(path: string): Holder | undefined {
  let value: Partial<Holder> | null;
  try {
    value = JSON.parse(readFileSync(join(path, dataFiles.holder), 'utf8'));
  } catch {
    return undefined;
  }
  if (!Number.isSafeInteger(value?.pid) || typeof value?.started !== 'string') return undefined;
  return value as Holder;
}
