/**
 * RegionDomain over the token: results that are there without a promise, and calls whose first try came to nothing.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device, Slot } from '../../src/hsm/index.ts';
import {
  type KeyMaterial,
  MessageAuthenticationError,
  type SealedMessage,
} from '../../src/keystore/key-store.ts';
import { provisionRegion } from '../../src/keystore/provision.ts';
import { RegionDomain } from '../../src/keystore/region-domain.ts';
import { openDevice } from '../../src/link/in-process.ts';
import { FakeMetadataStore } from '../support/fake-metadata-store.ts';
import { initializeToken, SO_PIN, USER_PIN } from '../support/memory-device.ts';

const region = 'eu-central-1';
const context = Buffer.from('additional data');
const message = Buffer.from('plaintext');

let device: Device;
let slot: Slot;
let domain: RegionDomain;
let material: KeyMaterial;
let sealed: SealedMessage;

beforeAll(async () => {
  device = await openDevice({ flashDirectory: null, slotCount: 1, create: true, pinIterations: 1 });
  [slot] = (await device.slots()) as [Slot];
  await initializeToken(slot, 'contract');
  await provisionRegion({ slot, soPin: SO_PIN, userPin: USER_PIN, region });
  const store = new FakeMetadataStore();
  domain = await RegionDomain.open({ slot, userPin: USER_PIN, region, store });
  material = await domain.generate({
    accountId: '111122223333',
    region,
    keyId: randomUUID(),
    materialId: randomBytes(32).toString('hex'),
    keySpec: 'SYMMETRIC_DEFAULT',
    keyUsage: 'ENCRYPT_DECRYPT',
  });
});
afterAll(async () => {
  await domain[Symbol.asyncDispose]();
  await device.close();
});

/** What is no promise, or an error. */
function atOnce<T>(result: T | Promise<T>): T {
  if (result instanceof Promise) throw new Error('a promise');
  return result;
}

describe('a key in the device', () => {
  it('works without a promise, once it is there', async () => {
    const first = domain.seal(material, context, message);
    expect(first).toBeInstanceOf(Promise);
    await first;
    sealed = atOnce(domain.seal(material, context, message));
    expect(message.equals(atOnce(domain.open(material, context, sealed)))).toBe(true);
    const { plaintext } = atOnce(domain.sealRandom(material, context, 8, { reveal: true }));
    expect(plaintext).toHaveLength(8);
  });

  it('refuses with a rejection', async () => {
    const changed = domain.open(material, Buffer.from('other'), sealed);
    expect(changed).toBeInstanceOf(Promise);
    await expect(changed).rejects.toThrow(MessageAuthenticationError);
  });

  it('takes what is too long for this thread elsewhere', async () => {
    const long = Buffer.alloc(300_000);
    const result = domain.seal(material, context, long);
    expect(result).toBeInstanceOf(Promise);
    expect(long.equals(await domain.open(material, context, await result))).toBe(true);
  });

  it('is unwrapped again after its sessions were closed', async () => {
    await slot.closeAllSessions();
    const opened = domain.open(material, context, sealed);
    expect(opened).toBeInstanceOf(Promise);
    expect(message.equals(await opened)).toBe(true);
    expect(message.equals(atOnce(domain.open(material, context, sealed)))).toBe(true);
  });

  it('is unwrapped again after a logout, which voids its handle', async () => {
    await using session = await slot.openSession();
    await session.logout();
    const opened = domain.open(material, context, sealed);
    expect(opened).toBeInstanceOf(Promise);
    expect(message.equals(await opened)).toBe(true);
    expect(message.equals(atOnce(domain.open(material, context, sealed)))).toBe(true);
  });
});
