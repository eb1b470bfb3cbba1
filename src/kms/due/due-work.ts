/**
 * Due work: what has a date is done when the domain clock comes to it, in the order of the dates, once each. One runner
 * for all threads of a service works through table `due`.
 *
 * Once: an item is removed in the transaction that does it. A stop, a crash or a long sleep before that changes
 * nothing: the item is still there, and is done at the next start. What an item does outside the store is repeatable.
 *
 * What fails is tried again, ever more rarely, and keeps nothing else waiting; `status()` shows it.
 */
import { type AuditEvent, encodeAuditEvent } from '../../audit/audit-log.ts';
import type { Clock } from '../../clock/clock.ts';
import type { MaterialBinding } from '../../keystore/key-store.ts';
import {
  type Change,
  type MetadataStore,
  StoreConflictError,
  type StoredRecord,
} from '../../store/metadata-store.ts';
import type { RegionService } from '../region-service.ts';
import { type DueItem, parseDueKey } from './due-item.ts';

/** Which key's material is gone. */
export type DestroyedKey = Pick<MaterialBinding, 'accountId' | 'region' | 'keyId'>;

/** What one item comes to. All of it, and the removal of the item, is one transaction. */
export interface DueOutcome {
  readonly changes: readonly (Change | Promise<Change>)[];
  readonly audit?: AuditEvent;
  /** When the same is due again: later than the item. */
  readonly nextAtMs?: number;
  readonly destroyed?: DestroyedKey;
}

/** How work of one kind is done. */
export interface DueHandler {
  /**
   * Its date is the item's: one that was slept through is done as if it were then. May be called again for the same item
   * until its outcome is committed. Without changes there was nothing to do.
   */
  run(item: DueItem, service: RegionService): Promise<DueOutcome>;
}

export interface DueWorkOptions {
  readonly store: MetadataStore;
  readonly regions: ReadonlyMap<string, RegionService>;
  /** By kind. */
  readonly handlers: Readonly<Record<string, DueHandler>>;
  readonly domainClock: Clock;
  /** Told after the transaction: other threads let go of the key. */
  readonly onDestroyed?: (key: DestroyedKey) => Promise<void>;
  /** Told of each failure, for a log. */
  readonly onFailure?: (failure: DueFailure) => void;
  /** How often the list is looked at when nothing else says so, ms. */
  readonly pollMs?: number;
  /** Of what failed: before the first new try, and at most, ms. */
  readonly retryMs?: { readonly first: number; readonly longest: number };
}

export interface DueFailure {
  /** `scrub`: what was deleted is not yet gone from the store's files; `list`: the store cannot be read. */
  readonly kind: string;
  readonly region?: string;
  readonly subject?: string;
  /** ISO 8601. */
  readonly dueAt?: string;
  readonly attempts: number;
  readonly error: string;
}

export interface DueStatus {
  /** Date of the first item that is not due yet, ISO 8601. */
  readonly nextAt?: string;
  /** What was due and failed, and will be tried again. */
  readonly failing: readonly DueFailure[];
}

/** For metrics. */
export interface DueLoad {
  /** Items that are due and not done. */
  readonly waiting: number;
  /** How long the first of them has been due, by the domain clock; 0 when there is none. */
  readonly oldestSeconds: number;
  /** Tries since the start. */
  readonly done: readonly {
    readonly kind: string;
    readonly outcome: 'success' | 'failure';
    readonly count: number;
  }[];
}

/** What settle() came to. */
export interface DueReport {
  readonly done: number;
  readonly failing: number;
}

interface Trouble extends DueFailure {
  /** Of performance.now(). */
  readonly retryAtMs: number;
}

/** Of an item that others change at the same time. */
const attemptsMax = 32;
/** Records looked at in one go. */
const pageLength = 64;
const scrubName = 'scrub';
const listName = 'list';

export class DueWork implements AsyncDisposable {
  readonly #options: DueWorkOptions;
  readonly #pollMs: number;
  readonly #retryMs: { readonly first: number; readonly longest: number };
  /** By primary key, scrubName or listName. */
  readonly #failing = new Map<string, Trouble>();
  #timer: NodeJS.Timeout | undefined;
  /** The pass under way, or the last one. */
  #pass: Promise<DueReport> = Promise.resolve({ done: 0, failing: 0 });
  #isRunning = false;
  #isStarted = false;
  #isClosed = false;
  #nextAtMs: number | undefined;
  /** The store's change sequence when the list was last looked at. */
  #sequence = -1;
  #isScrubbed = true;
  /** By kind and outcome. */
  readonly #tries = new Map<string, number>();

