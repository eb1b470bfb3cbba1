/** The clock that testers move, and the one nobody moves. */
import { describe, expect, it } from 'vitest';
import { DomainClock, wallClock } from '../../../src/clock/clock.ts';

describe('DomainClock', () => {
  it("runs at its wall clock's pace from where it was moved to", () => {
    let nowMs = 1_000;
    const clock = new DomainClock({ nowMs: () => nowMs });
    expect(clock.nowMs()).toBe(1_000);
    clock.advance(86_400_000);
    expect(clock.nowMs()).toBe(86_401_000);
    nowMs += 5;
    expect(clock.nowMs()).toBe(86_401_005);
    clock.advance(1);
    expect(clock.nowMs()).toBe(86_401_006);
  });

  it('may stand still but never goes back', () => {
    const clock = new DomainClock({ nowMs: () => 7 });
    clock.advance(0);
    for (const ms of [-1, Number.NaN]) expect(() => clock.advance(ms)).toThrow(RangeError);
    expect(clock.nowMs()).toBe(7);
  });

  it('takes the wall clock when given none, and leaves it alone', () => {
    const clock = new DomainClock();
    clock.advance(3_600_000);
    const offsetMs = clock.nowMs() - wallClock.nowMs();
    expect(offsetMs).toBeGreaterThan(3_599_000);
    expect(offsetMs).toBeLessThanOrEqual(3_600_000);
    expect(Math.abs(wallClock.nowMs() - Date.now())).toBeLessThan(1_000);
  });
});
