/** What every MetadataStore must do; sqlite-store.test.ts and memory-store.test.ts run it. */
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuditEvent, AuditLog } from '../../src/audit/audit-log.ts';
import {
  type Change,
  type MetadataStore,
  StoreConflictError,
  StoreUnavailableError,
  type Table,
} from '../../src/store/metadata-store.ts';
import { tables } from '../../src/store/record-rules.ts';
import { openStoreClient } from '../../src/store/store-client.ts';
import type { StoreOwner } from '../../src/store/store-writer.ts';

export interface StoreUnderTest extends StoreOwner {
  /** Lines of the audit log, once it is whole. */
  auditLines(): readonly string[];
  /** A client of this thread, where that is another than connect()'s. */
  open?(): MetadataStore & AuditLog;
}

/** How the store under test keeps changes: enough for the contract to see it forget. */
export const contractChangeHistory = 20;

const bytes = (text: string) => new Uint8Array(Buffer.from(text));

function put(
  key: string,
  version = 1,
  body = `body ${key} ${version}`,
  table: Table = 'keys',
): Change {
  return { kind: 'put', table, key, version, body: bytes(body), mac: bytes(`mac ${version}`) };
}

function remove(key: string, version: number, table: Table = 'keys'): Change {
  return { kind: 'delete', table, key, version };
}

const event = (eventId: string): AuditEvent => ({
  eventId,
  requestId: 'r',
  timeMs: 1,
  region: 'eu-west-1',
});

