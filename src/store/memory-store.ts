/**
 * The store of an ephemeral server: records, changes and the audit log's end in memory, in the thread that
 * starts it. Nothing outlives it. Clients connect() as they do to the store writer.
 */
import { hash } from 'node:crypto';
import { MessageChannel } from 'node:worker_threads';
import { logStart, Sequencer } from '../audit/sequencer.ts';
import { MemoryClient } from './memory-client.ts';
import {
  type Change,
  type ChangedKey,
  type ListOptions,
  type StoredRecord,
  StoreUnavailableError,
  type Table,
  type Transaction,
} from './metadata-store.ts';
import { type Engine, PortServer } from './port-server.ts';
import { type RecordReader, SharedSequence, type StoreDescriptor } from './protocol.ts';
import { conflictOf, expectedVersion, tables } from './record-rules.ts';
import type { StoreOwner } from './store-writer.ts';

export interface MemoryStoreOptions {
  /** Newest changes that changesSince() can tell. */
  readonly changeHistory?: number;
  /** Newest audit lines to keep. */
  readonly auditHistory?: number;
}

export function startMemoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  return new MemoryStore(options);
}

export class MemoryStore implements StoreOwner {
  readonly #engine: MemoryEngine;
  readonly #server: PortServer;
  #closed = false;

  constructor({ changeHistory = 10_000, auditHistory = 10_000 }: MemoryStoreOptions) {
    this.#engine = new MemoryEngine(changeHistory, auditHistory);
    this.#server = new PortServer(this.#engine);
  }

  connect(): StoreDescriptor {
    if (this.#closed) throw new StoreUnavailableError('the store is closed');
    const { port1, port2 } = new MessageChannel();
    this.#server.serve(port2);
    return { port: port1, sequence: this.#engine.sequence.buffer };
  }

  /** A client in this thread, without a port: it keeps no process running. */
  open(): MemoryClient {
    if (this.#closed) throw new StoreUnavailableError('the store is closed');
    return new MemoryClient(this.#engine, () => this.#closed);
  }

  /** The newest audit lines, oldest first, without LF. */
  auditLines(): readonly string[] {
    return this.#engine.auditLines;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

type Records = Map<string, StoredRecord>;

class MemoryEngine implements Engine, RecordReader {
  readonly sequence: SharedSequence = new SharedSequence();
  readonly auditLines: string[] = [];
  readonly #records = new Map<Table, Records>(tables.map((table) => [table, new Map()]));
  readonly #sequencer = new Sequencer((text) => hash('sha256', text, 'hex'), logStart);
  readonly #changeHistory: number;
  readonly #auditHistory: number;
  #changes: ChangedKey[] = [];

  constructor(changeHistory: number, auditHistory: number) {
    this.#changeHistory = changeHistory;
    this.#auditHistory = auditHistory;
  }

  get reader(): RecordReader {
    return this;
  }

  append(events: readonly string[]): void {
    for (const event of events) this.auditLines.push(this.#sequencer.next(event));
    if (this.auditLines.length > 2 * this.#auditHistory) {
      this.auditLines.splice(0, this.auditLines.length - this.#auditHistory);
    }
  }

  commit(transactions: readonly Transaction[]): (number | Error)[] {
    return transactions.map((transaction) => this.#commitOne(transaction));
  }

  /** What no Map holds any more is nowhere else. */
  scrub(): void {}

  get(table: Table, key: string): StoredRecord | undefined {
    return this.#table(table).get(key);
  }

  list(table: Table, { prefix = '', after = '', limit }: ListOptions): StoredRecord[] {
    const past = Buffer.from(after);
    return [...this.#table(table).values()]
      .filter(({ key }) => key.startsWith(prefix))
      .map((record) => ({ record, bytes: Buffer.from(record.key) }))
      .filter(({ bytes }) => Buffer.compare(bytes, past) > 0)
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
      .slice(0, limit)
      .map(({ record }) => record);
  }

  changesSince(sequence: number, newest: number): ChangedKey[] | undefined {
    if (sequence === newest) return [];
    const first = this.#changes.findIndex((change) => change.sequence > sequence);
    return this.#changes[first]?.sequence === sequence + 1 ? this.#changes.slice(first) : undefined;
  }

  #commitOne({ changes, audit }: Transaction): number | Error {
    // What this transaction has done so far; undefined is a deleted record.
    const draft = new Map<string, StoredRecord | undefined>();
    for (const change of changes) {
      const name = `${change.table} ${change.key}`;
      const current = draft.has(name) ? draft.get(name) : this.get(change.table, change.key);
      if ((current?.version ?? 0) !== expectedVersion(change)) return conflictOf(change);
      draft.set(name, change.kind === 'put' ? toRecord(change) : undefined);
    }
    for (const change of changes) {
      if (change.kind === 'put') this.#table(change.table).set(change.key, toRecord(change));
      else this.#table(change.table).delete(change.key);
    }
    if (audit !== undefined) this.append([audit]);
    if (changes.length > 0) this.#logChanges(changes);
    return this.sequence.value;
  }

  #logChanges(changes: readonly Change[]): void {
    const sequence = this.sequence.value + 1;
    this.#changes.push(...changes.map(({ table, key }) => ({ sequence, table, key })));
    const oldest = this.#changes[0]?.sequence ?? sequence;
    // Pruned by halves, or each commit would copy the whole history.
    if (sequence - oldest >= 2 * this.#changeHistory) {
      this.#changes = this.#changes.filter(
        (change) => change.sequence > sequence - this.#changeHistory,
      );
    }
    this.sequence.value = sequence;
  }

  #table(table: Table): Records {
    return this.#records.get(table) as Records;
  }
}

function toRecord({ table, key, version, body, mac }: Change & { kind: 'put' }): StoredRecord {
  return { table, key, version, body, mac };
}
