/**
 * The metadata database: its schema, and the checks before a file is taken for one.
 * docs/formats/store.md describes tables, columns and version rules.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { DataDirectoryError, unreadable } from './data-directory.ts';
import type { Table } from './metadata-store.ts';
import { tables } from './record-rules.ts';
import { isSqliteError, sqliteCode } from './sqlite-error.ts';
import type { Head } from './store-head.ts';

/** Version of everything docs/formats/store.md describes. */
const formatVersion = 2;

/** PRAGMA application_id: "STRG". */
const applicationId = 0x53545247;

/** Bytes of the header that every SQLite database begins with. */
const headerLength = 100;

/** Tables that a directory of an older version may lack. */
const addedTables: readonly Table[] = ['aliases', 'due'];

function recordTables(names: readonly Table[]): string {
  const statements = names.map(
    (table) => `
  CREATE TABLE IF NOT EXISTS record_${table} (
    key TEXT PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version >= 1),
    body BLOB NOT NULL,
    mac BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;`,
  );
  return statements.join('');
}

const schema = `
  CREATE TABLE directory (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    format_version INTEGER NOT NULL,
    id TEXT NOT NULL,
    device_id TEXT NOT NULL
  ) STRICT;
  ${recordTables(tables)}
  CREATE TABLE change_log (
    sequence INTEGER NOT NULL,
    position INTEGER NOT NULL,
    record_table TEXT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (sequence, position)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE audit_outbox (
    sequence INTEGER PRIMARY KEY,
    line TEXT NOT NULL
  ) STRICT;
  PRAGMA application_id = ${applicationId};
`;

export interface OpenDatabase {
  readonly database: DatabaseSync;
  /** UUID made with the data directory. */
  readonly directoryId: string;
}

/**
 * Opens the database for its one writer, making it when the directory is new.
 * @param head what is known to have been there; undefined in a new directory.
 * @throws DataDirectoryError; then nothing was changed.
 */
export function openDatabase(path: string, deviceId: string, head: Head | undefined): OpenDatabase {
  try {
    if (head !== undefined || lengthOf(`${path}-wal`) > 0) {
      // SQLite takes one byte for an empty database, and deletes the log beside an empty one even over a
      // connection that only reads.
      if (lengthOf(path) < headerLength) throw damaged(path, 'it is missing or has no header');
      inspect(path, deviceId, head?.change ?? 0);
    }
    // SQLite gives its -wal and -shm files the mode of the database.
    closeSync(openSync(path, 'a', 0o600));
    const database = new DatabaseSync(path, { timeout: 5000 });
    try {
      if (isEmpty(database)) create(database, deviceId);
      const directoryId = checkDirectory(path, database, deviceId);
      // What is deleted is overwritten: a destroyed key's token is not to be found in a free page.
      database.exec(
        'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864; PRAGMA secure_delete = ON',
      );
      // Moves a log that was left behind into the database, whose size then says whether it is whole.
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      checkSize(path, database);
      migrate(database);
      return { database, directoryId };
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    throw refusal(path, error);
  }
}

/** A connection that only reads. The writer must have opened the database before. */
export function openReader(path: string): DatabaseSync {
  return new DatabaseSync(path, { readOnly: true, timeout: 5000 });
}

/** Change sequence of what the connection sees. */
export function changeSequence(database: DatabaseSync): number {
  const row = database.prepare('SELECT max(sequence) AS newest FROM change_log').get();
  return Number(row?.newest ?? 0);
}

/**
 * Compares an existing database with its head over a connection that cannot write: closing a writing one
 * would move a damaged log into the database and delete it.
 */
function inspect(path: string, deviceId: string, change: number): void {
  const database = openReader(path);
  try {
    checkDirectory(path, database, deviceId);
    const newest = changeSequence(database);
    if (newest < change) {
      throw damaged(path, `it ends with change ${newest}, but change ${change} had been made`);
    }
  } finally {
    database.close();
  }
}

function isEmpty(database: DatabaseSync): boolean {
  return database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
}

function create(database: DatabaseSync, deviceId: string): void {
  database.exec(`PRAGMA synchronous = FULL; BEGIN IMMEDIATE; ${schema}`);
  database
    .prepare('INSERT INTO directory (one, format_version, id, device_id) VALUES (1, ?, ?, ?)')
    .run(formatVersion, randomUUID(), deviceId);
  database.exec('COMMIT');
}

/** Brings a database of an older version to this one, as a whole or not at all. */
function migrate(database: DatabaseSync): void {
  if (versionOf(database) === formatVersion) return;
  // Version 1 left what was deleted in free space. Done first: a cut one is done again.
  database.exec('VACUUM');
  database.exec(`BEGIN IMMEDIATE; ${recordTables(addedTables)}`);
  database.prepare('UPDATE directory SET format_version = ?').run(formatVersion);
  database.exec('COMMIT; PRAGMA wal_checkpoint(TRUNCATE)');
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('SELECT format_version FROM directory').get()?.format_version);
}

/** @returns the directory's id. @throws DataDirectoryError NEWER_VERSION, FOREIGN, DAMAGED */
export function checkDirectory(path: string, database: DatabaseSync, deviceId: string): string {
  if (database.prepare('PRAGMA application_id').get()?.application_id !== applicationId) {
    if (isEmpty(database)) throw damaged(path, 'it is empty');
    throw new DataDirectoryError('FOREIGN', `${path} is not a Strongroom database`);
  }
  const version = versionOf(database);
  if (version > formatVersion) {
    throw new DataDirectoryError(
      'NEWER_VERSION',
      `${path} has format version ${version}; this release knows versions up to ${formatVersion}`,
    );
  }
  const row = database.prepare('SELECT id, device_id FROM directory').get();
  if (!(version >= 1) || row === undefined) throw damaged(path, 'it lacks its directory row');
  if (row.device_id !== deviceId) {
    throw new DataDirectoryError(
      'FOREIGN',
      `${path} belongs to device ${row.device_id}, not to device ${deviceId}`,
    );
  }
  return String(row.id);
}

/** Bytes of a file; 0 when there is none. */
export function lengthOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Every page that the database counts must be in the file. */
function checkSize(path: string, database: DatabaseSync): void {
  const pages = Number(database.prepare('PRAGMA page_count').get()?.page_count);
  const pageSize = Number(database.prepare('PRAGMA page_size').get()?.page_size);
  const length = lengthOf(path);
  if (length < pages * pageSize) {
    throw damaged(path, `it has ${length} bytes and should have ${pages * pageSize}`);
  }
}

function damaged(path: string, what: string, cause?: unknown): DataDirectoryError {
  return new DataDirectoryError(
    'DAMAGED',
    `${path} is damaged: ${what}. Restore the data directory from a copy`,
    { cause },
  );
}

function refusal(path: string, cause: unknown): Error {
  if (cause instanceof DataDirectoryError) return cause;
  if (!isSqliteError(cause)) return unreadable(path, cause);
  const code = sqliteCode(cause);
  if (code === 'NOTADB' || code === 'CORRUPT' || /no such (table|column)/.test(cause.message)) {
    return damaged(path, cause.message, cause);
  }
  return unreadable(path, cause);
}
