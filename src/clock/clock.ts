/**
 * Two clocks. `wallClock` feeds SigV4, tokens, TLS and audit times; `domainClock` feeds key life (creation
 * dates, deletion, rotation, expiry, grants). A tester may move the second, never the first.
 */

export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
}

export const wallClock: Clock = { nowMs: () => Date.now() };

/** How a domain clock stands to the wall. */
export interface ClockSetting {
  /** Added to the wall's time. */
  readonly offsetMs: number;
  /** The time it stands at, until it is resumed. */
  readonly frozenAtMs?: number;
}

/** The last moment that a domain clock can be moved to: the end of the year 9999. */
export const lastMomentMs: number = Date.UTC(10_000, 0) - 1;

// In shared memory: a count that moves with each setting and is odd while one is written; then two 64-bit integers.
const sharedBytes = 24;
const atOffset = 1;
const atFrozen = 2;
const running = -1n;

/**
 * A clock that runs at the wall's pace from an offset, or stands still. It is never set back: what was due stays done. It
 * goes back only where the wall it follows does.
 */
export class DomainClock implements Clock {
  /** Another thread's DomainClock over it shows the same time. */
  readonly shared: SharedArrayBuffer;
  readonly #wall: Clock;
  readonly #count: Int32Array<SharedArrayBuffer>;
  readonly #numbers: BigInt64Array<SharedArrayBuffer>;
  /** What was last read of the shared memory, and its count then. */
  #setting: ClockSetting = { offsetMs: 0 };
  #seen = 0;

  /** @param shared of a DomainClock in another thread; that one may be moved, this one shows it */
  constructor(wall: Clock = wallClock, shared?: SharedArrayBuffer) {
    this.#wall = wall;
    this.shared = shared ?? new SharedArrayBuffer(sharedBytes);
    this.#count = new Int32Array(this.shared, 0, 1);
    this.#numbers = new BigInt64Array(this.shared);
    if (shared === undefined) this.#numbers[atFrozen] = running;
    else this.#seen = -1;
  }

  nowMs(): number {
    const { offsetMs, frozenAtMs } = this.setting;
    return frozenAtMs ?? this.#wall.nowMs() + offsetMs;
  }

  get setting(): ClockSetting {
    const count = Atomics.load(this.#count, 0);
    if (count === this.#seen) return this.#setting;
    const offsetMs = Number(Atomics.load(this.#numbers, atOffset));
    const frozenAt = Atomics.load(this.#numbers, atFrozen);
    // One that is being written is read at the next look; until then the old one holds.
    if (count % 2 === 0 && Atomics.load(this.#count, 0) === count) {
      this.#setting =
        frozenAt === running ? { offsetMs } : { offsetMs, frozenAtMs: Number(frozenAt) };
      this.#seen = count;
    }
    return this.#setting;
  }

  /** Sets it: as it was when it was kept, or as one of the following says. */
  apply({ offsetMs, frozenAtMs }: ClockSetting): void {
    Atomics.add(this.#count, 0, 1);
    Atomics.store(this.#numbers, atOffset, BigInt(offsetMs));
    Atomics.store(this.#numbers, atFrozen, frozenAtMs === undefined ? running : BigInt(frozenAtMs));
    Atomics.add(this.#count, 0, 1);
  }

  /** Moves the clock forward. @param ms at least 0 @throws RangeError */
  advance(ms: number): void {
    this.apply(this.advanced(ms));
  }

  /** What its setting would be `ms` later. @throws RangeError */
  advanced(ms: number): ClockSetting {
    const { offsetMs, frozenAtMs } = this.setting;
    if (!(Number.isSafeInteger(ms) && ms >= 0))
      throw new RangeError(`ms must be a whole number of at least 0, got ${ms}`);
    if (this.nowMs() + ms > lastMomentMs) throw new RangeError('not beyond the year 9999');
    if (frozenAtMs === undefined) return { offsetMs: offsetMs + ms };
    return { offsetMs, frozenAtMs: frozenAtMs + ms };
  }

  /** What its setting would be if it stood still from now on. */
  frozen(): ClockSetting {
    const { offsetMs, frozenAtMs = Math.trunc(this.nowMs()) } = this.setting;
    return { offsetMs, frozenAtMs };
  }

  /** What its setting would be if it went on from where it stands. */
  resumed(): ClockSetting {
    const { offsetMs, frozenAtMs } = this.setting;
    if (frozenAtMs === undefined) return { offsetMs };
    return { offsetMs: frozenAtMs - Math.trunc(this.#wall.nowMs()) };
  }
}
