import { describe, expect, it } from 'vitest';
import { KeyCache } from '../../../src/keystore/key-cache.ts';
import type { KeyMaterial } from '../../../src/keystore/key-store.ts';

const material = (keyId: string, change: Partial<KeyMaterial> = {}): KeyMaterial => ({
  accountId: '111122223333',
  region: 'eu-central-1',
  keyId,
  materialId: 'm',
  keySpec: 'SYMMETRIC_DEFAULT',
  keyUsage: 'ENCRYPT_DECRYPT',
  keyToken: Buffer.from(`token of ${keyId}`),
  ...change,
});

/** Handles are `keyId#n`, n counting loads. */
function setUp(countMax: number) {
  const loaded: string[] = [];
  const destroyed: string[] = [];
  let gate: Promise<void> = Promise.resolve();
  const cache = new KeyCache<string>({
    countMax,
    load: async ({ keyId }) => {
      const handle = `${keyId}#${loaded.length}`;
      loaded.push(handle);
      await gate;
      if (keyId === 'bad') throw new Error('not ours');
      return handle;
    },
    destroy: (handle) => destroyed.push(handle),
  });
  return {
    cache,
    loaded,
    destroyed,
    /** Loads wait until the returned function is called. */
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
  };
}

const handleOf = (handle: string) => handle;

describe('KeyCache', () => {
  it('unwraps a key once', async () => {
    const { cache, loaded, destroyed } = setUp(2);
    expect(await cache.use(material('a'), handleOf)).toBe('a#0');
    expect(await cache.use(material('a'), handleOf)).toBe('a#0');
    expect([loaded, destroyed]).toEqual([['a#0'], []]);
  });

  it('unwraps a key once for many who ask at the same time', async () => {
    const { cache, loaded, hold } = setUp(2);
    const open = hold();
    const all = Promise.all([1, 2, 3].map(() => cache.use(material('a'), handleOf)));
    open();
    expect(await all).toEqual(['a#0', 'a#0', 'a#0']);
    expect(loaded).toHaveLength(1);
  });

  it('lets the least recently used go first', async () => {
    const { cache, destroyed } = setUp(2);
    for (const id of ['a', 'b', 'a', 'c']) await cache.use(material(id), handleOf);
    expect(destroyed).toEqual(['b#1']);
    expect(cache.count).toBe(2);
  });

  it('destroys no key in use, and destroys it afterwards', async () => {
    const { cache, destroyed } = setUp(1);
    const { promise, resolve } = Promise.withResolvers<void>();
    const began = Promise.withResolvers<void>();
    const long = cache.use(material('a'), async (handle) => {
      began.resolve();
      await promise;
      expect(destroyed).toEqual([]);
      return handle;
    });
    await began.promise;
    await cache.use(material('b'), handleOf);
    expect(destroyed).toEqual([]);
    resolve();
    expect(await long).toBe('a#0');
    expect(destroyed).toEqual(['a#0']);
    expect(await cache.use(material('b'), handleOf)).toBe('b#1');
  });

  it('destroys a key that was dropped while it was unwrapped, after its use', async () => {
    const { cache, destroyed, hold } = setUp(1);
    const open = hold();
    const first = cache.use(material('a'), handleOf);
    const second = cache.use(material('b'), handleOf);
    open();
    expect(await Promise.all([first, second])).toEqual(['a#0', 'b#1']);
    expect(destroyed).toEqual(['a#0']);
  });

  it('unpins when the work fails', async () => {
    const { cache, destroyed } = setUp(1);
    await expect(cache.use(material('a'), () => Promise.reject(new Error('work')))).rejects.toThrow(
      'work',
    );
    await expect(
      cache.use(material('a'), () => {
        throw new Error('sync work');
      }),
    ).rejects.toThrow('sync work');
    await cache.use(material('b'), handleOf);
    expect(destroyed).toEqual(['a#0']);
  });

  it('tells all who wait that a key cannot be unwrapped, and does not remember it', async () => {
    const { cache, loaded } = setUp(2);
    const both = [cache.use(material('bad'), handleOf), cache.use(material('bad'), handleOf)];
    for (const result of await Promise.allSettled(both)) expect(result.status).toBe('rejected');
    expect(cache.count).toBe(0);
    await expect(cache.use(material('bad'), handleOf)).rejects.toThrow('not ours');
    expect(loaded).toHaveLength(2);
  });

  it('takes a copy with any change for another key', async () => {
    const { cache, loaded } = setUp(10);
    await cache.use(material('a'), handleOf);
    const changes: Partial<KeyMaterial>[] = [
      { accountId: '999999999999' },
      { region: 'us-east-1' },
      { materialId: 'n' },
      { keySpec: 'HMAC_256' },
      { keyToken: Buffer.from('other') },
      { accountId: '11112222333', region: '3eu-central-1' },
    ];
    for (const change of changes) await cache.use(material('a', change), handleOf);
    expect(loaded).toHaveLength(1 + changes.length);
    await cache.use(material('a'), handleOf);
    expect(loaded).toHaveLength(1 + changes.length);
  });

  it('tells a handle that is at hand, which counts as a use', async () => {
    const { cache, loaded, destroyed, hold } = setUp(2);
    const open = hold();
    expect(cache.peek(material('a'))).toBeUndefined();
    const using = cache.use(material('a'), handleOf);
    expect(cache.peek(material('a'))).toBeUndefined();
    open();
    await using;
    expect(cache.peek(material('a'))).toBe('a#0');
    await cache.use(material('b'), handleOf);
    expect(cache.peek(material('a'))).toBe('a#0');
    await cache.use(material('c'), handleOf);
    expect([loaded, destroyed]).toEqual([['a#0', 'b#1', 'c#2'], ['b#1']]);
    expect(cache.peek(material('b'))).toBeUndefined();
    cache.drop(material('c'));
    expect(cache.peek(material('c'))).toBeUndefined();
  });

  it('drops one key, or all', async () => {
    const { cache, destroyed } = setUp(3);
    for (const id of ['a', 'b', 'c']) await cache.use(material(id), handleOf);
    cache.drop(material('b'));
    cache.drop(material('none'));
    expect(destroyed).toEqual(['b#1']);
    cache.clear();
    expect(destroyed).toEqual(['b#1', 'a#0', 'c#2']);
    expect(cache.count).toBe(0);
    expect(await cache.use(material('a'), handleOf)).toBe('a#3');
  });

  it('makes room by the older half of what nobody uses', async () => {
    const { cache, destroyed } = setUp(5);
    for (const id of ['a', 'b', 'c', 'd']) await cache.use(material(id), handleOf);
    await cache.use(material('a'), async () => {
      expect(cache.shrink()).toBe(true); // of b, c and d
      expect(destroyed).toEqual(['b#1', 'c#2']);
      expect([cache.shrink(), cache.shrink()]).toEqual([true, false]);
    });
    expect(destroyed).toEqual(['b#1', 'c#2', 'd#3']);
    expect(cache.count).toBe(1);
  });

  it('wants room for one key', () => {
    for (const countMax of [0, -1, Number.NaN]) expect(() => setUp(countMax)).toThrow(RangeError);
  });
});
