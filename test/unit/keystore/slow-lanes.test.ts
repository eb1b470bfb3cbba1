import { describe, expect, it } from 'vitest';
import type { Session } from '../../../src/hsm/index.ts';
import { materialSpec } from '../../../src/keystore/algorithms.ts';
import { KeyStoreBusyError } from '../../../src/keystore/key-store.ts';
import { abandonment, SlowLanes, Turns } from '../../../src/keystore/slow-lanes.ts';

/** Work that ends when it is told to. */
class Work {
  readonly begun: string[] = [];
  readonly #ends = new Map<string, PromiseWithResolvers<string>>();

  readonly of = (name: string) => (): Promise<string> => {
    this.begun.push(name);
    const end = Promise.withResolvers<string>();
    this.#ends.set(name, end);
    return end.promise;
  };

  async end(name: string, error?: Error): Promise<void> {
    if (error === undefined) this.#ends.get(name)?.resolve(name);
    else this.#ends.get(name)?.reject(error);
    await new Promise(setImmediate);
  }
}

describe('Turns', () => {
  it('go round in the order of asking, so many at a time', async () => {
    const turns = new Turns({ countMax: 2, waitingCountMax: 9 });
    const work = new Work();
    const done = ['a', 'b', 'c', 'd'].map((name) => turns.run(work.of(name)));
    expect(work.begun).toEqual(['a', 'b']);
    await work.end('b');
    expect(work.begun).toEqual(['a', 'b', 'c']);
    await work.end('a');
    await work.end('c');
    await work.end('d');
    expect(await Promise.all(done)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('are refused to those who would wait too long, until somebody has gone', async () => {
    const turns = new Turns({ countMax: 1, waitingCountMax: 1 });
    const work = new Work();
    const done = [turns.run(work.of('a')), turns.run(work.of('b'))];
    await expect(turns.run(work.of('refused'))).rejects.toThrow(KeyStoreBusyError);
    await work.end('a');
    done.push(turns.run(work.of('c')));
    await work.end('b');
    await work.end('c');
    expect(await Promise.all(done)).toEqual(['a', 'b', 'c']);
    expect(work.begun).toEqual(['a', 'b', 'c']);
  });

  it('are given back by work that fails', async () => {
    const turns = new Turns({ countMax: 1, waitingCountMax: 1 });
    const work = new Work();
    const failed = expect(turns.run(work.of('a'))).rejects.toThrow('a failed');
    const next = turns.run(work.of('b'));
    await work.end('a', new Error('a failed'));
    await failed;
    await work.end('b');
    expect(await next).toBe('b');
  });
});

describe('SlowLanes', () => {
  it('open a session for each turn of theirs, and share the turns', async () => {
    const turns = new Turns({ countMax: 1, waitingCountMax: 9 });
    let openedCount = 0;
    const open = async () => ({ number: ++openedCount }) as unknown as Session;
    const [lanes, others] = [new SlowLanes(turns, open), new SlowLanes(turns, open)];
    const work = new Work();
    const first = lanes.run(work.of('first'));
    const theirs = others.run(work.of('theirs'));
    const again = lanes.run(async (session) => session);
    await work.end('none');
    expect([work.begun, openedCount]).toEqual([['first'], 1]);
    await work.end('first');
    expect([work.begun, openedCount]).toEqual([['first', 'theirs'], 2]);
    await work.end('theirs');
    await Promise.all([first, theirs]);
    expect(await again).toEqual({ number: 1 });
  });
});

describe('work that nobody waits for any more', () => {
  it('is not begun, and makes room for others', async () => {
    const turns = new Turns({ countMax: 1, waitingCountMax: 2 });
    const held = Promise.withResolvers<void>();
    const first = turns.run(() => held.promise);
    let isGone = false;
    const begun: string[] = [];
    const ask = (name: string): Promise<void> => turns.run(async () => void begun.push(name));
    const gone = abandonment.run(
      () => isGone,
      () => ask('gone'),
    );
    const stays = ask('stays');
    await expect(ask('too much')).rejects.toThrow(KeyStoreBusyError);
    isGone = true;
    const last = ask('last');
    await expect(gone).rejects.toThrow(KeyStoreBusyError);
    expect(turns.waitingCount).toBe(2);
    held.resolve();
    await Promise.all([first, stays, last]);
    expect(begun).toEqual(['stays', 'last']);
    await ask('after');
    expect(begun).toContain('after');
  });
});

describe('the pace of work', () => {
  it('lets nothing wait for the making of RSA keys but the like', () => {
    const secrets = ['SYMMETRIC_DEFAULT', 'HMAC_512'] as const;
    const pairs = ['RSA_3072', 'RSA_4096', 'ECC_NIST_P521'] as const;
    const paces = [...secrets, ...pairs].map((spec) =>
      Object.values(materialSpec(spec)?.pace ?? {}),
    );
    expect(paces).toEqual([
      ['fast', 'fast', 'fast'],
      ['fast', 'fast', 'fast'],
      ['search', 'slow', 'fast'],
      ['search', 'slow', 'slow'],
      ['slow', 'slow', 'slow'],
    ]);
  });
});