export function storeContract(name: string, start: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the store contract`, () => {
    let owner: StoreUnderTest;
    let store: MetadataStore & AuditLog;
    const openClient = () => owner.open?.() ?? openStoreClient(owner.connect());

    beforeEach(async () => {
      owner = await start();
      store = openClient();
    });
    afterEach(async () => {
      await store[Symbol.asyncDispose]();
      await owner.close();
    });

    it('is empty at first', async () => {
      expect(await store.get('keys', 'a')).toBeUndefined();
      expect(await store.list('keys', { limit: 10 })).toEqual([]);
      expect(store.sequence()).toBe(0);
      expect(await store.changesSince(0)).toEqual([]);
    });

    it('returns a record as it was put, every byte value and an empty body included', async () => {
      const body = Uint8Array.from({ length: 256 }, (_, i) => i);
      const mac = new Uint8Array(0);
      await store.commit({
        changes: [{ kind: 'put', table: 'domains', key: 'k', version: 1, body, mac }],
      });
      expect(await store.get('domains', 'k')).toEqual({
        table: 'domains',
        key: 'k',
        version: 1,
        body,
        mac,
      });
    });

    it('has a key space for each table', async () => {
      const bodies = tables.map((table) => [table, `of ${table}`] as const);
      await store.commit({ changes: bodies.map(([table, body]) => put('k', 1, body, table)) });
      for (const [table, body] of bodies) {
        expect(await store.get(table, 'k')).toMatchObject({ table, body: bytes(body) });
        expect(await store.list(table, { limit: 9 })).toHaveLength(1);
      }
      await store.commit({ changes: [remove('k', 1, 'aliases')] });
      for (const table of tables)
        expect((await store.get(table, 'k')) === undefined).toBe(table === 'aliases');
    });

    it('changes records of several tables together or not at all', async () => {
      await store.commit({ changes: [put('k'), put('a', 1, 'to k', 'aliases')] });
      for (const changes of [
        [put('a', 2, 'to another', 'aliases'), put('k', 3)],
        [put('k', 2), put('a', 1, 'to another', 'aliases')],
        [remove('a', 1, 'aliases'), put('k', 1)],
        [put('k', 2), remove('b', 1, 'aliases')],
      ]) {
        await expect(store.commit({ changes })).rejects.toThrow(StoreConflictError);
        expect(await store.get('keys', 'k')).toMatchObject({ version: 1 });
        expect(await store.get('aliases', 'a')).toMatchObject({ version: 1, body: bytes('to k') });
      }
      await store.commit({ changes: [remove('a', 1, 'aliases'), put('k', 2)] });
      expect(await store.changesSince(1)).toEqual([
        { sequence: 2, table: 'aliases', key: 'a' },
        { sequence: 2, table: 'keys', key: 'k' },
      ]);
    });

    it('takes the bytes as they are when commit is called, and no others of their buffer', async () => {
      const buffer = bytes('secret body secret');
      const body = buffer.subarray(7, 11);
      const done = store.commit({
        changes: [{ kind: 'put', table: 'keys', key: 'k', version: 1, body, mac: body }],
      });
      buffer.fill(0);
      await done;
      const record = await store.get('keys', 'k');
      expect(record?.body).toEqual(bytes('body'));
      expect(record?.body.buffer.byteLength).toBe(4);
    });

    it('lists in the order of UTF-8 bytes, from a place, within a prefix, up to a limit', async () => {
      // U+FFFD sorts after U+1F600 by UTF-16 code units and before it by UTF-8 bytes.
      const keys = ['a', 'a/', 'a/1', 'a/2', 'a/\u{FFFD}', 'a/\u{1F600}', 'a0', 'b'];
      for (const key of keys.toReversed()) await store.commit({ changes: [put(key)] });
      const list = async (options: Parameters<MetadataStore['list']>[1]) =>
        (await store.list('keys', options)).map(({ key }) => key);
      expect(await list({ limit: 100 })).toEqual(keys);
      expect(await list({ limit: 3 })).toEqual(['a', 'a/', 'a/1']);
      expect(await list({ limit: 0 })).toEqual([]);
      expect(await list({ prefix: 'a/', limit: 100 })).toEqual(keys.slice(1, 6));
      expect(await list({ prefix: 'a/', after: 'a/1', limit: 2 })).toEqual(['a/2', 'a/\u{FFFD}']);
      expect(await list({ prefix: 'a/', after: 'a/15', limit: 1 })).toEqual(['a/2']);
      expect(await list({ prefix: 'a/', after: 'a', limit: 1 })).toEqual(['a/']);
      expect(await list({ prefix: 'a/', after: 'a/', limit: 1 })).toEqual(['a/1']);
      expect(await list({ prefix: 'a/', after: 'b', limit: 100 })).toEqual([]);
      expect(await list({ after: 'a0', limit: 100 })).toEqual(['b']);
      expect(await list({ prefix: 'x', limit: 100 })).toEqual([]);
    });

    it('refuses every version but the next one, and changes nothing then', async () => {
      await store.commit({ changes: [put('k', 1)] });
      await store.commit({ changes: [put('k', 2)] });
      const before = store.sequence();
      for (const change of [
        put('k', 1),
        put('k', 2),
        put('k', 4),
        put('new', 2),
        remove('k', 1),
        remove('k', 3),
        remove('new', 1),
      ]) {
        await expect(store.commit({ changes: [put('bystander'), change] })).rejects.toThrow(
          StoreConflictError,
        );
      }
      expect(store.sequence()).toBe(before);
      expect(await store.get('keys', 'bystander')).toBeUndefined();
      expect(await store.get('keys', 'k')).toMatchObject({ version: 2, body: bytes('body k 2') });
    });

    it('deletes, and begins a key again at version 1', async () => {
      await store.commit({ changes: [put('k', 1)] });
      await store.commit({ changes: [put('k', 2)] });
      await store.commit({ changes: [remove('k', 2)] });
      expect(await store.get('keys', 'k')).toBeUndefined();
      await store.commit({ changes: [put('k', 1, 'again')] });
      expect(await store.get('keys', 'k')).toMatchObject({ version: 1, body: bytes('again') });
    });

    it('applies the changes of a transaction in their order', async () => {
      await store.commit({
        changes: [put('k', 1), put('k', 2), remove('k', 2), put('k', 1, 'last')],
      });
      expect(await store.get('keys', 'k')).toMatchObject({ version: 1, body: bytes('last') });
      await expect(store.commit({ changes: [put('j', 1), put('j', 1)] })).rejects.toThrow(
        StoreConflictError,
      );
      expect(await store.get('keys', 'j')).toBeUndefined();
    });

    it('lets one of many writers of a version win, and the others know', async () => {
      await store.commit({ changes: [put('k', 1)] });
      const other = openClient();
      const attempts = Array.from({ length: 20 }, (_, i) =>
        (i % 2 ? store : other).commit({ changes: [put(`own ${i}`), put('k', 2, `by ${i}`)] }),
      );
      const outcomes = await Promise.allSettled(attempts);
      const winners = outcomes.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []));
      expect(winners).toHaveLength(1);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected')
          expect(outcome.reason).toBeInstanceOf(StoreConflictError);
      }
      expect(await store.get('keys', 'k')).toMatchObject({ body: bytes(`by ${winners[0]}`) });
      expect(
        (await store.list('keys', { prefix: 'own', limit: 99 })).map(({ key }) => key),
      ).toEqual([`own ${winners[0]}`]);
      await other[Symbol.asyncDispose]();
    });

    it('counts the transactions that changed something; every client sees count and record at once', async () => {
      const other = openClient();
      expect(await store.commit({ changes: [put('a'), put('b')] })).toBe(1);
      expect(other.sequence()).toBe(1);
      expect(await other.get('keys', 'b')).toBeDefined();
      expect(await other.commit({ changes: [remove('a', 1)] })).toBe(2);
      expect(store.sequence()).toBe(2);
      expect(await store.get('keys', 'a')).toBeUndefined();
      expect(await store.commit({ changes: [] })).toBe(2);
      await other[Symbol.asyncDispose]();
    });

    it('tells what changed since, and says when that is too long ago', async () => {
      await store.commit({ changes: [put('a'), put('b', 1, 'x', 'settings')] });
      await store.commit({ changes: [remove('a', 1)] });
      const all = [
        { sequence: 1, table: 'keys', key: 'a' },
        { sequence: 1, table: 'settings', key: 'b' },
        { sequence: 2, table: 'keys', key: 'a' },
      ];
      expect(await store.changesSince(0)).toEqual(all);
      expect(await store.changesSince(1)).toEqual(all.slice(2));
      expect(await store.changesSince(2)).toEqual([]);
      expect(await store.changesSince(3)).toBeUndefined();
      expect(await store.changesSince(-1)).toBeUndefined();

      for (let i = 0; i < 3 * contractChangeHistory; i++)
        await store.commit({ changes: [put(`k${i}`)] });
      const newest = store.sequence();
      expect(await store.changesSince(0)).toBeUndefined();
      const recent = await store.changesSince(newest - contractChangeHistory);
      expect(recent?.map(({ sequence }) => sequence)).toEqual(
        Array.from(
          { length: contractChangeHistory },
          (_, i) => newest - contractChangeHistory + 1 + i,
        ),
      );
    });

    it('refuses keys, versions, bodies and events that no record can have', async () => {
      const bad: [Change, unknown][] = [
        [put(''), RangeError],
        [put('x'.repeat(513)), RangeError],
        [put('\ud800'), RangeError],
        [put('a\0b'), RangeError],
        [put('k', 0), RangeError],
        [put('k', 1.5), RangeError],
        [{ ...put('k'), table: 'nowhere' as Table }, RangeError],
        [{ ...put('k'), body: 'text' as unknown as Uint8Array } as Change, TypeError],
      ];
      for (const [change, error] of bad) {
        await expect(store.commit({ changes: [change] })).rejects.toThrow(
          error as ErrorConstructor,
        );
      }
      for (const audit of ['', '[]', '{}\n', '{"a":1}{']) {
        await expect(store.commit({ changes: [put('k')], audit })).rejects.toThrow();
      }
      await expect(store.get('keys', '')).rejects.toThrow(RangeError);
      await expect(store.get('nowhere' as Table, 'k')).rejects.toThrow(RangeError);
      await expect(store.list('keys', { limit: -1 })).rejects.toThrow(RangeError);
      expect(store.sequence()).toBe(0);
      await store.commit({ changes: [put('x'.repeat(512))] });
    });

    it('takes keys that would mean something in SQL', async () => {
      const keys = ["'; DROP TABLE record_keys; --", '%', '_', '"', '\\', '\u202e', 'é', 'e\u0301'];
      await store.commit({ changes: keys.map((key) => put(key)) });
      for (const key of keys) expect((await store.get('keys', key))?.key).toBe(key);
      expect(await store.list('keys', { prefix: '%', limit: 9 })).toHaveLength(1);
    });

    it('numbers audit records of mutations and of other requests without gaps, refused ones left out', async () => {
      const other = openClient();
      // One of the two that put the same record is refused.
      await Promise.all([
        store.append(event('e1')),
        other.append(event('e2')),
        store.commit({ changes: [put('a')], audit: JSON.stringify(event('m1')) }).catch(() => {}),
        other.commit({ changes: [put('a')], audit: JSON.stringify(event('m2')) }).catch(() => {}),
        other.commit({ changes: [], audit: JSON.stringify(event('m3')) }),
        store.append(event('e3')),
      ]);
      await other[Symbol.asyncDispose]();
      const records = owner.auditLines().map((line) => JSON.parse(line));
      expect(records.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
      const ids = records.map((record) => record.event.eventId);
      expect(ids.filter((id) => id.startsWith('m'))).toHaveLength(2);
      expect(ids).toEqual(expect.arrayContaining(['e1', 'e2', 'e3', 'm3']));
    });

    it('serves a client in another thread', async () => {
      const descriptor = owner.connect();
      const client = new URL('../../src/store/store-client.ts', import.meta.url);
      const code = `
        const { workerData, parentPort } = require('node:worker_threads');
        import(${JSON.stringify(client.href)}).then(async ({ openStoreClient }) => {
          await using store = openStoreClient(workerData);
          const sequence = await store.commit({ changes: [
            { kind: 'put', table: 'keys', key: 'from afar', version: 1, body: new Uint8Array([7]), mac: new Uint8Array() },
          ] });
          await store.append({ eventId: 'afar', requestId: 'r', timeMs: 1, region: 'eu-west-1' });
          const record = await store.get('keys', 'from afar');
          parentPort.postMessage({ sequence, seen: store.sequence(), body: record.body });
        });`;
      const worker = new Worker(code, {
        eval: true,
        workerData: descriptor,
        transferList: [descriptor.port],
      });
      const ended = new Promise((resolve) => worker.once('exit', resolve));
      const answer = await new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      await ended;
      expect(answer).toEqual({ sequence: 1, seen: 1, body: new Uint8Array([7]) });
      expect(store.sequence()).toBe(1);
      expect(await store.get('keys', 'from afar')).toBeDefined();
    });

    it('does what was asked before it closes, and refuses afterwards', async () => {
      const asked = Array.from({ length: 10 }, (_, i) => store.commit({ changes: [put(`k${i}`)] }));
      const appended = store.append(event('last'));
      await store[Symbol.asyncDispose]();
      expect(await Promise.all(asked)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      await appended;
      await expect(store.commit({ changes: [put('late')] })).rejects.toThrow(StoreUnavailableError);
      await expect(store.get('keys', 'k1')).rejects.toThrow(StoreUnavailableError);
      await expect(store.append(event('late'))).rejects.toThrow('closed');
    });

    it('rejects what is under way when the owner closes first', async () => {
      await store.commit({ changes: [put('a')] });
      const closing = owner.close();
      const outcome = store.commit({ changes: [put('b')] });
      const record = store.append(event('late'));
      await expect(outcome).rejects.toThrow(StoreUnavailableError);
      await expect(record).rejects.toMatchObject({ name: 'AuditUnavailableError' });
      await closing;
      await expect(store.list('keys', { limit: 1 })).rejects.toThrow(StoreUnavailableError);
      expect(() => owner.connect()).toThrow(StoreUnavailableError);
    });
  });
}
