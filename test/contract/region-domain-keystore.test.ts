/** The KeyStore contract over RegionDomain and the token, in a device that lives in memory: every spec that is built. */
import { afterAll, beforeAll } from 'vitest';
import { keySpecs } from '../../src/api/key-specs.ts';
import type { Device, Slot } from '../../src/hsm/index.ts';
import { provisionRegion } from '../../src/keystore/provision.ts';
import { RegionDomain } from '../../src/keystore/region-domain.ts';
import { openDevice } from '../../src/link/in-process.ts';
import { FakeMetadataStore } from '../support/fake-metadata-store.ts';
import { initializeToken, SO_PIN, USER_PIN } from '../support/memory-device.ts';
import { keyStoreContract } from './keystore.contract.ts';

const region = 'eu-central-1';
const builtSpecs = Object.values(keySpecs)
  .filter(({ built, keySpec }) => built && keySpec !== 'SYMMETRIC_DEFAULT')
  .map(({ keySpec }) => keySpec);
/** One of each kind of work. */
const quickSpecs = ['RSA_2048', 'ECC_NIST_P256', 'HMAC_384'] as const;

let device: Device;
let slot: Slot;
const store = new FakeMetadataStore();

beforeAll(async () => {
  device = await openDevice({ flashDirectory: null, slotCount: 1, create: true, pinIterations: 1 });
  [slot] = (await device.slots()) as [Slot];
  await initializeToken(slot, 'contract');
  await provisionRegion({ slot, soPin: SO_PIN, userPin: USER_PIN, region });
});
afterAll(() => device?.close());

const open = (options = {}) =>
  RegionDomain.open({ slot, userPin: USER_PIN, region, store, ...options });

keyStoreContract('RegionDomain', { region, specs: builtSpecs }, open);
// One key at a time in the cache: every call may have to unwrap and to destroy.
keyStoreContract('RegionDomain with a cache of one', { region, specs: quickSpecs }, () =>
  open({ cachedKeyCountMax: 1 }),
);
keyStoreContract('RegionDomain with one lane', { region, specs: quickSpecs }, () =>
  open({ laneCountMax: 1 }),
);
