/**
 * PortServer: takes the requests of all clients and hands them to the engine in batches. All that arrived
 * while the last batch was being made durable goes into the next: the group commit.
 */
import type { MessagePort } from 'node:worker_threads';
import { AuditUnavailableError } from '../audit/audit-log.ts';
import { StoreUnavailableError, type Transaction } from './metadata-store.ts';
import {
  type AppendRequest,
  type CommitRequest,
  encodeError,
  type ReadRequest,
  type RecordReader,
  type SharedSequence,
  type StoreReply,
  type StoreRequest,
} from './protocol.ts';

/** Who owns the records. Synchronous: a batch is either done or not begun. */
export interface Engine {
  readonly sequence: SharedSequence;
  /** Present when clients cannot read for themselves. */
  readonly reader?: RecordReader;
  /** Each transaction alone succeeds or fails. @returns a change sequence or an error for each. */
  commit(transactions: readonly Transaction[]): (number | Error)[];
  /** All events are in the log when it returns. @throws AuditUnavailableError */
  append(events: readonly string[]): void;
  /** As MetadataStore says. @throws StoreUnavailableError */
  scrub(): void;
}

interface Waiting<R> {
  readonly port: MessagePort;
  readonly request: R;
}

export class PortServer {
  readonly #engine: Engine;
  readonly #ports = new Set<MessagePort>();
  #appends: Waiting<AppendRequest>[] = [];
  #commits: Waiting<CommitRequest>[] = [];
  #scheduled = false;
  #closed = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Serves a client until it closes its end. */
  serve(port: MessagePort): void {
    this.#ports.add(port);
    port.on('message', (request: StoreRequest) => this.#take(port, request));
    port.on('close', () => this.#ports.delete(port));
  }

  /** Does what is queued and refuses what comes later; the ports close. */
  close(): void {
    this.#runBatch();
    this.#closed = true;
    for (const port of this.#ports) port.close();
  }

  #take(port: MessagePort, request: StoreRequest): void {
    if (this.#closed) return;
    switch (request.kind) {
      case 'append':
        this.#appends.push({ port, request });
        break;
      case 'commit':
        this.#commits.push({ port, request });
        break;
      case 'scrub':
        doNow(port, request, () => this.#engine.scrub());
        return;
      default:
        doNow(port, request, () => this.#answer(request));
        return;
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After this turn's messages of every port.
    setImmediate(() => this.#runBatch());
  }

  #runBatch(): void {
    this.#scheduled = false;
    const appends = this.#appends;
    const commits = this.#commits;
    this.#appends = [];
    this.#commits = [];
    if (appends.length > 0) this.#runAppends(appends);
    if (commits.length > 0) this.#runCommits(commits);
  }

  #runAppends(waiting: readonly Waiting<AppendRequest>[]): void {
    let error: unknown;
    try {
      this.#engine.append(waiting.flatMap(({ request }) => request.events.split('\n')));
    } catch (thrown) {
      if (!(thrown instanceof AuditUnavailableError)) throw thrown;
      error = thrown;
    }
    for (const { port, request } of waiting) reply(port, request.id, error);
  }

  #runCommits(waiting: readonly Waiting<CommitRequest>[]): void {
    const outcomes = this.#engine.commit(waiting.map(({ request }) => request.transaction));
    for (const [i, { port, request }] of waiting.entries()) {
      const outcome = outcomes[i];
      if (outcome instanceof Error) reply(port, request.id, outcome);
      else reply(port, request.id, undefined, outcome);
    }
  }

  #answer(request: ReadRequest): unknown {
    const { reader, sequence } = this.#engine;
    if (!reader) throw new StoreUnavailableError('this store is read through its database');
    switch (request.kind) {
      case 'get':
        return reader.get(request.table, request.key);
      case 'list':
        return reader.list(request.table, request.options);
      case 'changes':
        return reader.changesSince(request.sequence, sequence.value);
    }
  }
}

function doNow(port: MessagePort, { id }: { readonly id: number }, work: () => unknown): void {
  try {
    reply(port, id, undefined, work());
  } catch (error) {
    reply(port, id, error);
  }
}

function reply(port: MessagePort, id: number, error: unknown, value?: unknown): void {
  const message: StoreReply =
    error === undefined ? { id, value } : { id, error: encodeError(error) };
  port.postMessage(message);
}
