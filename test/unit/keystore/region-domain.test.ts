import { createHmac } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { CKR, CkrError } from '../../../src/hsm/index.ts';
import { DomainError } from '../../../src/keystore/domain-keyring.ts';
import { type KeyMaterial, KeyTokenError } from '../../../src/keystore/key-store.ts';
import { missingRegions, provisionRegion } from '../../../src/keystore/provision.ts';
import { recordMacInput } from '../../../src/keystore/record-mac.ts';
import { RegionDomain } from '../../../src/keystore/region-domain.ts';
import { keyStoreContract } from '../../contract/keystore.contract.ts';
import { FakeMetadataStore } from '../../support/fake-metadata-store.ts';
import { FakeSlot } from '../../support/fake-slot.ts';
import { newBinding } from '../../support/material.ts';

const region = 'eu-central-1';
const context = Buffer.from('additional data');
const message = Buffer.from('plaintext');

let slot: FakeSlot;
let store: FakeMetadataStore;

const provision = (name = region) =>
  provisionRegion({ slot: slot.asSlot(), soPin: 'so', userPin: 'user', region: name });
const open = (options = {}) =>
  RegionDomain.open({ slot: slot.asSlot(), userPin: 'user', region, store, ...options });
const newMaterial = (domain: RegionDomain): Promise<KeyMaterial> =>
  domain.generate(newBinding(region));

async function setUp() {
  slot = new FakeSlot();
  store = new FakeMetadataStore();
  await provision();
}
beforeEach(setUp);

// One of each kind of work; the token itself has all specs.
const specs = ['RSA_2048', 'ECC_NIST_P256', 'HMAC_384'] as const;
keyStoreContract('RegionDomain over a fake slot', { region, specs }, async () => {
  await setUp();
  return open();
});

describe('the ceremony', () => {
  it('leaves nobody logged in and repeats nothing', async () => {
    expect([slot.sessions.size, slot.loggedIn]).toEqual([0, undefined]);
    const before = [...slot.objects.keys()];
    // Four kinds of domain keys, and the key of the record MACs.
    expect(before).toHaveLength(5);
    await provision();
    expect([...slot.objects.keys()]).toEqual(before);
  });

  it('replaces a domain key that the SO never saw', async () => {
    const domainKey = [...slot.objects].find(
      ([, { attributes }]) => attributes.CKA_KEY_TYPE === 'CKK_AES',
    )!;
    domainKey[1].attributes.CKA_TRUSTED = false;
    expect(
      await missingRegions({ slot: slot.asSlot(), userPin: 'user', regions: [region] }),
    ).toEqual([region]);
    await provision();
    expect(slot.objects.has(domainKey[0])).toBe(false);
    expect(
      await missingRegions({ slot: slot.asSlot(), userPin: 'user', regions: [region] }),
    ).toEqual([]);
  });
});

describe('a ceremony of the time when there was one kind of domain key', () => {
  /** What it left. */
  const forgetNewKinds = () => {
    for (const [handle, { attributes }] of slot.objects)
      if (String(attributes.CKA_LABEL).includes(' domain key for ')) slot.objects.delete(handle);
  };
  const missing = () => missingRegions({ slot: slot.asSlot(), userPin: 'user', regions: [region] });

  it('is completed, with the same generation, and its keys go on', async () => {
    let material: KeyMaterial;
    {
      await using domain = await open();
      material = await newMaterial(domain);
    }
    const record = store.records.get(`domains/${region}`)!;
    const { keys, ...others } = JSON.parse(Buffer.from(record.body).toString());
    forgetNewKinds();
    expect(await missing()).toEqual([region]);
    await expect(open()).rejects.toThrow('has no domain key for MACs');
    await provision();
    expect(await missing()).toEqual([]);

    // The ring still names the keys that went; an old one names none but its own.
    await expect(open()).rejects.toThrow('has no domain key for MACs');
    const [{ kind, ...seal }] = keys;
    expect(kind).toBe('seal');
    const old = { ...others, format: 1, keys: [seal] };
    const macKey = [...slot.objects.values()].find(({ attributes }) =>
      String(attributes.CKA_LABEL).endsWith('record MAC key'),
    )!.value as Buffer;
    const sealed = { ...record, version: 1, body: Buffer.from(JSON.stringify(old)) };
    const mac = createHmac('sha256', macKey).update(recordMacInput(sealed)).digest();
    store.records.set(`domains/${region}`, { ...sealed, mac });
    await using domain = await open();
    const ring = JSON.parse(Buffer.from(store.records.get(`domains/${region}`)!.body).toString());
    expect(ring).toMatchObject({ format: 3, keys: [{ kind: 'seal', ...seal }, {}, {}, {}] });
    const opened = await domain.open(material, context, await sealedBy(domain, material));
    expect(message.equals(opened)).toBe(true);
    const signing = await domain.generate(newBinding(region, 'ECC_NIST_P256', 'SIGN_VERIFY'));
    await domain.sign(signing, 'ECDSA_SHA_256', message, 'RAW');
  });

  it('that was cut short while it was completed, is completed the next time', async () => {
    forgetNewKinds();
    await expect(
      provisionRegion({ slot: slot.asSlot(), soPin: 'wrong', userPin: 'user', region }),
    ).rejects.toMatchObject({ ckr: 'CKR_PIN_INCORRECT' });
    expect(await missing()).toEqual([region]);
    await provision();
    expect(await missing()).toEqual([]);
    expect(slot.objects.size).toBe(5);
  });
});

