/**
 * StoreClient: one thread's view of a store, as MetadataStore and as AuditLog. Reads go to a connection of its
 * own (or, without a database, through the port), writes and audit records to the store's owner.
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
import {
  decodeError,
  type ReadRequest,
  SharedSequence,
  type StoreDescriptor,
  type StoreReply,
  type StoreRequest,
} from './protocol.ts';
import { checkedCopy, checkKey, checkListOptions, checkTable } from './record-rules.ts';
import { isSqliteError } from './sqlite-error.ts';
import { SqliteReader } from './sqlite-reader.ts';

type Settle = Pick<PromiseWithResolvers<unknown>, 'resolve' | 'reject'>;

/** Records of one turn of the event loop; all share one promise. */
interface AppendBatch {
  readonly events: string[];
  readonly done: PromiseWithResolvers<void>;
}

/** Opens a descriptor that StoreWriter.connect() or MemoryStore.connect() made. */
export function openStoreClient(descriptor: StoreDescriptor): StoreClient {
  return new StoreClient(descriptor);
}

/** An omitted member of Omit over each member of a union. */
type WithoutId<R> = R extends unknown ? Omit<R, 'id'> : never;

export class StoreClient implements MetadataStore, AuditLog {
  readonly #port: StoreDescriptor['port'];
  readonly #sequence: SharedSequence;
  readonly #reader: SqliteReader | undefined;
  readonly #pending = new Map<number, Settle>();
  readonly #portClosed = Promise.withResolvers<void>();
  #lastId = 0;
  #batch: AppendBatch | undefined;
  #closed = false;

  constructor({ port, sequence, database }: StoreDescriptor) {
    this.#port = port;
    this.#sequence = new SharedSequence(sequence);
    this.#reader = database === undefined ? undefined : new SqliteReader(database);
    port.on('message', (reply: StoreReply) => this.#settle(reply));
    port.on('close', () => this.#lose());
  }

  async get(table: Table, key: string): Promise<StoredRecord | undefined> {
    checkTable(table);
    checkKey(key);
    if (!this.#reader)
      return (await this.#ask({ kind: 'get', table, key })) as StoredRecord | undefined;
    return this.#read((reader) => reader.get(table, key));
  }

  async list(table: Table, options: ListOptions): Promise<StoredRecord[]> {
    checkTable(table);
    checkListOptions(options);
    if (!this.#reader) return (await this.#ask({ kind: 'list', table, options })) as StoredRecord[];
    return this.#read((reader) => reader.list(table, options));
  }

  async commit(transaction: Transaction): Promise<number> {
    const copy = checkedCopy(transaction);
    if (this.#closed) throw closedError();
    return (await this.#send({ kind: 'commit', transaction: copy })) as number;
  }

  sequence(): number {
    return this.#sequence.value;
  }

  async changesSince(sequence: number): Promise<ChangedKey[] | undefined> {
    if (!this.#reader)
      return (await this.#ask({ kind: 'changes', sequence })) as ChangedKey[] | undefined;
    const newest = this.sequence();
    return this.#read((reader) => reader.changesSince(sequence, newest));
  }

  async scrub(): Promise<void> {
    if (this.#closed) throw closedError();
    await this.#send({ kind: 'scrub' });
  }

  append(event: AuditEvent): Promise<void> {
    if (this.#closed) return Promise.reject(new AuditUnavailableError('the audit log is closed'));
    const text = encodeAuditEvent(event);
    if (!this.#batch) {
      this.#batch = { events: [], done: Promise.withResolvers() };
      // After every request that this turn of the loop read.
      setImmediate(() => this.#flush());
    }
    this.#batch.events.push(text);
    return this.#batch.done.promise;
  }

  /** Waits for what is under way, then closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#flush();
    this.#closed = true;
    if (this.#pending.size === 0) this.#port.close();
    await this.#portClosed.promise;
  }

  #flush(): void {
    const batch = this.#batch;
    if (!batch) return;
    this.#batch = undefined;
    this.#send({ kind: 'append', events: batch.events.join('\n') }).then(
      () => batch.done.resolve(),
      (error: Error) =>
        batch.done.reject(
          error instanceof AuditUnavailableError ? error : new AuditUnavailableError(error.message),
        ),
    );
  }

  async #ask(request: WithoutId<ReadRequest>): Promise<unknown> {
    if (this.#closed) throw closedError();
    return await this.#send(request);
  }

  #read<T>(read: (reader: SqliteReader) => T): T {
    if (this.#closed) throw closedError();
    try {
      return read(this.#reader as SqliteReader);
    } catch (cause) {
      if (!isSqliteError(cause)) throw cause;
      throw new StoreUnavailableError(`the store cannot be read: ${cause.message}`, { cause });
    }
  }

  #send(request: WithoutId<StoreRequest>): Promise<unknown> {
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { resolve, reject });
    this.#port.postMessage({ ...request, id });
    return promise;
  }

  #settle({ id, value, error }: StoreReply): void {
    const settle = this.#pending.get(id);
    this.#pending.delete(id);
    if (error) settle?.reject(decodeError(error));
    else settle?.resolve(value);
    if (this.#closed && this.#pending.size === 0) this.#port.close();
  }

  /** The port is gone: closed by us, or the store's owner ended. */
  #lose(): void {
    this.#closed = true;
    for (const { reject } of this.#pending.values()) {
      reject(
        new StoreUnavailableError('the store closed before it answered; the outcome is unknown'),
      );
    }
    this.#pending.clear();
    this.#batch?.done.reject(new AuditUnavailableError('the audit log is closed'));
    this.#batch = undefined;
    this.#reader?.[Symbol.dispose]();
    this.#portClosed.resolve();
  }
}

function closedError(): StoreUnavailableError {
  return new StoreUnavailableError('the store is closed');
}
