/** The bench's own promises: nothing is timed before its output was proved, and the statistics are right. */
import { describe, expect, it } from 'vitest';
import { caseTable, goalLine, speed } from '../../../bench/report.ts';
import {
  type Case,
  calibrate,
  measure,
  median,
  percentile,
  type Variant,
  type Verifier,
} from '../../../bench/runner.ts';

let processorTime = 0;
/** A thread that spends 5 ms of processor time between any two looks at its clock, and a process that spends 7 ms. */
const processor = {
  threadNanoseconds: (): number => (processorTime += 5e6),
  processNanoseconds: (): number => (processorTime += 7e6),
};
const options = { rounds: 3, sliceMs: 1, processor };

/** A variant that notes how often it ran. */
function variant(name: string, output: Uint8Array): Variant & { ran: number } {
  return {
    name,
    ran: 0,
    proof: () => output,
    run(count) {
      this.ran += count;
    },
  };
}

const busy = (ms: number): void => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

describe('the proof', () => {
  const right = Uint8Array.of(1, 2, 3);

  it.each<[Case['compare'], Uint8Array]>([
    ['equal', Uint8Array.of(1, 2, 4)],
    ['equal', Uint8Array.of(1, 2)],
    ['length', Uint8Array.of(1, 2)],
    ['checked', Uint8Array.of(1, 2, 4)],
  ])('refuses a different output (%s) and times nothing', async (compare, wrong) => {
    const variants = [variant('honest', right), variant('wrong', wrong)];
    await expect(measure({ name: 'control', compare, variants }, options)).rejects.toThrow(
      "control: 'wrong' and 'honest' give different output",
    );
    expect(variants.map(({ ran }) => ran)).toEqual([0, 0]);
  });

  it('refuses a variant that gives nothing', async () => {
    const variants = [variant('idle', new Uint8Array(0))];
    await expect(
      measure({ name: 'control', compare: 'length', variants }, options),
    ).rejects.toThrow("'idle' gives no output");
  });

  it('is made again after the timing', async () => {
    const breaking: Variant = {
      name: 'breaking',
      proof: () => (ran ? Uint8Array.of(9) : right),
      run() {
        ran = true;
        busy(0.6);
      },
    };
    let ran = false;
    const variants = [variant('honest', right), breaking];
    await expect(measure({ name: 'control', compare: 'equal', variants }, options)).rejects.toThrow(
      'different output',
    );
  });

  it('lets random output of equal length pass', async () => {
    const variants = [variant('a', right), variant('b', Uint8Array.of(4, 5, 6))];
    const measured = await measure({ name: 'random', compare: 'length', variants }, options);
    expect(measured.map(({ nanoseconds }) => nanoseconds.length)).toEqual([3, 3]);
    for (const { processorNanoseconds } of measured) {
      expect(new Set(processorNanoseconds).size).toBe(1);
      // Five milliseconds, shared by a whole number of operations.
      const count = 5e6 / (processorNanoseconds[0] ?? 0);
      expect(count).toBeCloseTo(Math.round(count));
    }
  });
});

describe('the proof by verifiers', () => {
  /** Accepts what ends in an even byte, or whatever `verdict` says. */
  const verifier = (name: string, verdict?: boolean): Verifier => ({
    name,
    verify: async (output) => verdict ?? (output.at(-1) ?? 1) % 2 === 0,
  });
  const variants = [variant('a', Uint8Array.of(7, 2)), variant('b', Uint8Array.of(9, 9, 4))];

  it('lets outputs pass that every verifier accepts', async () => {
    const compare = [verifier('one'), verifier('another')];
    const measured = await measure({ name: 'signatures', compare, variants }, options);
    expect(measured.map((each) => each.variant)).toEqual(['a', 'b']);
  });

  it.each([
    ['refuses', verifier('strict', false), "signatures: 'a' gives what 'strict' refuses"],
    ['takes anything', verifier('lax', true), "signatures: 'a' gives what 'lax' accepts when"],
  ])('fails at a verifier that %s', async (_, wrong, message) => {
    const compare = [verifier('one'), wrong];
    const untimed = variants.map((each) => ({ ...each, ran: 0 }));
    await expect(
      measure({ name: 'signatures', compare, variants: untimed }, options),
    ).rejects.toThrow(message);
    expect(untimed.map(({ ran }) => ran)).toEqual([0, 0]);
  });

  it('fails at an output that is wrong', async () => {
    const wrong = [...variants, variant('wrong', Uint8Array.of(8, 3))];
    await expect(
      measure({ name: 'signatures', compare: [verifier('one')], variants: wrong }, options),
    ).rejects.toThrow("'wrong' gives what 'one' refuses");
  });
});