describe('opening', () => {
  it('refuses a Region without, or with several, keys, and leaves no session', async () => {
    await expect(open({ region: 'us-east-1' })).rejects.toThrow(DomainError);
    const [, { attributes, value }] = [...slot.objects].find(([, o]) => o.attributes.CKA_SIGN)!;
    slot.add({ attributes: { ...attributes }, value, session: undefined });
    await expect(open()).rejects.toThrow('several: record MAC key');
    await expect(open({ userPin: 'wrong' })).rejects.toMatchObject({ ckr: 'CKR_PIN_INCORRECT' });
    expect(slot.sessions.size).toBe(0);
  });

  it('refuses a domain key that is not the one of the ring', async () => {
    await using _ = await open();
    for (const { attributes } of slot.objects.values())
      if (attributes.CKA_KEY_TYPE === 'CKK_AES') attributes.CKA_UNIQUE_ID = 'another';
    await expect(open()).rejects.toThrow('the token has no domain key');
  });

  it('works while another thread is logged in', async () => {
    await using _ = await open();
    await using domain = await open();
    await domain.random(1);
  });
});

describe('cached keys', () => {
  it('are unwrapped once, and again only when they were dropped', async () => {
    await using domain = await open({ cachedKeyCountMax: 1 });
    const [a, b] = [await newMaterial(domain), await newMaterial(domain)];
    for (const material of [a, a, a]) await domain.seal(material, context, message);
    expect(slot.unwrapCount).toBe(1);
    await domain.seal(b, context, message);
    await domain.seal(a, context, message);
    expect(slot.unwrapCount).toBe(3);
    expect(slot.sessionObjectCount()).toBe(1);
  });

  it('of one call for many are unwrapped once', async () => {
    await using domain = await open();
    const material = await newMaterial(domain);
    await Promise.all(Array.from({ length: 20 }, () => domain.seal(material, context, message)));
    expect(slot.unwrapCount).toBe(1);
  });

  it('whose handle died are unwrapped again', async () => {
    await using domain = await open();
    const material = await newMaterial(domain);
    const sealed = await domain.seal(material, context, message);
    for (const [handle, { session }] of slot.objects) if (session) slot.objects.delete(handle);
    expect(message.equals(await domain.open(material, context, sealed))).toBe(true);
    expect(slot.unwrapCount).toBe(2);
  });
});

describe('public keys', () => {
  it('are made objects of once, and again when they died', async () => {
    await using domain = await open();
    const material = await domain.generate(newBinding(region, 'ECC_NIST_P256', 'SIGN_VERIFY'));
    const signature = await domain.sign(material, 'ECDSA_SHA_256', message, 'RAW');
    const verify = () => domain.verify(material, 'ECDSA_SHA_256', message, 'RAW', signature);
    const { unwrapCount } = slot;
    expect([await verify(), await verify(), slot.createCount]).toEqual([true, true, 1]);
    for (const [handle, { session }] of slot.objects) if (session) slot.objects.delete(handle);
    expect([await verify(), slot.createCount]).toEqual([true, 2]);
    // Verifying needs no private key.
    expect(slot.unwrapCount).toBe(unwrapCount);
    await expect(
      domain.verify(await newMaterial(domain), 'ECDSA_SHA_256', message, 'RAW', signature),
    ).rejects.toThrow(TypeError);
  });

  it('of both keys of a re-encryption are looked for again', async () => {
    await using domain = await open();
    const rsa = await domain.generate(newBinding(region, 'RSA_2048', 'ENCRYPT_DECRYPT'));
    const material = await newMaterial(domain);
    const algorithm = 'SYMMETRIC_DEFAULT';
    const sealed = await domain.seal(material, context, message);
    for (const [handle, { session }] of slot.objects) if (session) slot.objects.delete(handle);
    const there = await domain.reEncrypt(
      { algorithm, material, additionalData: context, sealed },
      { algorithm: 'RSAES_OAEP_SHA_256', material: rsa },
    );
    if (there.algorithm === algorithm) throw new Error('sealed');
    for (const [handle, { session }] of slot.objects) if (session) slot.objects.delete(handle);
    const opened = await domain.decrypt(rsa, there.algorithm, there.ciphertext);
    expect(message.equals(opened)).toBe(true);
  });
});

