/**
 * MetadataStore: durable records, transactions and a change sequence. One of the project's four seams:
 * test/contract/store.contract.ts runs over every implementation.
 *
 * A record is opaque here: the KMS makes its body and the token its MAC. Writes are transactions with
 * expected versions; the store never merges.
 */

/** Which kind of record; each table has its own key space. */
export type Table = 'keys' | 'aliases' | 'domains' | 'settings' | 'due';

export interface StoredRecord {
  readonly table: Table;
  /** Primary key: 1 to 512 characters, well-formed, no U+0000; ordered by its UTF-8 bytes. */
  readonly key: string;
  /** 1 for a new record, one more at each put. */
  readonly version: number;
  readonly body: Uint8Array;
  /** Made by the token over table, key, version and body; checked by whoever reads. */
  readonly mac: Uint8Array;
}

export type Change =
  | ({ readonly kind: 'put' } & StoredRecord)
  /** `version` is the version that must be current; a put's is one more than the current one. */
  | {
      readonly kind: 'delete';
      readonly table: Table;
      readonly key: string;
      readonly version: number;
    };

export interface Transaction {
  readonly changes: readonly Change[];
  /** Audit event of the mutation: durable in the same transaction (see AuditLog for the form). */
  readonly audit?: string;
}

export interface ChangedKey {
  readonly sequence: number;
  readonly table: Table;
  readonly key: string;
}

/** Records whose key starts with `prefix` and is greater than `after`, in key order, at most `limit`. */
export interface ListOptions {
  readonly prefix?: string;
  readonly after?: string;
  readonly limit: number;
}

/** A version in the transaction was not the expected one; nothing was written. */
export class StoreConflictError extends Error {
  override readonly name = 'StoreConflictError';
}

/** The store could not make the transaction durable (disk full, I/O error, closed); nothing was written. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}

export interface MetadataStore extends AsyncDisposable {
  /** @throws StoreUnavailableError, as do list() and changesSince(); RangeError for a key that no record can have. */
  get(table: Table, key: string): Promise<StoredRecord | undefined>;
  list(table: Table, options: ListOptions): Promise<StoredRecord[]>;
  /**
   * All changes or none, durable when it resolves to the change sequence.
   * @throws StoreConflictError, StoreUnavailableError
   */
  commit(transaction: Transaction): Promise<number>;
  /**
   * Number of transactions that changed a record since the store was made: one more for each, never back.
   * Moves after the commit and before commit() resolves. Cheap.
   */
  sequence(): number;
  /** Keys changed after `sequence`, oldest first; undefined when that is too long ago to tell. */
  changesSince(sequence: number): Promise<ChangedKey[] | undefined>;
  /**
   * When it resolves, nothing that was deleted or replaced before the call is left in what the store keeps, its logs and
   * free space included. Slow: for when keys are destroyed. @throws StoreUnavailableError; then some of it may be left
   */
  scrub(): Promise<void>;
}
