/**
 * Sessions that work. A session runs one command at a time, so each call takes a lane of its own while there
 * are free ones; calls that the device answers on this thread never need more than one.
 */
import type { Session } from '../hsm/index.ts';

export class Lanes {
  readonly #free: Session[];
  readonly #open: () => Promise<Session>;
  readonly #countMax: number;
  readonly #all: Session[];
  /** Lanes being opened. */
  #openingCount = 0;
  #next = 0;

  /** @param first an open session, which becomes the first lane */
  constructor(first: Session, countMax: number, open: () => Promise<Session>) {
    this.#all = [first];
    this.#free = [first];
    this.#countMax = countMax;
    this.#open = open;
  }

  /** A lane that nobody uses, for a call that is over before anyone else can want it. */
  get idle(): Session | undefined {
    return this.#free.at(-1);
  }

  async run<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const lane = this.#free.pop() ?? (await this.#more());
    if (lane === undefined) return work(this.#shared());
    try {
      return await work(lane);
    } finally {
      this.#free.push(lane);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((lane) => lane.close()));
  }

  /** Undefined when there are as many as there may be. */
  async #more(): Promise<Session | undefined> {
    if (this.#all.length + this.#openingCount >= this.#countMax) return undefined;
    this.#openingCount += 1;
    try {
      const lane = await this.#open();
      this.#all.push(lane);
      return lane;
    } finally {
      this.#openingCount -= 1;
    }
  }

  /** A lane in use: the token lets the call wait for the one before. */
  #shared(): Session {
    this.#next = (this.#next + 1) % this.#all.length;
    return this.#all[this.#next] as Session;
  }
}
