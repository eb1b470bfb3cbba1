/**
 * Rotation of domain keys in a real token: the ceremony beside a working application, key tokens that move from one
 * domain key to the next, and what a host with the user PIN cannot make of the command that moves them.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Device, ObjectHandle, Session, Slot } from '../../src/hsm/index.ts';
import type { DomainKind } from '../../src/keystore/algorithms.ts';
import { domainKinds } from '../../src/keystore/algorithms.ts';
import {
  type DomainKeyName,
  loadDomainRing,
  rotated,
  storeDomainRing,
} from '../../src/keystore/domain-ring.ts';
import { type KeyMaterial, KeyTokenError } from '../../src/keystore/key-store.ts';
import { keyTokenAdditionalData, parseKeyToken } from '../../src/keystore/key-token.ts';
import { makeReplacements, provisionRegion } from '../../src/keystore/provision.ts';
import { RegionDomain } from '../../src/keystore/region-domain.ts';
import { openApplication, openDevice } from '../../src/link/in-process.ts';
import { FakeMetadataStore } from '../support/fake-metadata-store.ts';
import { newBinding } from '../support/material.ts';
import { initializeToken, SO_PIN, USER_PIN } from '../support/memory-device.ts';

const [region, other] = ['eu-west-1', 'us-east-1'];
const message = Buffer.from('a message');
const context = Buffer.from('context');

let device: Device;
let slot: Slot;
let store: FakeMetadataStore;
let domain: RegionDomain;

beforeAll(async () => {
  device = await openDevice({
    flashDirectory: null,
    slotCount: 1,
    create: true,
    pinIterations: 1,
  });
  slot = (await device.slots())[0] as Slot;
  await initializeToken(slot, 'rotation');
  for (const name of [region, other])
    await provisionRegion({ slot, soPin: SO_PIN, userPin: USER_PIN, region: name });
  store = new FakeMetadataStore();
  domain = await RegionDomain.open({ slot, userPin: USER_PIN, region, store });
});
afterAll(async () => {
  await domain[Symbol.asyncDispose]();
  await device.close();
});

/** The ceremony, on an application of its own, and the ring. */
async function rotate(kinds: readonly DomainKind[] = domainKinds): Promise<DomainKeyName[]> {
  await using officers = await openApplication(device.attachId);
  const [officersSlot] = (await officers.slots()) as [Slot];
  const pins = { soPin: SO_PIN, userPin: USER_PIN };
  const made = await makeReplacements({ slot: officersSlot, ...pins, region, kinds });
  const never = () => Promise.reject(new Error('the ring is complete'));
  const ring = await loadDomainRing(store, domain.recordMac, region, never);
  const keys = rotated(ring.keys, made, Date.now());
  await storeDomainRing(store, domain.recordMac, { ...ring, keys });
  return made;
}

const idOf = ({ keyToken }: KeyMaterial): string =>
  Buffer.from(parseKeyToken(keyToken).domainKeyId).toString('hex');

async function materials(): Promise<KeyMaterial[]> {
  return [
    await domain.generate(newBinding(region, 'SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT')),
    await domain.generate(newBinding(region, 'HMAC_256', 'GENERATE_VERIFY_MAC')),
    await domain.generate(newBinding(region, 'ECC_NIST_P256', 'SIGN_VERIFY')),
    await domain.generate(newBinding(region, 'RSA_2048', 'ENCRYPT_DECRYPT')),
  ];
}

it('moves every kind of key token; what was made before works after, before and after the move', async () => {
  const before = await materials();
  const [symmetric, hmac, ec, rsa] = before as [KeyMaterial, KeyMaterial, KeyMaterial, KeyMaterial];
  const sealed = await domain.seal(symmetric, context, message);
  const mac = await domain.generateMac(hmac, 'HMAC_SHA_256', message);
  const encrypted = await domain.encrypt(rsa, 'RSAES_OAEP_SHA_256', message);
  // A thread that does not know of the rotation yet.
  await using unaware = await RegionDomain.open({ slot, userPin: USER_PIN, region, store });
  const [made] = await rotate();
  expect((await materials()).map(idOf)).toEqual(before.map(() => made?.id));
  const moved = await Promise.all(before.map((material) => domain.rewrap(material)));
  expect(moved.map(idOf)).toEqual(before.map(() => made?.id));
  for (const at of [domain, unaware])
    for (const [one, two, three, four] of [before, moved] as (typeof before)[]) {
      expect(Buffer.from(await at.open(one!, context, sealed))).toEqual(message);
      expect(await at.verifyMac(two!, 'HMAC_SHA_256', message, mac)).toBe(true);
      const signature = await at.sign(three!, 'ECDSA_SHA_256', message, 'RAW');
      expect(await at.verify(ec, 'ECDSA_SHA_256', message, 'RAW', signature)).toBe(true);
      expect(Buffer.from(await at.decrypt(four!, 'RSAES_OAEP_SHA_256', encrypted))).toEqual(
        message,
      );
    }
  const first = moved[0] as KeyMaterial;
  expect(await domain.rewrap(first)).toBe(first);
});

it('rotates one kind and leaves the others', async () => {
  const before = await materials();
  const [made] = await rotate(['sign']);
  const moved = await Promise.all(before.map((material) => domain.rewrap(material)));
  expect(moved.map(idOf)).toEqual(
    before.map((material) =>
      material.keySpec === 'ECC_NIST_P256' ? (made as DomainKeyName).id : idOf(material),
    ),
  );
});

