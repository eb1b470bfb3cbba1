/** SQLite's primary result codes, as far as the store tells them apart (sqlite.org/rescode.html). */

const codes = {
  5: 'BUSY',
  8: 'READONLY',
  11: 'CORRUPT',
  14: 'CANTOPEN',
  23: 'AUTH',
  26: 'NOTADB',
} as const;

export type SqliteCode = (typeof codes)[keyof typeof codes] | 'OTHER';

interface SqliteError extends Error {
  readonly code: 'ERR_SQLITE_ERROR';
  /** Extended result code; its low byte is the primary one. */
  readonly errcode: number;
}

export function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && (error as Partial<SqliteError>).code === 'ERR_SQLITE_ERROR';
}

export function sqliteCode(error: SqliteError): SqliteCode {
  return codes[(error.errcode & 0xff) as keyof typeof codes] ?? 'OTHER';
}

/** A sync failed: SQLITE_IOERR_FSYNC or SQLITE_IOERR_DIR_FSYNC. What was written may or may not be durable. */
export function isSyncFailure(error: unknown): boolean {
  return isSqliteError(error) && (error.errcode === 1034 || error.errcode === 1290);
}
