/**
 * A device whose memory is full: cached keys go before a call fails. In a file of its own, since the memory for
 * keys is the process's.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CkrError, ObjectHandle, Session } from '../../src/hsm/index.ts';
import { provisionRegion } from '../../src/keystore/provision.ts';
import { RegionDomain } from '../../src/keystore/region-domain.ts';
import { FakeMetadataStore } from '../support/fake-metadata-store.ts';
import { newBinding } from '../support/material.ts';
import {
  generateSecret,
  type MemoryDevice,
  openMemoryDevice,
  SO_PIN,
  USER_PIN,
} from '../support/memory-device.ts';

const region = 'eu-central-1';
let memory: MemoryDevice;
let domain: RegionDomain;

beforeAll(async () => {
  memory = await openMemoryDevice();
  await memory.session.logout();
  const { slot } = memory;
  await provisionRegion({ slot, soPin: SO_PIN, userPin: USER_PIN, region });
  const store = new FakeMetadataStore();
  domain = await RegionDomain.open({ slot, userPin: USER_PIN, region, store });
});
afterAll(async () => {
  await domain?.[Symbol.asyncDispose]();
  await memory?.[Symbol.asyncDispose]();
});

/** Session keys until there is no room for another one. */
async function fill(session: Session): Promise<ObjectHandle[]> {
  const made: ObjectHandle[] = [];
  for (;;) {
    try {
      made.push(await generateSecret(session));
    } catch (error) {
      expect((error as CkrError).ckr).toBe('CKR_DEVICE_MEMORY');
      return made;
    }
  }
}

it('drops cached keys where the device has no room for another one', async () => {
  const message = Uint8Array.from(Buffer.from('plaintext'));
  const aad = Buffer.from('additional data');
  const seal = async (material: Awaited<ReturnType<RegionDomain['generate']>>) =>
    domain.open(material, aad, await domain.seal(material, aad, message));
  const materials = [];
  for (let i = 0; i < 20; i += 1) materials.push(await domain.generate(newBinding(region)));
  const [late, ...early] = materials as [(typeof materials)[0], ...typeof materials];
  for (const material of early) expect(await seal(material)).toEqual(message);

  await using session = await memory.slot.openSession();
  const filling = await fill(session);
  process.stdout.write(`room for ${filling.length} keys of 32 bytes\n`);
  expect(filling.length).toBeGreaterThan(1000);
  expect(await seal(late)).toEqual(message);
  for (const material of early) expect(await seal(material)).toEqual(message);
}, 60_000);

it('says so where nothing can be dropped', async () => {
  const material = await domain.generate(newBinding(region));
  await using session = await memory.slot.openSession();
  const store = new FakeMetadataStore();
  await using crowded = await RegionDomain.open({
    slot: memory.slot,
    userPin: USER_PIN,
    region: 'eu-central-1',
    store,
  });
  await fill(session);
  const failed = await Promise.resolve(
    crowded.seal(material, Buffer.alloc(0), Buffer.from('plaintext')),
  ).catch((error: unknown) => error);
  expect((failed as CkrError).ckr).toBe('CKR_DEVICE_MEMORY');
}, 60_000);
