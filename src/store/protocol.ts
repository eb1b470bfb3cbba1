/**
 * What travels between a store's clients and whoever owns it. Every request gets one reply with its id;
 * requests of one client are taken in order.
 */
import type { MessagePort } from 'node:worker_threads';
import { AuditUnavailableError } from '../audit/audit-log.ts';
import {
  type ChangedKey,
  type ListOptions,
  StoreConflictError,
  type StoredRecord,
  StoreUnavailableError,
  type Table,
  type Transaction,
} from './metadata-store.ts';

/**
 * One client's way to the store. Hand it to another thread with `postMessage(x, [x.port])`, or open it in
 * this one; once only.
 */
export interface StoreDescriptor {
  readonly port: MessagePort;
  /** One 64-bit integer: the change sequence. */
  readonly sequence: SharedArrayBuffer;
  /** Path of a database to read from; without it reads go through the port. */
  readonly database?: string;
}

/** What a store without a database of its own answers. */
export interface RecordReader {
  get(table: Table, key: string): StoredRecord | undefined;
  list(table: Table, options: ListOptions): StoredRecord[];
  /** @param newest the change sequence as read before the call. */
  changesSince(sequence: number, newest: number): ChangedKey[] | undefined;
}

export type ReadRequest =
  | { readonly kind: 'get'; readonly id: number; readonly table: Table; readonly key: string }
  | {
      readonly kind: 'list';
      readonly id: number;
      readonly table: Table;
      readonly options: ListOptions;
    }
  | { readonly kind: 'changes'; readonly id: number; readonly sequence: number };

export interface CommitRequest {
  readonly kind: 'commit';
  readonly id: number;
  readonly transaction: Transaction;
}

export interface AppendRequest {
  readonly kind: 'append';
  readonly id: number;
  /** JSON objects, one a line: one string crosses threads far cheaper than many. */
  readonly events: string;
}

export interface ScrubRequest {
  readonly kind: 'scrub';
  readonly id: number;
}

export type StoreRequest = ReadRequest | CommitRequest | AppendRequest | ScrubRequest;

export interface StoreReply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: WireError;
}

/** An error's name and message; classes do not survive structured clone. */
export interface WireError {
  readonly name: string;
  readonly message: string;
}

export function encodeError(error: unknown): WireError {
  return error instanceof Error
    ? { name: error.name, message: error.message }
    : { name: 'Error', message: String(error) };
}

export function decodeError({ name, message }: WireError): Error {
  switch (name) {
    case 'StoreConflictError':
      return new StoreConflictError(message);
    case 'AuditUnavailableError':
      return new AuditUnavailableError(message);
    case 'RangeError':
      return new RangeError(message);
    default:
      return new StoreUnavailableError(message);
  }
}

/** The change sequence in memory that all threads of the process share. */
export class SharedSequence {
  readonly buffer: SharedArrayBuffer;
  readonly #cell: BigInt64Array<SharedArrayBuffer>;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.buffer = buffer;
    this.#cell = new BigInt64Array(buffer);
  }

  get value(): number {
    return Number(Atomics.load(this.#cell, 0));
  }

  set value(sequence: number) {
    Atomics.store(this.#cell, 0, BigInt(sequence));
  }
}