describe('work on other threads', () => {
  it('is measured by the clock of the process', async () => {
    // So slow that it runs once in a slice.
    const slow = { proof: () => Uint8Array.of(1), run: () => busy(3) };
    const variants = [
      { ...slow, name: 'here' },
      { ...slow, name: 'there', elsewhere: true },
    ];
    const measured = await measure({ name: 'threads', compare: 'equal', variants }, options);
    expect(measured.map(({ processorNanoseconds }) => processorNanoseconds)).toEqual([
      [5e6, 5e6, 5e6],
      [7e6, 7e6, 7e6],
    ]);
  });
});

describe('calibration', () => {
  it('ends for work that takes no time at all', async () => {
    const empty = variant('empty', Uint8Array.of(1));
    expect(await calibrate(empty, 1000)).toBe(100_000_000);
    expect(empty.ran).toBeLessThan(250_000_000);
  });

  it('runs slow work once', async () => {
    let ran = 0;
    const run = (count: number): void => {
      for (ran += count; count > 0; count -= 1) busy(5);
    };
    expect(await calibrate({ run }, 2)).toBe(1);
    expect(ran).toBe(1);
  });

  it('fills a slice', async () => {
    const run = (count: number): void => busy(count * 0.1);
    const count = await calibrate({ run }, 10);
    expect(count).toBeGreaterThan(10);
    expect(count).toBeLessThanOrEqual(100);
  });
});

describe('statistics', () => {
  it('take percentiles between neighbours', () => {
    expect(percentile([30, 10, 20, 40, 50], 0)).toBe(10);
    expect(percentile([30, 10, 20, 40, 50], 0.1)).toBeCloseTo(14);
    expect(percentile([30, 10, 20, 40, 50], 0.5)).toBe(30);
    expect(percentile([30, 10, 20, 40, 50], 0.9)).toBeCloseTo(46);
    expect(percentile([30, 10, 20, 40, 50], 1)).toBe(50);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
    expect(percentile([], 0.5)).toBeNaN();
  });

  it('do not sort the caller’s samples', () => {
    const samples = [3, 1, 2];
    expect(median(samples)).toBe(2);
    expect(samples).toEqual([3, 1, 2]);
  });

  it('give speed as a ratio of processor times, and no number for what was not measured', () => {
    const measurements = [
      { variant: 'fast', nanoseconds: [100, 300, 200], processorNanoseconds: [90, 190, 200] },
      { variant: 'slow', nanoseconds: [1500, 1600, 1700], processorNanoseconds: [1520, 1, 1530] },
    ];
    expect(speed(measurements, 'fast', 'slow')).toBe(8);
    expect(speed(measurements, 'absent', 'slow')).toBeNaN();
    expect(goalLine('goal', speed(measurements, 'fast', 'slow'), 8)).toBe(
      'goal met      goal: 8.00x, goal 8.00x',
    );
    expect(goalLine('goal', 7.99, 8)).toMatch(/^goal not met {2}/);
    expect(goalLine('goal', Number.NaN, 8)).toBeUndefined();
    expect(caseTable('case', measurements, { floor: 'fast', reference: 'slow' })).toBe(
      [
        'case  (cost: fast = 1; speed: slow = 1)',
        '         median      min      p10      p90      CPU   cost  speed',
        '  fast   200 ns   100 ns   120 ns   280 ns   190 ns  1.00x  8.00x',
        '  slow  1600 ns  1500 ns  1520 ns  1680 ns  1520 ns  8.00x  1.00x',
      ].join('\n'),
    );
  });
});
