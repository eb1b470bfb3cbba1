/**
 * SqliteEngine: commits batches of transactions to the database and their audit records to the log. Lives in
 * the store-writer thread and is the only writer of both.
 *
 * Order of a batch, and why: the log is synced before a transaction that numbers records after it, so that no
 * durable record ever lacks a predecessor; records of mutations enter the file after the commit, so that the
 * file never tells of what did not happen; the sequence moves last, so that who sees it can read the change.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { AuditUnavailableError } from '../audit/audit-log.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { Position } from '../audit/sequencer.ts';
import { errorText } from '../values/unknown.ts';
import { changeSequence } from './database.ts';
import {
  type Change,
  type StoreConflictError,
  StoreUnavailableError,
  type Table,
  type Transaction,
} from './metadata-store.ts';
import type { Engine } from './port-server.ts';
import { SharedSequence } from './protocol.ts';
import { conflictOf, tables } from './record-rules.ts';
import { isSqliteError, isSyncFailure } from './sqlite-error.ts';
import type { StoreHead } from './store-head.ts';

export interface EngineOptions {
  /** How many of the newest changes changesSince() can tell. */
  readonly changeHistory: number;
  /** Longest time between an appended record and its sync. 0: sync before append() returns. */
  readonly auditSyncMs: number;
}

interface TableStatements {
  readonly insert: StatementSync;
  readonly update: StatementSync;
  readonly remove: StatementSync;
}

export class SqliteEngine implements Engine {
  readonly sequence: SharedSequence = new SharedSequence();
  readonly #database: DatabaseSync;
  readonly #trail: AuditTrail;
  readonly #head: StoreHead;
  readonly #options: EngineOptions;
  readonly #tables: Readonly<Record<Table, TableStatements>>;
  readonly #logChange: StatementSync;
  readonly #addToOutbox: StatementSync;
  readonly #pruneOutbox: StatementSync;
  readonly #pruneChanges: StatementSync;
  #syncTimer: NodeJS.Timeout | undefined;
  /** A sync or a roll-back failed: the write-ahead log may hold what was told to have failed. */
  #isUnknown = false;

