import { beforeEach, describe, expect, it } from 'vitest';
import { KeyRepository } from '../../../src/kms/keys/key-repository.ts';
import { accountId, arnOf, KmsHarness, region } from '../../support/kms-harness.ts';

let kms: KmsHarness;
let keyId: string;

beforeEach(async () => {
  kms = new KmsHarness();
  keyId = await kms.createKey();
});

const repository = (options = {}) =>
  new KeyRepository({ region, store: kms.store, mac: kms.keyStore.mac, ...options });
const describeKey = () => kms.error('DescribeKey', { KeyId: keyId });

describe('the cache', () => {
  it('asks the store once, and again after a change', async () => {
    const keys = repository();
    const first = await keys.find(accountId, keyId);
    const { getCount } = kms.store;
    expect(keys.find(accountId, keyId)).toBe(first);
    await kms.createKey();
    expect(await keys.find(accountId, keyId)).toBe(first);
    expect(kms.store.getCount).toBe(getCount);
    await kms.ok('DisableKey', { KeyId: keyId });
    expect(await keys.find(accountId, keyId)).toMatchObject({ keyState: 'Disabled', version: 2 });
  });

  it('forgets everything when the store cannot tell what has changed', async () => {
    const keys = repository();
    await keys.find(accountId, keyId);
    kms.store.isForgetful = true;
    await kms.ok('DisableKey', { KeyId: keyId });
    expect(await keys.find(accountId, keyId)).toMatchObject({ keyState: 'Disabled' });
  });

  it('keeps nothing that was read before a change and arrived after it', async () => {
    const keys = repository();
    const { store } = kms;
    const get = store.get.bind(store);
    store.get = async (table, key) => {
      const old = await get(table, key);
      store.get = get;
      await kms.ok('DisableKey', { KeyId: keyId });
      // Somebody else's question makes the cache catch up before the old record arrives.
      await keys.find(accountId, 'another');
      return old;
    };
    await keys.find(accountId, keyId);
    expect(await keys.find(accountId, keyId)).toMatchObject({ keyState: 'Disabled' });
  });

  it.each([
    ['number', () => ({ cacheCountMax: 1 })],
    ['bytes', () => ({ cacheBytesMax: kms.record(keyId).record.body.length + 10 })],
  ])('is bounded, in %s', async (_, bound) => {
    const keys = repository(bound());
    const first = await keys.find(accountId, keyId);
    await keys.find(accountId, await kms.createKey());
    const again = keys.find(accountId, keyId);
    expect(again).toBeInstanceOf(Promise);
    expect(await again).toEqual(first);
  });

  it('keeps what is within the bounds, whatever was changed and forgotten meanwhile', async () => {
    const { length } = kms.record(keyId).record.body;
    const keys = repository({ cacheBytesMax: 2 * length + 10 });
    const other = await kms.createKey();
    for (let i = 0; i < 4; i++) {
      kms.store.isForgetful = i === 2;
      await kms.ok(i % 2 === 0 ? 'DisableKey' : 'EnableKey', { KeyId: keyId });
      for (const id of [keyId, other]) await keys.find(accountId, id);
      for (const id of [keyId, other]) expect(keys.find(accountId, id)).not.toBeInstanceOf(Promise);
    }
  });

  it('remembers no absence', async () => {
    const keys = repository();
    expect(await keys.find(accountId, 'none')).toBeUndefined();
    expect(await keys.find('000000000000', keyId)).toBeUndefined();
  });
});

describe('a record that somebody wrote into the database', () => {
  const forge = (change: (record: ReturnType<KmsHarness['record']>['record']) => object) => {
    const { name, record } = kms.record(keyId);
    kms.store.records.set(name, { ...record, ...change(record) });
  };
  const edit = (body: Uint8Array) =>
    Buffer.from(Buffer.from(body).toString().replace('"Enabled"', '"Disabled"'));

  it.each([
    ['with another body', (r: { body: Uint8Array }) => ({ body: edit(r.body) })],
    ['with a body that is not JSON', () => ({ body: Buffer.from('{') })],
    ['with another version', () => ({ version: 2 })],
    ['without a MAC', () => ({ mac: Buffer.alloc(0) })],
    ['with a cut MAC', (r: { mac: Uint8Array }) => ({ mac: r.mac.subarray(0, 31) })],
  ])('%s is refused and reported', async (_, change) => {
    forge(change as never);
    expect(await describeKey()).toBe('500 KMSInternalException');
    expect(kms.faults.at(-1)?.error).toMatchObject({ name: 'RecordIntegrityError' });
    expect(kms.events.at(-1)).toMatchObject({
      operation: 'DescribeKey',
      errorCode: 'KMSInternalException',
    });
  });

  it('moved from another key is refused', async () => {
    const other = kms.record(await kms.createKey()).record;
    forge(() => ({ body: other.body, mac: other.mac }));
    expect(await describeKey()).toBe('500 KMSInternalException');
    forge(() => other);
    expect(await describeKey()).toBe('500 KMSInternalException');
  });

  it('of another Region is refused', async () => {
    const { record } = kms.record(keyId);
    const { sealRecord } = await import('../../../src/keystore/record-mac.ts');
    const otherMac = kms.keyStores['us-east-1'].mac;
    const { mac } = await sealRecord(otherMac, record);
    forge(() => ({ mac }));
    expect(await describeKey()).toBe('500 KMSInternalException');
  });

  it('of a newer version of the service is refused, not misread', async () => {
    const { record } = kms.record(keyId);
    const { sealRecord } = await import('../../../src/keystore/record-mac.ts');
    const body = Buffer.from(
      Buffer.from(record.body).toString().replace('"format":2', '"format":3'),
    );
    const sealed = await sealRecord(kms.keyStore.mac, { ...record, body });
    forge(() => sealed);
    expect(await describeKey()).toBe('500 KMSInternalException');
    expect(kms.faults.at(-1)?.error).toMatchObject({
      message: expect.stringContaining('unknown body format 3'),
    });
  });
});

it('a record from before keys had tags, policies and aliases is read', async () => {
  const { name, record } = kms.record(keyId);
  const { sealRecord } = await import('../../../src/keystore/record-mac.ts');
  const { tags, aliases, ...old } = JSON.parse(Buffer.from(record.body).toString());
  expect([tags, aliases]).toEqual([[], []]);
  const body = Buffer.from(JSON.stringify({ ...old, format: 1 }));
  kms.store.records.set(name, await sealRecord(kms.keyStore.mac, { ...record, body }));
  expect(await kms.ok('ListResourceTags', { KeyId: keyId })).toEqual({
    Tags: [],
    Truncated: false,
  });
  await kms.ok('CreateAlias', { AliasName: 'alias/a', TargetKeyId: keyId });
  expect((await kms.ok('ListAliases', { KeyId: keyId })).Aliases).toHaveLength(1);
});

it('a key of a usage that an operation does not have is refused by name', async () => {
  const { name, record } = kms.record(keyId);
  const { sealRecord } = await import('../../../src/keystore/record-mac.ts');
  const body = Buffer.from(
    Buffer.from(record.body).toString().replace('ENCRYPT_DECRYPT', 'SIGN_VERIFY'),
  );
  kms.store.records.set(name, await sealRecord(kms.keyStore.mac, { ...record, body }));
  expect(await kms.error('Encrypt', { KeyId: keyId, Plaintext: 'eA==' })).toBe(
    `InvalidKeyUsageException: ${arnOf(keyId)} key usage is SIGN_VERIFY which is not valid for Encrypt.`,
  );
});
