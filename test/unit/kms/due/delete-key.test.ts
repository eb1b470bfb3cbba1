/** The end of a KMS key: when, in which order, once, and what nobody can take back. */
import { beforeEach, describe, expect, it } from 'vitest';
import { deleteKey, deletionOf } from '../../../../src/kms/due/delete-key.ts';
import { dueKey } from '../../../../src/kms/due/due-item.ts';
import { type DestroyedKey, DueWork } from '../../../../src/kms/due/due-work.ts';
import { armOldDeletions } from '../../../../src/kms/due/old-deletions.ts';
import { accountId, arnOf, base64, KmsHarness, region } from '../../../support/kms-harness.ts';

const dayMs = 86_400_000;

let kms: KmsHarness;
let KeyId: string;
let destroyed: DestroyedKey[];
let work: DueWork;

beforeEach(async () => {
  kms = new KmsHarness();
  KeyId = await kms.createKey();
  destroyed = [];
  work = dueWork();
});

function dueWork(): DueWork {
  return new DueWork({
    store: kms.store,
    regions: kms.services,
    handlers: { DeleteKey: deleteKey({ nowMs: () => 1_000 }) },
    domainClock: { nowMs: () => kms.nowMs },
    onDestroyed: async (key) => void destroyed.push(key),
  });
}

const dueRecords = () => [...kms.store.records.keys()].filter((name) => name.startsWith('due/'));
const events = () => kms.store.audit.map((text) => JSON.parse(text));
const scheduled = async (days = 7) => {
  const { DeletionDate } = await kms.ok('ScheduleKeyDeletion', {
    KeyId,
    PendingWindowInDays: days,
  });
  return DeletionDate * 1000;
};

