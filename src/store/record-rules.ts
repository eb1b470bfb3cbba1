/** What a record and a transaction must look like, whatever keeps them. Broken rules are the caller's bugs. */

import { isObject } from '../values/unknown.ts';
import {
  type Change,
  type ListOptions,
  StoreConflictError,
  type Table,
  type Transaction,
} from './metadata-store.ts';

export const tables: readonly Table[] = ['keys', 'aliases', 'domains', 'settings', 'due'];

/** Characters (UTF-16 code units) of the longest key. */
const keyLengthMax = 512;

/** @throws RangeError */
export function checkTable(table: Table): void {
  if (!tables.includes(table)) throw new RangeError(`no table ${JSON.stringify(table)}`);
}

/** @throws RangeError */
export function checkKey(key: string): void {
  if (typeof key !== 'string' || key.length < 1 || key.length > keyLengthMax) {
    throw new RangeError(`key must have 1 to ${keyLengthMax} characters`);
  }
  if (!key.isWellFormed() || key.includes('\0')) {
    throw new RangeError('key must be well-formed Unicode without U+0000');
  }
}

/** @throws RangeError */
export function checkListOptions({ limit }: ListOptions): void {
  if (!Number.isSafeInteger(limit) || limit < 0)
    throw new RangeError(`limit must be an integer of at least 0, got ${limit}`);
}

/** The version that a change needs to find; 0: no record. */
export function expectedVersion(change: Change): number {
  return change.kind === 'put' ? change.version - 1 : change.version;
}

/** For a change that found another version than it expects. */
export function conflictOf(change: Change): StoreConflictError {
  return new StoreConflictError(
    `${change.kind} of ${change.table} record: not version ${expectedVersion(change)}`,
  );
}

/** A copy of `transaction` that shares no memory with the caller. @throws RangeError, TypeError */
export function checkedCopy(transaction: Transaction): Transaction {
  const changes = transaction.changes.map((change) => {
    const { kind, table, key, version } = change;
    checkTable(table);
    checkKey(key);
    if (!Number.isSafeInteger(version) || version < 1) {
      throw new RangeError(`version must be an integer of at least 1, got ${version}`);
    }
    if (kind === 'delete') return { kind, table, key, version };
    // Exact copies: structured clone of a view would carry its whole buffer along.
    return { kind, table, key, version, body: exact(change.body), mac: exact(change.mac) };
  });
  if (transaction.audit === undefined) return { changes };
  checkEvent(transaction.audit);
  return { changes, audit: transaction.audit };
}

function exact(bytes: Uint8Array): Uint8Array {
  if (!(bytes instanceof Uint8Array)) throw new TypeError('body and mac must be Uint8Array');
  return Uint8Array.from(bytes);
}

/** An event must stay one line of the log. */
function checkEvent(audit: string): void {
  const event: unknown = JSON.parse(audit);
  if (!isObject(event) || /[\r\n]/.test(audit)) {
    throw new TypeError('audit must be one JSON object without line breaks');
  }
}