describe('slow work', () => {
  it('waits for its own kind and keeps nothing else waiting', async () => {
    await using domain = await open({ laneCountMax: 1 });
    const rsa = await domain.generate(newBinding(region, 'RSA_2048', 'SIGN_VERIFY'));
    const material = await newMaterial(domain);
    const gate = Promise.withResolvers<void>();
    let generationCount = 0;
    slot.onGeneration = () => {
      generationCount += 1;
      return gate.promise;
    };
    const pairs = [0, 1, 2].map(() =>
      domain.generate(newBinding(region, 'RSA_2048', 'SIGN_VERIFY')),
    );
    await expect.poll(() => generationCount).toBe(1);
    await domain.seal(material, context, message);
    await domain.sign(rsa, 'RSASSA_PSS_SHA_256', message, 'RAW');
    await domain.random(8);
    expect(generationCount).toBe(1);
    gate.resolve();
    await Promise.all(pairs);
    expect(generationCount).toBe(3);
  });

  it('goes on after a failure', async () => {
    await using domain = await open();
    slot.onGeneration = () => {
      slot.onGeneration = undefined;
      throw new CkrError(CKR.CKR_DEVICE_MEMORY, 'fake');
    };
    const bind = () => newBinding(region, 'RSA_2048', 'SIGN_VERIFY');
    const results = await Promise.allSettled([0, 1].map(() => domain.generate(bind())));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });
});

describe('lanes', () => {
  it('are as many as needed, up to the limit', async () => {
    await using domain = await open({ laneCountMax: 3 });
    const gate = Promise.withResolvers<void>();
    slot.onWork = () => gate.promise;
    const all = Promise.all(Array.from({ length: 10 }, () => domain.random(1)));
    await expect.poll(() => slot.busy.count).toBe(10);
    expect(slot.sessions.size).toBe(1 + 3);
    gate.resolve();
    await all;
  });
});

describe('what is lost', () => {
  let domain: RegionDomain;
  let material: KeyMaterial;
  beforeEach(async () => {
    domain = await open();
    material = await newMaterial(domain);
    await domain.seal(material, context, message);
  });
  const works = async () => {
    const sealed = await domain.seal(material, context, message);
    expect(message.equals(await domain.open(material, context, sealed))).toBe(true);
    expect(await domain.recordMac.verify(context, await domain.recordMac.sign(context))).toBe(true);
  };

  it('is made anew: sessions', async () => {
    slot.closeAllSessions();
    await works();
    expect(slot.sessions.size).toBe(2);
  });

  it('is made anew: the login', async () => {
    slot.logout();
    await works();
    slot.logout();
    await domain.recordMac.sign(context);
    slot.logout();
    await newMaterial(domain);
  });

  it('is made anew: everything, when the device was removed', async () => {
    slot.remove();
    await works();
  });

  it('in mid-operation by a session is tried again, by a device is not', async () => {
    let count = 0;
    slot.onWork = () => {
      count += 1;
      if (count === 1) slot.closeAllSessions();
    };
    await works();
    slot.onWork = () => {
      slot.onWork = undefined;
      slot.remove();
      throw new CkrError(CKR.CKR_DEVICE_REMOVED, 'fake');
    };
    await expect(domain.seal(material, context, message)).rejects.toMatchObject({
      ckr: 'CKR_DEVICE_REMOVED',
    });
    await works();
  });

  it('again and again is not tried for ever', async () => {
    slot.onWork = () => slot.closeAllSessions();
    await expect(domain.seal(material, context, message)).rejects.toMatchObject({
      ckr: 'CKR_SESSION_HANDLE_INVALID',
    });
    slot.onWork = undefined;
    await works();
  });

  it('is not made anew once closed', async () => {
    await domain[Symbol.asyncDispose]();
    expect(slot.sessions.size).toBe(0);
    await expect(domain.random(1)).rejects.toThrow(DomainError);
  });
});

it('other trouble of the token passes as it is', async () => {
  await using domain = await open();
  const material = await newMaterial(domain);
  slot.onWork = () => {
    throw new CkrError(CKR.CKR_DEVICE_MEMORY, 'fake');
  };
  await expect(
    domain.open(material, context, await sealedBy(domain, material)),
  ).rejects.toMatchObject({ ckr: 'CKR_DEVICE_MEMORY' });
});

it('a key token whose domain key is not in the ring is refused without asking the token', async () => {
  await using domain = await open();
  const material = await newMaterial(domain);
  const keyToken = Buffer.from(material.keyToken);
  keyToken[3]! ^= 1;
  await expect(domain.seal({ ...material, keyToken }, context, message)).rejects.toThrow(
    KeyTokenError,
  );
  expect(slot.unwrapCount).toBe(0);
});

async function sealedBy(domain: RegionDomain, material: KeyMaterial) {
  const { onWork } = slot;
  slot.onWork = undefined;
  const sealed = await domain.seal(material, context, message);
  slot.onWork = onWork;
  return sealed;
}