  constructor(database: DatabaseSync, trail: AuditTrail, head: StoreHead, options: EngineOptions) {
    this.#database = database;
    this.#trail = trail;
    this.#head = head;
    this.#options = options;
    this.#tables = Object.fromEntries(
      tables.map((table) => [table, prepareTable(database, table)]),
    ) as Record<Table, TableStatements>;
    this.#logChange = database.prepare('INSERT INTO change_log VALUES (?, ?, ?, ?)');
    this.#addToOutbox = database.prepare('INSERT INTO audit_outbox VALUES (?, ?)');
    // The newest row stays: it shows at the next start whether the log is the one that was written here.
    this.#pruneOutbox = database.prepare(
      'DELETE FROM audit_outbox WHERE sequence <= ? AND sequence < (SELECT max(sequence) FROM audit_outbox)',
    );
    this.#pruneChanges = database.prepare('DELETE FROM change_log WHERE sequence <= ?');
    this.sequence.value = changeSequence(database);
    this.#writeHead();
  }

  append(events: readonly string[]): void {
    try {
      this.#mend();
    } catch (cause) {
      throw new AuditUnavailableError(errorText(cause), { cause });
    }
    this.#trail.append(events);
    if (this.#options.auditSyncMs === 0) this.#syncLog();
    else this.#syncLater();
  }

  commit(transactions: readonly Transaction[]): (number | Error)[] {
    try {
      this.#mend();
    } catch (error) {
      return transactions.map(() => error as StoreUnavailableError);
    }
    const before = this.#trail.position;
    try {
      if (transactions.some(({ audit }) => audit !== undefined)) this.#trail.prepare();
      return this.#commitBatch(transactions);
    } catch (cause) {
      this.#trail.unstage(before);
      this.#rollBack();
      const error = new StoreUnavailableError(`nothing was written: ${errorText(cause)}`, {
        cause,
      });
      if (isSyncFailure(cause)) this.#isUnknown = true;
      if (this.#isUnknown) return transactions.map(() => error);
      // One that cannot be written (too large for the disk) must not fail its neighbours.
      if (transactions.length > 1 && isSqliteError(cause)) {
        return transactions.flatMap((transaction) => this.commit([transaction]));
      }
      return transactions.map(() => error);
    }
  }

  /** The database overwrites what is deleted in it; the log before it still has old pages, and is emptied. */
  scrub(): void {
    this.#mend();
    this.#emptyLog();
  }

  /** Makes the log durable and closes everything. @throws AuditUnavailableError */
  close(): void {
    clearTimeout(this.#syncTimer);
    try {
      this.#syncLog();
    } finally {
      this.#database.close();
      this.#trail.close();
      this.#head.close();
    }
  }

  #commitBatch(transactions: readonly Transaction[]): (number | Error)[] {
    let newest = this.sequence.value;
    const lines: string[] = [];
    this.#database.exec('BEGIN IMMEDIATE');
    const outcomes = transactions.map((transaction) => {
      const sequence = transaction.changes.length > 0 ? newest + 1 : newest;
      const conflict = this.#apply(transaction, sequence, lines);
      if (conflict) return conflict;
      newest = sequence;
      return sequence;
    });
    this.#pruneOutbox.run(this.#trail.durable);
    this.#pruneChanges.run(newest - this.#options.changeHistory);
    this.#database.exec('COMMIT');

    if (lines.length > 0) {
      this.#trail.export(lines);
      this.#syncLater();
    }
    this.#writeHead(newest);
    this.sequence.value = newest;
    return outcomes;
  }

  /** Applies one transaction or, on a conflict, nothing of it. */
  #apply(
    transaction: Transaction,
    sequence: number,
    lines: string[],
  ): StoreConflictError | undefined {
    const position: Position = this.#trail.position;
    this.#database.exec('SAVEPOINT request');
    for (const [i, change] of transaction.changes.entries()) {
      if (!this.#applyChange(change)) {
        this.#database.exec('ROLLBACK TO request; RELEASE request');
        this.#trail.unstage(position);
        return conflictOf(change);
      }
      this.#logChange.run(sequence, i, change.table, change.key);
    }
    if (transaction.audit !== undefined) {
      const line = this.#trail.stage(transaction.audit);
      this.#addToOutbox.run(this.#trail.position.sequence, line);
      lines.push(line);
    }
    this.#database.exec('RELEASE request');
    return undefined;
  }

  /** @returns false when the current version is not the expected one. */
  #applyChange(change: Change): boolean {
    const { insert, update, remove } = this.#tables[change.table];
    const { key, version } = change;
    if (change.kind === 'delete') return remove.run(key, version).changes === 1;
    const { body, mac } = change;
    if (version === 1) return insert.run(key, body, mac).changes === 1;
    return update.run(version, body, mac, key, version - 1).changes === 1;
  }

  #rollBack(): void {
    try {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
    } catch {
      this.#isUnknown = true;
    }
  }

  /**
   * Goes on after a sync that failed. What is committed is written into the database and synced there, and the write-ahead log
   * with what was rolled back is emptied: nothing that was told to have failed turns up later. Until that succeeds nothing is
   * written, the audit log neither, whose next numbers that log may hold as well.
   * @throws StoreUnavailableError
   */
  #mend(): void {
    if (!this.#isUnknown) return;
    this.#isUnknown = false;
    this.#rollBack();
    if (this.#isUnknown) throw new StoreUnavailableError('a transaction cannot be rolled back');
    this.#isUnknown = true;
    this.#emptyLog();
    this.#isUnknown = false;
  }

  /** @throws StoreUnavailableError */
  #emptyLog(): void {
    let isBusy: boolean;
    try {
      isBusy = this.#database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.busy !== 0;
    } catch (cause) {
      if (isSyncFailure(cause)) this.#isUnknown = true;
      throw new StoreUnavailableError(`the log was not emptied: ${errorText(cause)}`, { cause });
    }
    if (isBusy) throw new StoreUnavailableError('the log was not emptied: it is being read');
  }

  /** Writes what the log is owed and makes it durable. @throws AuditUnavailableError */
  settle(): void {
    this.#syncLog();
  }

  #syncLog(): void {
    clearTimeout(this.#syncTimer);
    this.#syncTimer = undefined;
    this.#trail.sync();
    this.#writeHead();
  }

  #syncLater(): void {
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined;
      try {
        this.#syncLog();
      } catch {
        // Tried again by the next append or commit, which reports it.
      }
    }, this.#options.auditSyncMs);
  }

  #writeHead(change = this.sequence.value): void {
    this.#head.write({ change, audit: this.#trail.durable });
  }
}

function prepareTable(database: DatabaseSync, table: Table): TableStatements {
  return {
    insert: database.prepare(
      `INSERT INTO record_${table} VALUES (?, 1, ?, ?) ON CONFLICT DO NOTHING`,
    ),
    update: database.prepare(
      `UPDATE record_${table} SET version = ?, body = ?, mac = ? WHERE key = ? AND version = ?`,
    ),
    remove: database.prepare(`DELETE FROM record_${table} WHERE key = ? AND version = ?`),
  };
}
