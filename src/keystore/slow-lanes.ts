/**
 * Sessions for work that takes long: it never shares a session, and waits for its turn here rather than on a
 * thread of the pool that runs it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Session } from '../hsm/index.ts';
import { KeyStoreBusyError } from './key-store.ts';

export interface TurnsOptions {
  /** As many at once. */
  readonly countMax: number;
  /** As many may wait; more are refused. */
  readonly waitingCountMax: number;
}

/** Of the request that is served: says whether nobody waits for its answer any more. What it has waiting is then not begun. */
export const abandonment: AsyncLocalStorage<() => boolean> = new AsyncLocalStorage();

interface Waiting {
  readonly isAbandoned: (() => boolean) | undefined;
  readonly begin: () => void;
  readonly refuse: (error: KeyStoreBusyError) => void;
}

/** Turns at work that takes long, in the order of asking: shared by all that the same threads do. */
export class Turns {
  readonly #waitingCountMax: number;
  #waiting: Waiting[] = [];
  #freeCount: number;

  constructor({ countMax, waitingCountMax }: TurnsOptions) {
    this.#freeCount = countMax;
    this.#waitingCountMax = waitingCountMax;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** @throws KeyStoreBusyError */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#freeCount > 0) this.#freeCount -= 1;
    else await this.#wait();
    try {
      return await work();
    } finally {
      this.#dropAbandoned();
      const next = this.#waiting.shift();
      if (next === undefined) this.#freeCount += 1;
      else next.begin();
    }
  }

  async #wait(): Promise<void> {
    if (this.#waiting.length >= this.#waitingCountMax) this.#dropAbandoned();
    if (this.#waiting.length >= this.#waitingCountMax)
      throw new KeyStoreBusyError('too much waits for its turn');
    const isAbandoned = abandonment.getStore();
    await new Promise<void>((begin, refuse) => this.#waiting.push({ isAbandoned, begin, refuse }));
  }

  #dropAbandoned(): void {
    const isOver = ({ isAbandoned }: Waiting): boolean => isAbandoned?.() === true;
    if (!this.#waiting.some(isOver)) return;
    const over = this.#waiting.filter(isOver);
    this.#waiting = this.#waiting.filter((each) => !over.includes(each));
    for (const { refuse } of over) refuse(new KeyStoreBusyError('nobody waits for it any more'));
  }
}

export class SlowLanes {
  readonly #turns: Turns;
  readonly #open: () => Promise<Session>;
  readonly #all: Session[] = [];
  readonly #idle: Session[] = [];

  /** @param open opens a session, when one is needed */
  constructor(turns: Turns, open: () => Promise<Session>) {
    this.#turns = turns;
    this.#open = open;
  }

  /** @throws KeyStoreBusyError */
  run<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#turns.run(async () => {
      const session = this.#idle.pop() ?? (await this.#more());
      try {
        return await work(session);
      } finally {
        this.#idle.push(session);
      }
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((session) => session.close()));
  }

  async #more(): Promise<Session> {
    const session = await this.#open();
    this.#all.push(session);
    return session;
  }
}