  constructor(options: DueWorkOptions) {
    this.#options = options;
    this.#pollMs = options.pollMs ?? 1000;
    this.#retryMs = options.retryMs ?? { first: 1000, longest: 300_000 };
  }

  /** Begins to work, now and whenever something is due. */
  start(): void {
    this.#isStarted = true;
    this.#tick();
  }

  /** Does all that is due now. What failed and waits for its next try is not tried earlier. */
  settle(): Promise<DueReport> {
    // A pass under way may have looked at the clock before it was moved.
    const before = this.#pass;
    this.#pass = before.then(() => this.#run());
    return this.#pass;
  }

  status(): DueStatus {
    return {
      ...(this.#nextAtMs !== undefined && { nextAt: new Date(this.#nextAtMs).toISOString() }),
      failing: [...this.#failing.values()].map(({ retryAtMs: _, ...failure }) => failure),
    };
  }

  /** Ends after the item under way. */
  /** @throws StoreUnavailableError */
  async load(): Promise<DueLoad> {
    const { store, domainClock } = this.#options;
    const nowMs = domainClock.nowMs();
    let waiting = 0;
    let oldestMs = nowMs;
    for (let after = ''; ; ) {
      const page = await store.list('due', { after, limit: pageLength });
      const due = page.filter(({ key }) => (parseDueKey(key)?.dueAtMs ?? 0) <= nowMs);
      const [first] = due;
      if (waiting === 0 && first) oldestMs = parseDueKey(first.key)?.dueAtMs ?? nowMs;
      waiting += due.length;
      if (due.length < pageLength) break;
      after = due.at(-1)?.key ?? '';
    }
    const done = [...this.#tries].map(([name, count]) => {
      const [kind = '', outcome] = name.split(' ');
      return { kind, outcome: outcome as 'success' | 'failure', count };
    });
    return { waiting, oldestSeconds: (nowMs - oldestMs) / 1000, done };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#pass;
  }

  #tick(): void {
    if (this.#isWanted()) void this.settle();
    else this.#waitForNext();
  }

  /** Looks again at the next date, and not later than the poll: another thread may put something on the list. */
  #waitForNext(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed || this.#isRunning || !this.#isStarted) return;
    const untilNextMs = (this.#nextAtMs ?? Number.MAX_VALUE) - this.#options.domainClock.nowMs();
    const delayMs = Math.min(this.#pollMs, Math.max(untilNextMs, 1));
    this.#timer = setTimeout(() => this.#tick(), delayMs).unref();
  }

  #isWanted(): boolean {
    const { store, domainClock } = this.#options;
    if (this.#isRunning || this.#isClosed) return false;
    if (store.sequence() !== this.#sequence) return true;
    if (this.#nextAtMs !== undefined && this.#nextAtMs <= domainClock.nowMs()) return true;
    return [...this.#failing.values()].some(({ retryAtMs }) => retryAtMs <= performance.now());
  }

  /** One pass over all that is due. Never rejects. */
  async #run(): Promise<DueReport> {
    this.#isRunning = true;
    this.#sequence = this.#options.store.sequence();
    let done = 0;
    try {
      done = await this.#workThrough();
      this.#failing.delete(listName);
    } catch (error) {
      this.#fail(listName, { kind: listName }, error);
    }
    await this.#scrub();
    this.#isRunning = false;
    this.#waitForNext();
    return { done, failing: this.#failing.size };
  }

  /** @returns how many items were done. @throws StoreUnavailableError of the list */
  async #workThrough(): Promise<number> {
    const seen = new Set<string>([scrubName, listName]);
    let done = 0;
    for (let after = ''; !this.#isClosed; ) {
      const { record, item } = await this.#nextDue(after, seen);
      if (record === undefined) {
        this.#nextAtMs = item?.dueAtMs;
        for (const name of this.#failing.keys()) if (!seen.has(name)) this.#failing.delete(name);
        break;
      }
      after = record.key;
      try {
        await this.#do(record, item);
        this.#failing.delete(record.key);
        this.#count(item, 'success');
        done += 1;
      } catch (error) {
        this.#count(item, 'failure');
        this.#fail(record.key, about(item), error);
      }
    }
    return done;
  }

  /**
   * The first record after `after` that is due and may be tried. Asked anew for each: what is due again lies behind its
   * item, and may come before the one that was next.
   * @param seen gets the name of what was looked at
   * @returns without a record when there is none: the item is then the first that is not due yet
   */
  async #nextDue(
    after: string,
    seen: Set<string>,
  ): Promise<{ readonly record?: StoredRecord; readonly item: DueItem | undefined }> {
    const { store, domainClock } = this.#options;
    for (let last = after; ; ) {
      const page = await store.list('due', { after: last, limit: pageLength });
      for (const record of page) {
        const item = parseDueKey(record.key);
        if (item !== undefined && item.dueAtMs > domainClock.nowMs()) return { item };
        seen.add(record.key);
        if (this.#mayTry(record.key)) return { record, item };
        last = record.key;
      }
      if (page.length < pageLength) return { item: undefined };
    }
  }

  /** @throws whatever keeps it from being done */
  async #do(record: StoredRecord, item: DueItem | undefined): Promise<void> {
    const { store, regions, handlers } = this.#options;
    if (item === undefined) throw new Error('no item of due work');
    const service = regions.get(item.region);
    if (service === undefined) throw new Error(`Region ${item.region} is not served`);
    const handler = Object.hasOwn(handlers, item.kind) ? handlers[item.kind] : undefined;
    if (handler === undefined) throw new Error(`no such work: ${item.kind}`);
    await service.due.verify(record);
    for (let attempt = 1; ; attempt += 1) {
      try {
        const { changes, audit, nextAtMs, destroyed } = await handler.run(item, service);
        const all = [...changes, service.due.disarm(item)];
        if (nextAtMs !== undefined) {
          if (!(nextAtMs > item.dueAtMs)) throw new Error(`${item.kind} is due again at once`);
          all.push(await service.due.arm({ ...item, dueAtMs: nextAtMs }));
        }
        if (destroyed !== undefined) this.#isScrubbed = false;
        await store.commit({
          changes: await Promise.all(all),
          ...(audit && { audit: encodeAuditEvent(audit) }),
        });
        if (destroyed !== undefined) await this.#options.onDestroyed?.(destroyed);
        return;
      } catch (error) {
        if (!(error instanceof StoreConflictError) || attempt === attemptsMax) throw error;
        // Called off meanwhile.
        if ((await store.get('due', record.key)) === undefined) return;
      }
    }
  }

  async #scrub(): Promise<void> {
    if (this.#isScrubbed || !this.#mayTry(scrubName)) return;
    try {
      await this.#options.store.scrub();
      this.#isScrubbed = true;
      this.#failing.delete(scrubName);
    } catch (error) {
      this.#fail(scrubName, { kind: scrubName }, error);
    }
  }

  #count(item: DueItem | undefined, outcome: 'success' | 'failure'): void {
    const isKnown = item !== undefined && Object.hasOwn(this.#options.handlers, item.kind);
    const name = `${isKnown ? item.kind : 'unknown'} ${outcome}`;
    this.#tries.set(name, (this.#tries.get(name) ?? 0) + 1);
  }

  #mayTry(name: string): boolean {
    const trouble = this.#failing.get(name);
    return trouble === undefined || trouble.retryAtMs <= performance.now();
  }

  #fail(name: string, what: Pick<DueFailure, 'kind'>, error: unknown): void {
    const attempts = (this.#failing.get(name)?.attempts ?? 0) + 1;
    const { first, longest } = this.#retryMs;
    const delayMs = Math.min(longest, first * 2 ** Math.min(attempts - 1, 30));
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const failure = { ...what, attempts, error: text };
    this.#failing.set(name, { ...failure, retryAtMs: performance.now() + delayMs });
    this.#options.onFailure?.(failure);
  }
}

function about(item: DueItem | undefined): Pick<DueFailure, 'kind'> {
  if (item === undefined) return { kind: 'unknown' };
  const { kind, region, subject, dueAtMs } = item;
  const what = { kind, region, subject, dueAt: new Date(dueAtMs).toISOString() };
  return what satisfies Partial<DueFailure>;
}