it('takes a key token of another binding for none', async () => {
  const [symmetric] = (await materials()) as [KeyMaterial];
  await rotate(['seal']);
  const { materialId } = newBinding(region, 'SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT');
  await expect(domain.rewrap({ ...symmetric, materialId })).rejects.toThrow(KeyTokenError);
  const altered = Buffer.from(symmetric.keyToken);
  altered[altered.length - 1]! ^= 1;
  await expect(domain.rewrap({ ...symmetric, keyToken: altered })).rejects.toThrow(KeyTokenError);
});

it('leaves nothing that is trusted when the SO PIN is wrong, and the working application alone', async () => {
  await using session = await slot.openSession({ readWrite: true });
  const label = `strongroom ${region} domain key`;
  const count = async () => (await session.findObjects({ CKA_LABEL: label })).length;
  const before = await count();
  await using officers = await openApplication(device.attachId);
  const [officersSlot] = (await officers.slots()) as [Slot];
  const wrong = { slot: officersSlot, soPin: 'wrong pin', userPin: USER_PIN, region };
  await expect(makeReplacements({ ...wrong, kinds: ['seal'] })).rejects.toMatchObject({
    ckr: 'CKR_PIN_INCORRECT',
  });
  expect(await count()).toBe(before);
  const [symmetric] = (await materials()) as [KeyMaterial];
  await domain.open(symmetric, context, await domain.seal(symmetric, context, message));
});

describe('a host with the user PIN', () => {
  let session: Session;
  let keys: Readonly<Record<'old' | 'next' | 'elsewhere' | 'mac', ObjectHandle>>;
  let material: KeyMaterial;
  let token: ReturnType<typeof parseKeyToken>;
  let aad: Uint8Array;

  beforeAll(async () => {
    session = await slot.openSession({ readWrite: true });
  });
  afterAll(() => session.close());
  beforeEach(async () => {
    material = await domain.generate(newBinding(region, 'SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT'));
    token = parseKeyToken(material.keyToken);
    aad = keyTokenAdditionalData(token.domainKeyId, material);
    const [made] = await rotate(['seal']);
    const find = async (label: string, id?: Uint8Array) =>
      (
        await session.findObjects({
          CKA_LABEL: `strongroom ${label}`,
          CKA_TRUSTED: true,
          ...(id && { CKA_ID: id }),
        })
      )[0] as ObjectHandle;
    const label = `${region} domain key`;
    keys = {
      old: await find(label, token.domainKeyId),
      next: await find(label, Buffer.from(made?.id ?? '', 'hex')),
      elsewhere: await find(`${other} domain key`),
      mac: await find(`${region} domain key for MACs`),
    };
  });

  const rewrap = (
    to: ObjectHandle,
    { from = keys.old, data = aad, wrapped = token.wrapped } = {},
  ) => session.rewrapKey({ key: from, iv: token.iv }, wrapped, data, to);
  const refused = async (call: Promise<unknown>): Promise<string> =>
    call.then(
      () => 'CKR_OK',
      (error) => error.ckr,
    );

  it('moves a key token to the next domain key of the same domain, and back', async () => {
    const there = await rewrap(keys.next);
    expect(there.wrapped).toHaveLength(token.wrapped.length);
    const nextId = (await session.getAttributes(keys.next, ['CKA_ID'])).CKA_ID as Uint8Array;
    const back = await session.rewrapKey(
      { key: keys.next, iv: there.iv },
      there.wrapped,
      keyTokenAdditionalData(nextId, material),
      keys.old,
    );
    expect(Buffer.from(back.wrapped).equals(token.wrapped)).toBe(false);
  });

  it('cannot move it to another Region, another kind, or a key of its own', async () => {
    const { CKA_ID: id } = await session.getAttributes(keys.next, ['CKA_ID']);
    const own = await session.generateKey('CKM_AES_KEY_GEN', {
      CKA_CLASS: 'CKO_SECRET_KEY',
      CKA_KEY_TYPE: 'CKK_AES',
      CKA_VALUE_LEN: 32,
      CKA_TOKEN: false,
      CKA_LABEL: `strongroom ${region} domain key`,
      CKA_ID: id as Uint8Array,
      CKA_WRAP: true,
      CKA_UNWRAP: true,
      CKA_ENCRYPT: true,
      CKA_DECRYPT: true,
    });
    for (const to of [keys.elsewhere, keys.mac, own])
      expect(await refused(rewrap(to))).toBe('CKR_KEY_FUNCTION_NOT_PERMITTED');
    expect(await refused(rewrap(keys.next, { from: own }))).toBe('CKR_KEY_FUNCTION_NOT_PERMITTED');
  });

  it('cannot give it other additional data', async () => {
    const without = Buffer.from(aad.filter((_, at) => at < 26 || at >= 46));
    expect(await refused(rewrap(keys.next, { data: without }))).toBe('CKR_ARGUMENTS_BAD');
    const twice = Buffer.concat([aad, token.domainKeyId]);
    expect(await refused(rewrap(keys.next, { data: twice }))).toBe('CKR_ARGUMENTS_BAD');
    const another = keyTokenAdditionalData(token.domainKeyId, {
      ...material,
      keyId: '00000000-0000-4000-8000-000000000000',
    });
    expect(await refused(rewrap(keys.next, { data: another }))).toBe('CKR_WRAPPED_KEY_INVALID');
  });

  it('gets nothing for a wrapped key that was altered or cut', async () => {
    const altered = Buffer.from(token.wrapped);
    altered[0]! ^= 1;
    expect(await refused(rewrap(keys.next, { wrapped: altered }))).toBe('CKR_WRAPPED_KEY_INVALID');
    for (const length of [0, 1, 16])
      expect(
        await refused(rewrap(keys.next, { wrapped: token.wrapped.subarray(0, length) })),
      ).toMatch(/CKR_WRAPPED_KEY_LEN_RANGE|CKR_ARGUMENTS_BAD/);
  });
});
