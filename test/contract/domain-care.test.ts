/**
 * The end of a retired domain key: not too early, not while something is under it, and then for good.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Clock } from '../../src/clock/clock.ts';
import { RegionDomain } from '../../src/keystore/region-domain.ts';
import type { KeyRecord } from '../../src/kms/keys/key-record.ts';
import { KeyRepository } from '../../src/kms/keys/key-repository.ts';
import { DomainCare } from '../../src/server/domain-care.ts';
import { openKept } from '../../src/server/foundation.ts';
import { onlySlot } from '../../src/server/token.ts';
import { scratchDirectory } from '../support/scratch.ts';

const region = 'eu-west-1';
const accountId = '000000000000';

it('retired domain keys go when nothing is under them, and are found gone by every thread', async () => {
  const directory = join(scratchDirectory(), 'data');
  const soPinFile = `${directory}.so-pin`;
  await using foundation = await openKept(
    { directory, soPinFile },
    { regions: [region], accountId: undefined, dev: true },
  );
  const { device, userPin } = foundation;
  let nowMs = Date.now();
  const clock: Clock = { nowMs: () => nowMs };
  const openStore = () => foundation.openStore();
  await using care = new DomainCare({ device, userPin, regions: [region], openStore, clock });
  await care.resume();
  await using store = openStore();
  const slot = await onlySlot(device);
  await using domain = await RegionDomain.open({ slot, userPin, region, store });
  const keys = new KeyRepository({ region, store, mac: domain.recordMac });
  const [keyId, materialId] = [randomUUID(), randomBytes(32).toString('hex')];
  const kind = { keySpec: 'SYMMETRIC_DEFAULT', keyUsage: 'ENCRYPT_DECRYPT' } as const;
  const material = await domain.generate({ accountId, region, keyId, materialId, ...kind });
  const keyToken = Buffer.from(material.keyToken).toString('base64');
  const record: KeyRecord = {
    ...{ accountId, region, keyId, ...kind, origin: 'AWS_KMS', keyState: 'Enabled' },
    ...{ description: '', createdAtMs: nowMs, tags: [], aliases: [] },
    materials: [{ materialId, keyToken, createdAtMs: nowMs }],
  };
  await keys.create(record, '{}');
  const sealed = await domain.seal(material, Buffer.of(1), Buffer.from('kept'));
  const tokenObjects = async () => (await device.status()).tokenObjectCount;
  const before = await tokenObjects();

  await care.rotate(undefined, 'all', soPinFile);
  expect(await tokenObjects()).toBe(before + 4);
  await expect(care.retire(undefined, 'all')).rejects.toThrow(/rotated less than 60 s ago/);
  await expect(care.retire(undefined, 'none')).rejects.toThrow(RangeError);
  await expect(care.retire(['us-east-1'], 'all')).rejects.toThrow(/not a Region that is served/);
  nowMs += 61_000;
  const [status] = await care.retire(undefined, 'seal');
  expect(status?.keys.map(({ kind: of, state }) => `${of} ${state}`).sort()).toEqual(
    ['decrypt', 'mac', 'sign']
      .flatMap((of) => [`${of} active`, `${of} retired`])
      .concat('seal active')
      .sort(),
  );
  expect(await tokenObjects()).toBe(before + 3);

  // The record was moved, and what was made before opens; the old key token is of no domain key any more.
  const moved = (await keys.find(accountId, keyId))?.current.material;
  if (moved === undefined) throw new Error('the key is gone');
  expect(Buffer.from(moved.keyToken).equals(material.keyToken)).toBe(false);
  expect(Buffer.from(await domain.open(moved, Buffer.of(1), sealed)).toString()).toBe('kept');
  await using later = await RegionDomain.open({ slot, userPin, region, store });
  await expect(later.rewrap(material)).rejects.toThrow(/no domain key of this Region/);

  // A record from an old back-up: its key tokens cannot be moved, so the others stay.
  await keys.create({ ...record, keyId: randomUUID() }, '{}');
  await expect(care.retire(undefined, 'all')).rejects.toThrow(/could not be moved: key /);
  expect(await tokenObjects()).toBe(before + 3);
});
