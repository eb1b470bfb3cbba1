/**
 * The store-writer thread: opens database and audit log, then serves clients until told to close. Started by
 * startStoreWriter() only; messages are those of ToWriter and FromWriter.
 */
import { hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { AuditFile, openAppendFile } from '../audit/audit-file.ts';
import { AuditTrail } from '../audit/audit-trail.ts';
import { type AuditRecovery, recoverAuditFile } from '../audit/recovery.ts';
import { AuditDamageError, Sequencer } from '../audit/sequencer.ts';
import { DataDirectoryError, syncDirectory, unreadable } from './data-directory.ts';
import { lengthOf, openDatabase } from './database.ts';
import { PortServer } from './port-server.ts';
import { encodeError, type WireError } from './protocol.ts';
import { type EngineOptions, SqliteEngine } from './sqlite-engine.ts';
import { readHead, StoreHead } from './store-head.ts';

/** What startStoreWriter() hands over. Paths are absolute. */
export interface WriterData extends EngineOptions {
  readonly directory: string;
  readonly database: string;
  readonly head: string;
  readonly audit: string;
  readonly torn: string;
  readonly deviceId: string;
  /** Pages of 4,096 bytes that the database may have. */
  readonly pageCountMax?: number;
}

export type ToWriter =
  | { readonly kind: 'connect'; readonly port: MessagePort }
  /** Stand still until the flag is no longer 0, or for holdMaxMs. */
  | { readonly kind: 'hold'; readonly flag: SharedArrayBuffer }
  | { readonly kind: 'close' };

export type FromWriter =
  | {
      readonly kind: 'ready';
      readonly directoryId: string;
      readonly sequence: SharedArrayBuffer;
      readonly recovery: AuditRecovery;
    }
  /** Nothing is written from now on. Bytes of the audit log; undefined: it could not be made durable. */
  | { readonly kind: 'held'; readonly auditLength: number | undefined }
  | { readonly kind: 'refused'; readonly error: WireError & { readonly code?: string } }
  | { readonly kind: 'closed'; readonly error?: WireError };

const sha256 = (text: string): string => hash('sha256', text, 'hex');

function open(data: WriterData): {
  engine: SqliteEngine;
  directoryId: string;
  recovery: AuditRecovery;
} {
  const head = witness(data.head, readHead);
  if (head === undefined) refuseLostDatabase(data);
  const { database, directoryId } = openDatabase(data.database, data.deviceId, head);
  try {
    if (data.pageCountMax !== undefined) {
      database.exec(`PRAGMA max_page_count = ${data.pageCountMax}`);
    }
    const recovery = recover(data, database, head?.audit ?? 0);
    const { file, length } = openAppendFile(data.audit);
    const trail = new AuditTrail(
      new Sequencer(sha256, recovery.position),
      new AuditFile(file, length),
    );
    const engine = new SqliteEngine(
      database,
      trail,
      witness(data.head, (path) => new StoreHead(path)),
      data,
    );
    syncDirectory(data.directory);
    return { engine, directoryId, recovery };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Opens or reads the head. @throws DataDirectoryError UNREADABLE */
function witness<T>(path: string, open: (path: string) => T): T {
  try {
    return open(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** The log gets its first record after the database is there: alone, it tells of a database that was lost. */
function refuseLostDatabase({ database, audit }: WriterData): void {
  if (lengthOf(database) > 0 || lengthOf(audit) === 0) return;
  throw new DataDirectoryError(
    'DAMAGED',
    `${database} is missing or empty, but ${audit} tells of its records. Restore the data directory from a copy`,
  );
}

function recover(data: WriterData, database: DatabaseSync, durable: number): AuditRecovery {
  const rows = database.prepare('SELECT line FROM audit_outbox ORDER BY sequence').all();
  try {
    if (durable > 0 && !existsSync(data.audit)) throw new AuditDamageError('the log is missing');
    return recoverAuditFile(
      data.audit,
      data.torn,
      rows.map((row) => String(row.line)),
      durable,
      sha256,
    );
  } catch (cause) {
    if (!(cause instanceof AuditDamageError)) throw unreadable(data.audit, cause);
    throw new DataDirectoryError(
      'DAMAGED',
      `${data.audit} is damaged: ${cause.message}. Restore the data directory from a copy`,
      { cause },
    );
  }
}

/** Longest time that a holder may take, ms: requests wait meanwhile. */
const holdMaxMs = 10_000;

/** Says where log and store stand, and does nothing more until told: what comes in waits in its port. */
function hold(
  engine: SqliteEngine,
  audit: string,
  flag: SharedArrayBuffer,
  send: (message: FromWriter) => void,
): void {
  let auditLength: number | undefined;
  try {
    engine.settle();
    auditLength = lengthOf(audit);
  } catch {
    // Whoever holds is told so.
  }
  send({ kind: 'held', auditLength });
  Atomics.wait(new Int32Array(flag), 0, 0, holdMaxMs);
}

function main(): void {
  const parent = parentPort as MessagePort;
  const send = (message: FromWriter): void => parent.postMessage(message);
  const data = workerData as WriterData;
  let opened: ReturnType<typeof open>;
  try {
    opened = open(data);
  } catch (error) {
    const code = error instanceof DataDirectoryError ? { code: error.code } : {};
    send({ kind: 'refused', error: { ...encodeError(error), ...code } });
    return;
  }
  const { engine, directoryId, recovery } = opened;
  const server = new PortServer(engine);
  parent.on('message', (message: ToWriter) => {
    if (message.kind === 'connect') {
      server.serve(message.port);
      return;
    }
    if (message.kind === 'hold') {
      hold(engine, data.audit, message.flag, send);
      return;
    }
    let error: WireError | undefined;
    try {
      server.close();
      engine.close();
    } catch (thrown) {
      error = encodeError(thrown);
    }
    send(error ? { kind: 'closed', error } : { kind: 'closed' });
    parent.close();
  });
  send({ kind: 'ready', directoryId, sequence: engine.sequence.buffer, recovery });
}

main();
