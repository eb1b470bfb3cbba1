/**
 * MemoryClient: the view that the thread of a MemoryStore has of it. Calls the engine directly: no port, so nothing
 * that keeps the process running, and no turn of the event loop.
 */
import {
  type AuditEvent,
  type AuditLog,
  AuditUnavailableError,
  encodeAuditEvent,
} from '../audit/audit-log.ts';
import {
  type ChangedKey,
  type ListOptions,
  type MetadataStore,
  type StoredRecord,
  StoreUnavailableError,
  type Table,
  type Transaction,
} from './metadata-store.ts';
import type { Engine } from './port-server.ts';
import type { RecordReader } from './protocol.ts';
import { checkedCopy, checkKey, checkListOptions, checkTable } from './record-rules.ts';

export class MemoryClient implements MetadataStore, AuditLog {
  readonly #engine: Engine & { readonly reader: RecordReader };
  readonly #isOwnerClosed: () => boolean;
  #closed = false;

  constructor(engine: Engine & { readonly reader: RecordReader }, isOwnerClosed: () => boolean) {
    this.#engine = engine;
    this.#isOwnerClosed = isOwnerClosed;
  }

  async get(table: Table, key: string): Promise<StoredRecord | undefined> {
    checkTable(table);
    checkKey(key);
    this.#requireOpen();
    const record = this.#engine.reader.get(table, key);
    return record && copyOf(record);
  }

  async list(table: Table, options: ListOptions): Promise<StoredRecord[]> {
    checkTable(table);
    checkListOptions(options);
    this.#requireOpen();
    return this.#engine.reader.list(table, options).map(copyOf);
  }

  async commit(transaction: Transaction): Promise<number> {
    const copy = checkedCopy(transaction);
    this.#requireOpen();
    const [outcome] = this.#engine.commit([copy]);
    if (typeof outcome !== 'number') throw outcome;
    return outcome;
  }

  sequence(): number {
    return this.#engine.sequence.value;
  }

  async changesSince(sequence: number): Promise<ChangedKey[] | undefined> {
    this.#requireOpen();
    return this.#engine.reader.changesSince(sequence, this.sequence());
  }

  async scrub(): Promise<void> {
    this.#requireOpen();
    this.#engine.scrub();
  }

  async append(event: AuditEvent): Promise<void> {
    if (this.#isClosed) throw new AuditUnavailableError('the audit log is closed');
    this.#engine.append([encodeAuditEvent(event)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
  }

  get #isClosed(): boolean {
    return this.#closed || this.#isOwnerClosed();
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new StoreUnavailableError('the store is closed');
  }
}

/** A record that its reader may change without harm. */
function copyOf(record: StoredRecord): StoredRecord {
  return { ...record, body: record.body.slice(), mac: record.mac.slice() };
}
