/** The runner: order, once, what fails, and who is not kept waiting. */
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { type DueItem, dueKey, parseDueKey } from '../../../../src/kms/due/due-item.ts';
import { type DueHandler, DueWork, type DueWorkOptions } from '../../../../src/kms/due/due-work.ts';
import { accountId, KmsHarness, otherRegion, region } from '../../../support/kms-harness.ts';

let kms: KmsHarness;
let done: string[];
let failing: Set<string>;
let nowMs: number;
const opened: DueWork[] = [];

beforeEach(async () => {
  kms = new KmsHarness();
  done = [];
  failing = new Set();
  nowMs = 1_000;
  for (const work of opened.splice(0)) await work[Symbol.asyncDispose]();
});

const note: DueHandler = {
  async run({ subject, dueAtMs }) {
    if (failing.has(subject)) throw new Error(`${subject} cannot be done`);
    done.push(`${subject} ${dueAtMs}`);
    return { changes: [] };
  },
};

function dueWork(options: Partial<DueWorkOptions> = {}): DueWork {
  const work = new DueWork({
    store: kms.store,
    regions: kms.services,
    handlers: { note },
    domainClock: { nowMs: () => nowMs },
    pollMs: 5,
    retryMs: { first: 20, longest: 40 },
    ...options,
  });
  opened.push(work);
  return work;
}

const item = (subject: string, dueAtMs: number, more: Partial<DueItem> = {}): DueItem => ({
  ...{ dueAtMs, kind: 'note', region, accountId, subject },
  ...more,
});

async function arm(...items: DueItem[]): Promise<void> {
  const { due } = kms.services.get(region)!;
  await kms.store.commit({ changes: await Promise.all(items.map((each) => due.arm(each))) });
}

const left = () => [...kms.store.records.keys()].filter((name) => name.startsWith('due/')).length;

describe('an item', () => {
  it('is named by its date, and read back from its name', () => {
    const one = item('a/b c', 17);
    expect(dueKey(one)).toBe(`0000000000000017 note ${region}/${accountId}/a/b c`);
    expect(parseDueKey(dueKey(one))).toEqual(one);
    for (const key of [
      '',
      'x',
      `17 note ${region}/${accountId}/a`,
      dueKey(one).replace('note', ''),
    ])
      expect(parseDueKey(key)).toBeUndefined();
    for (const dueAtMs of [-1, 0.5, Number.NaN, 1e300])
      expect(() => dueKey(item('a', dueAtMs))).toThrow(RangeError);
  });
});

