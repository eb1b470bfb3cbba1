/**
 * StoreWriter: the handle of the store-writer thread, the one writer of a data directory's database and audit
 * log. Clients in any thread connect() to it.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { AuditUnavailableError } from '../audit/audit-log.ts';
import type { AuditRecovery } from '../audit/recovery.ts';
import {
  type DataDirectoryCode,
  DataDirectoryError,
  type DataDirectoryLock,
} from './data-directory.ts';
import { StoreUnavailableError } from './metadata-store.ts';
import type { StoreDescriptor, WireError } from './protocol.ts';
import { workerUrl } from './worker-url.ts';
import type { FromWriter, ToWriter, WriterData } from './writer-thread.ts';

export interface StoreWriterOptions {
  /** Proof that the directory is ours; must outlive the writer. */
  readonly lock: DataDirectoryLock;
  /** The device whose keys the records belong to; a directory keeps the one it was made with. */
  readonly deviceId: string;
  /** Newest changes that changesSince() can tell. */
  readonly changeHistory?: number;
  /** Longest time between an audit record and its sync, in ms; 0 syncs before each reply. */
  readonly auditSyncMs?: number;
  /** Pages of 4,096 bytes that the database may have. */
  readonly pageCountMax?: number;
}

/** Whoever owns a store: connect() for each client. */
export interface StoreOwner extends AsyncDisposable {
  connect(): StoreDescriptor;
  /** Does what is queued, then closes the ports of all clients. */
  close(): Promise<void>;
}

export interface StoreWriter extends StoreOwner {
  /** UUID of the data directory, made with it. */
  readonly directoryId: string;
  /** What was mended at this start. */
  readonly recovery: AuditRecovery;
  /**
   * Runs `work` while nothing is written: store and audit log stand as they are at one moment. Whatever comes in waits, so
   * it has to be short.
   * @throws AuditUnavailableError when the log cannot be made durable; what `work` throws
   */
  hold<T>(work: (auditLength: number) => T): Promise<T>;
  /** Resolves when the thread has ended, with the error unless close() ended it. */
  readonly ended: Promise<Error | undefined>;
}

/** @throws DataDirectoryError when the directory cannot be used; nothing was changed then. */
export async function startStoreWriter(options: StoreWriterOptions): Promise<StoreWriter> {
  const { lock, deviceId, changeHistory = 10_000, auditSyncMs = 100, pageCountMax } = options;
  const workerData: WriterData = {
    directory: lock.directory,
    database: lock.path('database'),
    head: lock.path('head'),
    audit: lock.path('audit'),
    torn: lock.path('torn'),
    deviceId,
    changeHistory,
    auditSyncMs,
    ...(pageCountMax === undefined ? {} : { pageCountMax }),
  };
  const worker = new Worker(workerUrl('./writer-thread', import.meta.url), {
    name: 'store-writer',
    workerData,
  });
  return await new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (message: FromWriter) => {
      worker.off('error', reject);
      if (message.kind === 'ready') resolve(new WriterHandle(worker, message, workerData.database));
      else if (message.kind === 'refused') reject(decodeRefusal(message.error));
    });
  });
}

class WriterHandle implements StoreWriter {
  readonly directoryId: string;
  readonly recovery: AuditRecovery;
  readonly ended: Promise<Error | undefined>;
  readonly #worker: Worker;
  readonly #sequence: SharedArrayBuffer;
  readonly #database: string;
  #closing: Promise<void> | undefined;

  constructor(worker: Worker, ready: FromWriter & { kind: 'ready' }, database: string) {
    this.#worker = worker;
    this.directoryId = ready.directoryId;
    this.recovery = ready.recovery;
    this.#sequence = ready.sequence;
    this.#database = database;
    let error: Error | undefined;
    worker.on('error', (thrown) => {
      error = thrown as Error;
    });
    worker.on('message', (message: FromWriter) => {
      if (message.kind === 'closed' && message.error) {
        error = new AuditUnavailableError(message.error.message);
      }
    });
    this.ended = new Promise((resolve) => worker.on('exit', () => resolve(error)));
  }

  connect(): StoreDescriptor {
    if (this.#closing !== undefined) throw new StoreUnavailableError('the store is closed');
    const { port1, port2 } = new MessageChannel();
    this.#post({ kind: 'connect', port: port2 }, [port2]);
    return { port: port1, sequence: this.#sequence, database: this.#database };
  }

  async hold<T>(work: (auditLength: number) => T): Promise<T> {
    if (this.#closing !== undefined) throw new StoreUnavailableError('the store is closed');
    const flag = new SharedArrayBuffer(4);
    const released = new Int32Array(flag);
    try {
      const auditLength = await new Promise<number | undefined>((resolve, reject) => {
        const listen = (message: FromWriter): void => {
          if (message.kind !== 'held') return;
          this.#worker.off('message', listen);
          resolve(message.auditLength);
        };
        this.#worker.on('message', listen);
        void this.ended.then(() => reject(new StoreUnavailableError('the store is closed')));
        this.#post({ kind: 'hold', flag });
      });
      if (auditLength === undefined)
        throw new AuditUnavailableError('the audit log cannot be made durable');
      return work(auditLength);
    } finally {
      Atomics.store(released, 0, 1);
      Atomics.notify(released, 0);
    }
  }

  /** @throws AuditUnavailableError when the last audit records could not be made durable. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#post({ kind: 'close' });
    const error = await this.ended;
    if (error) throw error;
  }

  #post(message: ToWriter, transfer: readonly MessagePort[] = []): void {
    this.#worker.postMessage(message, transfer);
  }
}

function decodeRefusal({ message, code }: WireError & { code?: string }): Error {
  return code === undefined
    ? new StoreUnavailableError(message)
    : new DataDirectoryError(code as DataDirectoryCode, message);
}
