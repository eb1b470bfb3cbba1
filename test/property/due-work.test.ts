/**
 * Time in any steps comes to the same: what is due is done once each, with its own date, whether the clock goes ten years
 * at once or day by day, stands still, is followed by a wall that jumps back, or the work is cut off at any commit.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainClock } from '../../src/clock/clock.ts';
import { sealRecord } from '../../src/keystore/record-mac.ts';
import { deleteKey } from '../../src/kms/due/delete-key.ts';
import type { DueItem } from '../../src/kms/due/due-item.ts';
import { type DueHandler, DueWork } from '../../src/kms/due/due-work.ts';
import { accountId, KmsHarness, region } from '../support/kms-harness.ts';

const dayMs = 86_400_000;
const yearMs = 365 * dayMs;

/** Writes a record of the year it was due in; due again a year later. */
function yearly(kms: KmsHarness): DueHandler {
  return {
    async run({ subject, dueAtMs }) {
      const body = Buffer.from(JSON.stringify({ subject, dueAtMs }));
      const key = `rotation/${subject}/${dueAtMs}`;
      const record = { table: 'settings', key, version: 1, body } as const;
      const change = { kind: 'put', ...(await sealRecord(kms.keyStore.mac, record)) } as const;
      const audit = {
        ...({ eventType: 'AwsServiceEvent', eventId: 'e', timeMs: 0, dueAtMs, region } as const),
        ...{ operation: 'RotateKey', serviceEventDetails: { keyId: subject } },
      };
      return { changes: [change], audit, nextAtMs: dueAtMs + yearMs };
    },
  };
}

/** Two keys to be deleted, three that rotate yearly, in a store with a clock over a wall. */
class World {
  readonly kms = new KmsHarness();
  readonly startMs = this.kms.nowMs;
  wallMs = this.startMs;
  readonly clock = new DomainClock({ nowMs: () => this.wallMs });
  #work: DueWork | undefined;
  readonly keyIds: string[] = [];

  async open(): Promise<this> {
    const { kms } = this;
    const service = kms.services.get(region)!;
    for (const days of [7, 30]) {
      const KeyId = await kms.createKey();
      this.keyIds.push(KeyId);
      await kms.ok('CreateAlias', { AliasName: `alias/${days}`, TargetKeyId: KeyId });
      await kms.ok('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: days });
    }
    const items: DueItem[] = [0, 1, 2].map((n) => ({
      ...{ kind: 'yearly', region, accountId, subject: `key-${n}` },
      dueAtMs: this.startMs + yearMs - n * 100 * dayMs,
    }));
    const changes = await Promise.all(items.map((item) => service.due.arm(item)));
    await kms.store.commit({ changes });
    kms.store.audit.length = 0;
    this.restart();
    return this;
  }

  /** A new runner, as after a crash: it knows what the store knows. */
  restart(): void {
    const { kms, clock } = this;
    this.#work = new DueWork({
      store: kms.store,
      regions: kms.services,
      handlers: { DeleteKey: deleteKey({ nowMs: () => 0 }), yearly: yearly(kms) },
      domainClock: clock,
    });
  }

  settle() {
    return this.#work!.settle();
  }

  /** What is left in the store and the log, keys by their number. */
  async outcome() {
    const { store } = this.kms;
    const named = (text: string) =>
      this.keyIds.reduce((all, keyId, n) => all.replaceAll(keyId, `deleted-${n}`), text);
    const records = [...store.records].map(([name, { version }]) => `${named(name)} ${version}`);
    const events = store.audit.map((text) => {
      const { operation, dueAtMs, serviceEventDetails } = JSON.parse(named(text));
      return `${dueAtMs - this.startMs} ${operation} ${serviceEventDetails.keyId}`;
    });
    return { records: records.sort(), events, destroyed: this.kms.keyStore.destroyed.size };
  }
}

/** Ten years at once. */
async function reference() {
  const world = await new World().open();
  world.clock.advance(3650 * dayMs);
  expect((await world.settle()).failing).toBe(0);
  return world.outcome();
}

describe('ten years', () => {
  it('at once and in 3,650 steps leave the same records, once each', async () => {
    const once = await reference();
    const stepwise = await new World().open();
    for (let day = 0; day < 3650; day += 1) {
      stepwise.clock.advance(dayMs);
      await stepwise.settle();
    }
    expect(await stepwise.outcome()).toEqual(once);
    expect(once.events).toHaveLength(2 + 3 * 10);
    expect(new Set(once.events).size).toBe(once.events.length);
    const dates = once.events.map((event) => Number(event.split(' ')[0]));
    expect(dates).toEqual(dates.toSorted((a, b) => a - b));
  });

  it('in any steps, with the work cut off at any commit and a wall that jumps, come to the same', async () => {
    const once = await reference();
    const days = fc.integer({ min: 0, max: 800 });
    let cutCount = 0;
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ days }) },
      { weight: 2, arbitrary: fc.record({ wallDays: fc.integer({ min: -400, max: 100 }) }) },
      // The process ends before, or right after, one of the commits of what then becomes due.
      {
        weight: 4,
        arbitrary: fc.record({ days, killAt: fc.nat(5), isDurable: fc.boolean() }),
      },
      { weight: 1, arbitrary: fc.constant({ freeze: true }) },
      { weight: 1, arbitrary: fc.constant({ resume: true }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const world = await new World().open();
        const { clock, kms } = world;
        for (const each of steps) {
          if ('killAt' in each)
            cutOff(kms, each.killAt, each.isDurable, () => {
              cutCount += 1;
            });
          if ('days' in each) {
            const leftMs = world.startMs + 3650 * dayMs - clock.nowMs();
            clock.advance(Math.max(0, Math.min(each.days * dayMs, leftMs)));
          } else if ('wallDays' in each) {
            const leftMs = world.startMs + 3650 * dayMs - clock.nowMs();
            world.wallMs += Math.min(each.wallDays * dayMs, Math.max(0, leftMs));
          } else clock.apply('freeze' in each ? clock.frozen() : clock.resumed());
          await world.settle();
          if ('killAt' in each) {
            kms.store.commit = kms.store.constructor.prototype.commit;
            world.restart();
          }
        }
        clock.apply(clock.resumed());
        clock.advance(world.startMs + 3650 * dayMs - clock.nowMs());
        world.restart();
        await world.settle();
        expect(await world.outcome()).toEqual(once);
      }),
      { numRuns: 100 },
    );
    expect(cutCount).toBeGreaterThan(20);
  });
});

/** From the commit of this number on nothing is written any more; that one is, if it is durable, and its answer is lost. */
function cutOff(
  { store }: KmsHarness,
  killAt: number,
  isDurable: boolean,
  onCut: () => void,
): void {
  let count = 0;
  store.commit = async function (this: typeof store, transaction) {
    count += 1;
    const commit = this.constructor.prototype.commit.bind(this);
    if (count <= killAt) return commit(transaction);
    if (count === killAt + 1) onCut();
    if (count === killAt + 1 && isDurable) await commit(transaction);
    throw new Error('the process is gone');
  };
}
