/** The clock that testers move, and the one nobody moves. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { DomainClock, lastMomentMs, wallClock } from '../../../src/clock/clock.ts';

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
    for (const ms of [-1, 0.5, Number.NaN, Number.MAX_SAFE_INTEGER, lastMomentMs])
      expect(() => clock.advance(ms)).toThrow(RangeError);
    expect(clock.nowMs()).toBe(7);
    clock.advance(lastMomentMs - 7);
    expect(new Date(clock.nowMs()).toISOString()).toBe('9999-12-31T23:59:59.999Z');
  });

  it('takes the wall clock when given none, and leaves it alone', () => {
    const clock = new DomainClock();
    clock.advance(3_600_000);
    const offsetMs = clock.nowMs() - wallClock.nowMs();
    expect(offsetMs).toBeGreaterThan(3_599_000);
    expect(offsetMs).toBeLessThanOrEqual(3_600_000);
    expect(Math.abs(wallClock.nowMs() - Date.now())).toBeLessThan(1_000);
  });

  it('stands still, is moved while it does, and goes on from there', () => {
    let nowMs = 1_000;
    const clock = new DomainClock({ nowMs: () => nowMs });
    clock.advance(500);
    clock.apply(clock.frozen());
    nowMs = 900_000;
    expect(clock.nowMs()).toBe(1_500);
    clock.apply(clock.frozen());
    clock.advance(10);
    expect(clock.nowMs()).toBe(1_510);
    clock.apply(clock.resumed());
    expect(clock.nowMs()).toBe(1_510);
    nowMs += 1;
    expect(clock.nowMs()).toBe(1_511);
    expect(clock.setting).toEqual({ offsetMs: 1_510 - 900_000 });
    clock.apply(clock.resumed());
    expect(clock.nowMs()).toBe(1_511);
  });

  it('shows the same in every thread', async () => {
    const wall = { nowMs: () => 7 };
    const clock = new DomainClock(wall);
    const other = new DomainClock(wall, clock.shared);
    expect(other.nowMs()).toBe(7);
    for (const ms of [1, 86_400_000, 0, 5_000_000_000_000]) {
      clock.advance(ms);
      expect(other.nowMs()).toBe(clock.nowMs());
    }
    clock.apply(clock.frozen());
    expect(other.setting).toEqual(clock.setting);
    const late = new DomainClock(wall, clock.shared);
    expect(late.setting).toEqual(clock.setting);

    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      import(workerData.module).then(({ DomainClock }) => {
        const clock = new DomainClock({ nowMs: () => 7 }, workerData.shared);
        parentPort.on('message', () => parentPort.postMessage(clock.nowMs()));
      });`;
    const module = new URL('../../../src/clock/clock.ts', import.meta.url).href;
    const worker = new Worker(source, { eval: true, workerData: { module, shared: clock.shared } });
    const ask = async () => {
      worker.postMessage('');
      return (await once(worker, 'message'))[0];
    };
    expect(await ask()).toBe(clock.nowMs());
    clock.advance(3);
    expect(await ask()).toBe(clock.nowMs());
    await worker.terminate();
  });
});