describe('a key whose deletion is scheduled', () => {
  it('stays until its date and is gone at it, with its aliases, its item and an event', async () => {
    for (const AliasName of ['alias/a', 'alias/b'])
      await kms.ok('CreateAlias', { AliasName, TargetKeyId: KeyId });
    const other = await kms.createKey();
    await kms.ok('CreateAlias', { AliasName: 'alias/kept', TargetKeyId: other });
    const { CiphertextBlob } = await kms.ok('Encrypt', { KeyId, Plaintext: base64('x') });
    const dueAtMs = await scheduled();
    expect(dueRecords()).toEqual([
      `due/${dueKey(deletionOf({ region, accountId, keyId: KeyId }, dueAtMs))}`,
    ]);

    kms.nowMs = dueAtMs - 1;
    expect(await work.settle()).toEqual({ done: 0, failing: 0 });
    expect((await kms.ok('DescribeKey', { KeyId })).KeyMetadata.KeyState).toBe('PendingDeletion');
    expect(work.status()).toEqual({ nextAt: new Date(dueAtMs).toISOString(), failing: [] });

    kms.nowMs = dueAtMs;
    expect(await work.settle()).toEqual({ done: 1, failing: 0 });
    expect(await kms.error('DescribeKey', { KeyId })).toBe(
      `NotFoundException: Key '${arnOf(KeyId)}' does not exist`,
    );
    expect(await kms.error('CancelKeyDeletion', { KeyId })).toMatch(/^NotFoundException/);
    expect(await kms.error('Decrypt', { CiphertextBlob })).toMatch(/^AccessDenied/);
    const { Aliases } = await kms.ok('ListAliases');
    expect(Aliases.map((alias: { AliasName: string }) => alias.AliasName)).toEqual(['alias/kept']);
    expect((await kms.ok('ListKeys')).Keys).toHaveLength(1);
    expect(dueRecords()).toEqual([]);
    expect([...kms.store.records.keys()].filter((name) => name.includes(KeyId))).toEqual([]);
    expect(destroyed).toEqual([{ accountId, region, keyId: KeyId }]);
    expect(kms.keyStore.destroyed.size).toBe(1);
    expect(kms.store.scrubCount).toBe(1);
    expect(events().at(-1)).toEqual({
      eventType: 'AwsServiceEvent',
      eventId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      timeMs: 1_000,
      dueAtMs,
      region,
      operation: 'DeleteKey',
      readOnly: false,
      principal: { accountId, invokedBy: 'AWS Internal' },
      sourceAddress: 'AWS Internal',
      userAgent: 'AWS Internal',
      resources: [arnOf(KeyId)],
      serviceEventDetails: { keyId: KeyId },
    });
    expect(work.status()).toEqual({ failing: [] });
    expect(await work.settle()).toEqual({ done: 0, failing: 0 });
  });

  it('stays when it is called off, and goes at the date of the next time', async () => {
    await scheduled(7);
    await kms.ok('CancelKeyDeletion', { KeyId });
    expect(dueRecords()).toEqual([]);
    const dueAtMs = await scheduled(30);
    kms.nowMs = dueAtMs - dayMs;
    expect(await work.settle()).toEqual({ done: 0, failing: 0 });
    kms.nowMs = dueAtMs;
    expect(await work.settle()).toEqual({ done: 1, failing: 0 });
    expect(kms.keyStore.destroyed.size).toBe(1);
  });

  it('is not destroyed by an item of another date, which goes', async () => {
    const dueAtMs = await scheduled();
    const { due } = kms.services.get(region)!;
    const stray = deletionOf({ region, accountId, keyId: KeyId }, dueAtMs - dayMs);
    await kms.store.commit({ changes: [await due.arm(stray)] });
    kms.nowMs = dueAtMs - 1;
    expect(await work.settle()).toEqual({ done: 1, failing: 0 });
    expect(kms.keyStore.destroyed.size).toBe(0);
    expect(dueRecords()).toHaveLength(1);
  });

  it('may be called off at the last moment, but not once the device has begun', async () => {
    kms.nowMs = await scheduled();
    kms.store.beforeCommit = () => kms.ok('CancelKeyDeletion', { KeyId });
    expect(await work.settle()).toEqual({ done: 1, failing: 0 });
    expect(kms.keyStore.destroyed.size).toBe(0);
    expect((await kms.ok('DescribeKey', { KeyId })).KeyMetadata.KeyState).toBe('Disabled');

    kms.nowMs = await scheduled();
    kms.keyStore.destroyFailure = new Error('no room in flash');
    expect(await work.settle()).toEqual({ done: 0, failing: 1 });
    expect(await kms.error('CancelKeyDeletion', { KeyId })).toBe(
      `NotFoundException: Key '${arnOf(KeyId)}' does not exist`,
    );
    expect((await kms.ok('DescribeKey', { KeyId })).KeyMetadata.KeyState).toBe('PendingDeletion');
    kms.keyStore.destroyFailure = undefined;
    // Another runner: the first one waits before it tries again.
    expect(await dueWork().settle()).toEqual({ done: 1, failing: 0 });
    expect(await kms.error('DescribeKey', { KeyId })).toMatch(/does not exist$/);
  });

  it('is done again from the start when the store failed after the device was done', async () => {
    kms.nowMs = await scheduled();
    const fail = () => {
      // The first commit says that it is being destroyed; the second erases.
      kms.store.beforeCommit = () => {
        throw new Error('disk full');
      };
    };
    kms.store.beforeCommit = fail;
    expect(await work.settle()).toEqual({ done: 0, failing: 1 });
    expect(kms.keyStore.destroyed.size).toBe(1);
    expect(events().filter(({ operation }) => operation === 'DeleteKey')).toEqual([]);
    expect(await dueWork().settle()).toEqual({ done: 1, failing: 0 });
    expect(events().filter(({ operation }) => operation === 'DeleteKey')).toHaveLength(1);
    expect(kms.keyStore.destroyed.size).toBe(1);
  });

  it('takes an alias along that is made, moved or deleted meanwhile', async () => {
    const other = await kms.createKey();
    for (const AliasName of ['alias/stays', 'alias/goes', 'alias/moves'])
      await kms.ok('CreateAlias', { AliasName, TargetKeyId: KeyId });
    kms.nowMs = await scheduled();
    kms.store.beforeCommit = async () => {
      await kms.ok('DeleteAlias', { AliasName: 'alias/goes' });
      await kms.ok('UpdateAlias', { AliasName: 'alias/moves', TargetKeyId: other });
    };
    expect(await work.settle()).toEqual({ done: 1, failing: 0 });
    const { Aliases } = await kms.ok('ListAliases');
    expect(Aliases.map((alias: { AliasName: string }) => alias.AliasName)).toEqual(['alias/moves']);
  });

  it('gets its item when a version without due work scheduled it, once', async () => {
    await scheduled();
    for (const name of dueRecords()) kms.store.records.delete(name);
    const parts = { keyStore: kms.keyStore, mac: kms.keyStore.mac, store: kms.store };
    const service = kms.services.get(region)!;
    for (let time = 0; time < 2; time += 1) {
      await armOldDeletions(service, parts);
      expect(dueRecords()).toHaveLength(1);
    }
    for (const name of dueRecords()) kms.store.records.delete(name);
    await armOldDeletions(service, parts);
    expect(dueRecords()).toEqual([]);
  });
});