describe('due work', () => {
  it('goes by date, then by name, and leaves what is later', async () => {
    await arm(item('d', 900), item('a', 1_000), item('c', 5), item('b', 5), item('e', 1_001));
    const work = dueWork();
    expect(await work.settle()).toEqual({ done: 4, failing: 0 });
    expect(done).toEqual(['b 5', 'c 5', 'd 900', 'a 1000']);
    expect(work.status()).toEqual({ nextAt: new Date(1_001).toISOString(), failing: [] });
    expect(left()).toBe(1);
  });

  it('is done when its time comes, and what comes to the list later too', async () => {
    await arm(item('a', 1_010));
    const work = dueWork();
    work.start();
    await sleep(30);
    expect(done).toEqual([]);
    nowMs = 1_010;
    await expect.poll(() => done).toEqual(['a 1010']);
    await arm(item('b', 1_000));
    await expect.poll(() => done).toEqual(['a 1010', 'b 1000']);
  });

  it('that is due again is armed in the transaction that did it, and caught up on in order', async () => {
    const yearly: DueHandler = {
      async run({ subject, dueAtMs }) {
        done.push(`${subject} ${dueAtMs}`);
        return { changes: [], nextAtMs: dueAtMs + 10 };
      },
    };
    await arm(item('a', 975, { kind: 'yearly' }), item('b', 980, { kind: 'yearly' }));
    const work = dueWork({ handlers: { yearly } });
    expect(await work.settle()).toEqual({ done: 6, failing: 0 });
    expect(done).toEqual(['a 975', 'b 980', 'a 985', 'b 990', 'a 995', 'b 1000']);
    expect(left()).toBe(2);
    nowMs = 1_005;
    await work.settle();
    expect(done.at(-1)).toBe('a 1005');
  });

  it('that fails is tried again, ever more rarely, and keeps nothing waiting', async () => {
    failing.add('a');
    const told: string[] = [];
    await arm(item('a', 1), item('b', 2));
    const work = dueWork({ onFailure: ({ error, attempts }) => told.push(`${attempts} ${error}`) });
    expect(await work.settle()).toEqual({ done: 1, failing: 1 });
    expect(done).toEqual(['b 2']);
    expect(work.status().failing).toEqual([
      {
        ...{ kind: 'note', region, subject: 'a', dueAt: new Date(1).toISOString() },
        ...{ attempts: 1, error: 'Error: a cannot be done' },
      },
    ]);
    // Not at once.
    expect(await work.settle()).toEqual({ done: 0, failing: 1 });
    expect(told).toHaveLength(1);
    work.start();
    await expect.poll(() => told.length, { timeout: 5000 }).toBeGreaterThan(3);
    expect(told[1]).toBe('2 Error: a cannot be done');
    failing.clear();
    await expect.poll(() => done, { timeout: 5000 }).toEqual(['b 2', 'a 1']);
    expect(work.status().failing).toEqual([]);
    expect(left()).toBe(0);
  });

  it('that nobody knows, or of a Region that is not served, waits for who does', async () => {
    await arm(item('a', 1, { kind: 'later' }), item('b', 2, { region: 'xx-other-1' }));
    const work = dueWork();
    expect(await work.settle()).toEqual({ done: 0, failing: 2 });
    expect(work.status().failing.map(({ error }) => error)).toEqual([
      'Error: no such work: later',
      'Error: Region xx-other-1 is not served',
    ]);
    expect(left()).toBe(2);
    expect(await dueWork({ handlers: { later: note } }).settle()).toEqual({ done: 1, failing: 1 });
  });

  it('that was forged, moved or misnamed is not done', async () => {
    await arm(item('a', 1));
    const [[name, record]] = [...kms.store.records].filter(([key]) => key.startsWith('due/')) as [
      [string, NonNullable<ReturnType<typeof kms.store.records.get>>],
    ];
    kms.store.records.delete(name);
    for (const key of [
      dueKey(item('b', 1)),
      dueKey(item('a', 0)),
      dueKey(item('a', 1, { region: otherRegion })),
      'nonsense',
    ])
      kms.store.records.set(`due/${key}`, { ...record, key });
    nowMs = Number.MAX_SAFE_INTEGER;
    expect(await dueWork().settle()).toEqual({ done: 0, failing: 4 });
    expect(done).toEqual([]);
  });

  it('is called off by whoever removes it meanwhile', async () => {
    await arm(item('a', 1));
    kms.store.beforeCommit = async () => {
      const { due } = kms.services.get(region)!;
      await kms.store.commit({ changes: [due.disarm(item('a', 1))] });
    };
    const work = dueWork();
    expect(await work.settle()).toEqual({ done: 1, failing: 0 });
    expect(left()).toBe(0);
  });

  it('scrubs once for all that was destroyed, and again until that works', async () => {
    const destroy: DueHandler = {
      async run({ subject: keyId }) {
        return { changes: [], destroyed: { region, accountId, keyId } };
      },
    };
    await arm(item('a', 1, { kind: 'destroy' }), item('b', 2, { kind: 'destroy' }));
    kms.store.scrubFailure = new Error('the log is being read');
    const work = dueWork({ handlers: { destroy } });
    expect(await work.settle()).toEqual({ done: 2, failing: 1 });
    expect(work.status().failing).toEqual([
      { kind: 'scrub', attempts: 1, error: 'Error: the log is being read' },
    ]);
    kms.store.scrubFailure = undefined;
    work.start();
    await expect.poll(() => kms.store.scrubCount, { timeout: 5000 }).toBe(1);
    await expect.poll(() => work.status().failing).toEqual([]);
  });

  it('survives a store that cannot be read, and says so', async () => {
    await arm(item('a', 1));
    const { list } = kms.store;
    kms.store.list = async () => {
      throw new Error('the disk is gone');
    };
    const work = dueWork();
    expect(await work.settle()).toEqual({ done: 0, failing: 1 });
    expect(work.status().failing).toMatchObject([{ kind: 'list' }]);
    kms.store.list = list;
    expect(await work.settle()).toEqual({ done: 1, failing: 0 });
  });

  it('ends after the item under way', async () => {
    let release = () => {};
    const slow: DueHandler = {
      async run({ subject }) {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        done.push(subject);
        return { changes: [] };
      },
    };
    await arm(item('a', 1, { kind: 'slow' }), item('b', 2, { kind: 'slow' }));
    const work = dueWork({ handlers: { slow } });
    work.start();
    await sleep(20);
    const ended = work[Symbol.asyncDispose]();
    release();
    await ended;
    expect(done).toEqual(['a']);
    expect(left()).toBe(1);
  });
});
