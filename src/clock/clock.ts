/**
 * Two clocks. `wallClock` feeds SigV4, tokens, TLS and audit times; `domainClock` feeds key life (creation
 * dates, deletion, rotation, expiry, grants). A tester may move the second, never the first.
 */

export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
}

export const wallClock: Clock = { nowMs: () => Date.now() };

/** A clock that runs at the wall's pace from an offset. */
export class DomainClock implements Clock {
  readonly #wall: Clock;
  #offsetMs = 0;

  constructor(wall: Clock = wallClock) {
    this.#wall = wall;
  }

  nowMs(): number {
    return this.#wall.nowMs() + this.#offsetMs;
  }

  /** Moves the clock forward. @param ms at least 0. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`ms must be at least 0, got ${ms}`);
    this.#offsetMs += ms;
  }
}
