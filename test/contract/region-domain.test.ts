/**
 * RegionDomain over the token, in a device that lives in memory: what a host can try that has the user PIN, and what
 * happens when sessions go away. The KeyStore contract: region-domain-keystore.test.ts.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CkrError,
  type Device,
  type ObjectHandle,
  type Session,
  type Slot,
  type Template,
} from '../../src/hsm/index.ts';
import { materialSpec } from '../../src/keystore/algorithms.ts';
import {
  type KeyMaterial,
  KeyTokenError,
  MessageAuthenticationError,
} from '../../src/keystore/key-store.ts';
import { keyTokenAdditionalData, parseKeyToken } from '../../src/keystore/key-token.ts';
import { provisionRegion } from '../../src/keystore/provision.ts';
import { RegionDomain } from '../../src/keystore/region-domain.ts';
import { cachedBackingKey as cachedKey } from '../../src/keystore/templates.ts';
import { openDevice } from '../../src/link/in-process.ts';
import { FakeMetadataStore } from '../support/fake-metadata-store.ts';
import { newBinding } from '../support/material.ts';

const region = 'eu-central-1';
const otherRegion = 'us-east-1';
const soPin = 'so-pin-123456';
const userPin = 'user-pin-123456';

let device: Device;
let slot: Slot;
const store = new FakeMetadataStore();

beforeAll(async () => {
  device = await openDevice({ flashDirectory: null, slotCount: 1, create: true, pinIterations: 1 });
  [slot] = (await device.slots()) as [Slot];
  await slot.initToken(soPin, 'contract');
  {
    await using session = await slot.openSession({ readWrite: true });
    await session.login('so', soPin);
    await session.initPin(userPin);
    await session.logout();
  }
  for (const name of [region, otherRegion])
    await provisionRegion({ slot, soPin, userPin, region: name });
});
afterAll(() => device?.close());

const open = (name = region, options = {}) =>
  RegionDomain.open({ slot, userPin, region: name, store, ...options });
const newMaterial = (domain: RegionDomain, name = region): Promise<KeyMaterial> =>
  domain.generate(newBinding(name));
const ckr = async (call: Promise<unknown>): Promise<string> => {
  try {
    await call;
  } catch (error) {
    if (error instanceof CkrError) return error.ckr;
    throw error;
  }
  return 'CKR_OK';
};
const cachedBackingKey = cachedKey('seal', materialSpec('SYMMETRIC_DEFAULT')!);
const context = Buffer.from('additional data');
const message = Buffer.from('plaintext');

describe('the ceremony', () => {
  it('knows which Regions are missing', async () => {
    const { missingRegions } = await import('../../src/keystore/provision.ts');
    const regions = ['ap-south-1', region, otherRegion, 'eu-west-1'];
    expect(await missingRegions({ slot, userPin, regions })).toEqual(['ap-south-1', 'eu-west-1']);
  });

  it('leaves one trusted domain key and one record MAC key, and repeats nothing', async () => {
    const find = async (template: Template) => {
      await using session = await slot.openSession();
      expect(['CKR_OK', 'CKR_USER_ALREADY_LOGGED_IN']).toContain(
        await ckr(session.login('user', userPin)),
      );
      const found = await session.findObjects(template);
      return Promise.all(
        found.map(
          async (key) => (await session.getAttributes(key, ['CKA_UNIQUE_ID'])).CKA_UNIQUE_ID,
        ),
      );
    };
    const label = `strongroom ${region} domain key`;
    const before = [
      await find({ CKA_LABEL: label, CKA_TRUSTED: true }),
      await find({ CKA_LABEL: `strongroom ${region} record MAC key` }),
    ];
    expect(before.map((ids) => ids.length)).toEqual([1, 1]);
    {
      await using session = await slot.openSession();
      await ckr(session.login('user', userPin));
      await session.logout();
    }
    await provisionRegion({ slot, soPin, userPin, region });
    expect([
      await find({ CKA_LABEL: label }),
      await find({ CKA_LABEL: `strongroom ${region} record MAC key` }),
    ]).toEqual(before);
  });

  it('finishes what was cut short before the SO came', async () => {
    const cut = 'sa-east-1';
    {
      await using session = await slot.openSession({ readWrite: true });
      await ckr(session.login('user', userPin));
      const { domainKey } = await import('../../src/keystore/templates.ts');
      await session.generateKey(
        'CKM_AES_KEY_GEN',
        domainKey('seal', `strongroom ${cut} domain key`, randomBytes(16)),
      );
      await session.logout();
    }
    await expect(open(cut)).rejects.toThrow('has no record MAC key');
    {
      await using session = await slot.openSession();
      await ckr(session.login('user', userPin));
      await session.logout();
    }
    await provisionRegion({ slot, soPin, userPin, region: cut });
    await using domain = await open(cut);
    await domain.seal(await newMaterial(domain, cut), context, message);
  });
});

describe('a host with the user PIN', () => {
  let domain: RegionDomain;
  let other: RegionDomain;
  let session: Session;
  let material: KeyMaterial;
  let domainKey: ObjectHandle;
  let otherDomainKey: ObjectHandle;

  beforeAll(async () => {
    domain = await open();
    other = await open(otherRegion);
    session = await slot.openSession({ readWrite: true });
    await ckr(session.login('user', userPin));
    material = await newMaterial(domain);
    [domainKey] = (await session.findObjects({ CKA_LABEL: `strongroom ${region} domain key` })) as [
      ObjectHandle,
    ];
    [otherDomainKey] = (await session.findObjects({
      CKA_LABEL: `strongroom ${otherRegion} domain key`,
    })) as [ObjectHandle];
  });
  afterAll(async () => {
    await session?.close();
    await domain?.[Symbol.asyncDispose]();
    await other?.[Symbol.asyncDispose]();
  });

  const unwrap = (
    template: Template = cachedBackingKey,
    key = domainKey,
    change: Partial<KeyMaterial> = {},
  ) => {
    const { domainKeyId, iv, wrapped } = parseKeyToken(material.keyToken);
    const additionalData = keyTokenAdditionalData(domainKeyId, { ...material, ...change });
    return session.unwrapKeyAuthenticated(
      { mechanism: 'CKM_AES_GCM', iv },
      key,
      wrapped,
      template,
      additionalData,
    );
  };

  it('unwraps a key token into what the domain key says, and nothing weaker', async () => {
    for (const weaker of [
      { CKA_EXTRACTABLE: true },
      { CKA_SENSITIVE: false },
      { CKA_WRAP_WITH_TRUSTED: false },
      { CKA_PRIVATE: false },
      { CKA_TOKEN: true },
      { CKA_DERIVE: false },
      { CKA_ENCRYPT: true },
      { CKA_DECRYPT: true },
      { CKA_SIGN: true },
      { CKA_VERIFY: true },
      { CKA_WRAP: true },
      { CKA_UNWRAP: true },
      { CKA_MODIFIABLE: true },
      { CKA_COPYABLE: true },
      { CKA_KEY_TYPE: 'CKK_AES' },
      { CKA_KEY_TYPE: 'CKK_SHA256_HMAC' },
      { CKA_ALLOWED_MECHANISMS: ['CKM_STRONGROOM_DERIVE_AES_GCM', 'CKM_SHA256_HMAC'] },
      { CKA_ALLOWED_MECHANISMS: ['CKM_SP800_108_COUNTER_KDF'] },
    ] satisfies Template[])
      expect(await ckr(unwrap({ ...cachedBackingKey, ...weaker })), JSON.stringify(weaker)).toBe(
        'CKR_TEMPLATE_INCONSISTENT',
      );
    const key = await unwrap({});
    expect(
      await session.getAttributes(key, [
        'CKA_SENSITIVE',
        'CKA_WRAP_WITH_TRUSTED',
        'CKA_PRIVATE',
        'CKA_TOKEN',
        'CKA_SIGN',
        'CKA_DERIVE',
        'CKA_MODIFIABLE',
        'CKA_COPYABLE',
      ]),
    ).toEqual({
      CKA_SENSITIVE: true,
      CKA_WRAP_WITH_TRUSTED: true,
      CKA_PRIVATE: true,
      CKA_TOKEN: false,
      CKA_SIGN: false,
      CKA_DERIVE: true,
      CKA_MODIFIABLE: false,
      CKA_COPYABLE: false,
    });
    await session.destroyObject(key);
  });

  it('reads no backing key', async () => {
    const key = await unwrap({});
    expect((await session.getAttributes(key, ['CKA_VALUE'])).CKA_VALUE).toBeUndefined();
    for (const change of [
      { CKA_SENSITIVE: false },
      { CKA_WRAP_WITH_TRUSTED: false },
      { CKA_SIGN: true },
      { CKA_DERIVE: false },
      { CKA_LABEL: 'x' },
    ])
      expect(await ckr(session.setAttributes(key, change)), JSON.stringify(change)).not.toBe(
        'CKR_OK',
      );
    const own = await session.generateKey('CKM_AES_KEY_GEN', {
      CKA_VALUE_LEN: 32,
      CKA_WRAP: true,
      CKA_UNWRAP: true,
      CKA_ENCRYPT: true,
      CKA_DECRYPT: true,
      CKA_SENSITIVE: false,
      CKA_EXTRACTABLE: true,
    });
    const known = await session.createObject({
      CKA_CLASS: 'CKO_SECRET_KEY',
      CKA_KEY_TYPE: 'CKK_AES',
      CKA_VALUE: Buffer.alloc(32, 7),
      CKA_WRAP: true,
    });
    for (const wrapping of [own, known]) {
      expect(await ckr(session.wrapKey('CKM_AES_KEY_WRAP_KWP', wrapping, key))).toBe(
        'CKR_KEY_UNEXTRACTABLE',
      );
      expect(
        await ckr(
          session.wrapKeyAuthenticated({ mechanism: 'CKM_AES_GCM' }, wrapping, key, context),
        ),
      ).toBe('CKR_KEY_UNEXTRACTABLE');
    }
    expect(await ckr(session.wrapKey('CKM_AES_KEY_WRAP_KWP', domainKey, key))).not.toBe('CKR_OK');
    expect(await ckr(session.sign('CKM_SHA256_HMAC', key, context))).not.toBe('CKR_OK');
    expect(
      await ckr(session.encrypt({ mechanism: 'CKM_AES_GCM', iv: Buffer.alloc(12) }, key, context)),
    ).not.toBe('CKR_OK');
    const kdf = {
      mechanism: 'CKM_SP800_108_COUNTER_KDF',
      fields: [{ field: 'counter', widthBits: 32 }],
    } as const;
    expect(
      await ckr(
        session.deriveKey(kdf, key, {
          CKA_KEY_TYPE: 'CKK_GENERIC_SECRET',
          CKA_VALUE_LEN: 32,
          CKA_SENSITIVE: false,
          CKA_EXTRACTABLE: true,
        }),
      ),
    ).not.toBe('CKR_OK');
    for (const object of [key, own, known]) await session.destroyObject(object);
  });

  it('makes nothing of the domain key', async () => {
    expect((await session.getAttributes(domainKey, ['CKA_VALUE'])).CKA_VALUE).toBeUndefined();
    const gcm = { mechanism: 'CKM_AES_GCM', iv: parseKeyToken(material.keyToken).iv } as const;
    expect(await ckr(session.encrypt(gcm, domainKey, context))).toBe(
      'CKR_KEY_FUNCTION_NOT_PERMITTED',
    );
    expect(
      await ckr(
        session.decrypt(gcm, domainKey, Buffer.from(parseKeyToken(material.keyToken).wrapped)),
      ),
    ).toBe('CKR_KEY_FUNCTION_NOT_PERMITTED');
    expect(
      await ckr(
        session.decryptMessage(
          domainKey,
          { iv: gcm.iv, tag: Buffer.alloc(16), additionalData: context },
          message,
        ),
      ),
    ).toBe('CKR_KEY_FUNCTION_NOT_PERMITTED');
    expect(await ckr(session.encryptMessage(domainKey, { additionalData: context }, message))).toBe(
      'CKR_KEY_FUNCTION_NOT_PERMITTED',
    );
    for (const change of [
      { CKA_DECRYPT: true },
      { CKA_EXTRACTABLE: true },
      { CKA_UNWRAP_TEMPLATE: {} },
      { CKA_ALLOWED_MECHANISMS: ['CKM_AES_KEY_WRAP_KWP'] },
      { CKA_LABEL: 'x' },
    ] satisfies Template[])
      expect(await ckr(session.setAttributes(domainKey, change)), JSON.stringify(change)).not.toBe(
        'CKR_OK',
      );
    const own = await session.generateKey('CKM_AES_KEY_GEN', {
      CKA_VALUE_LEN: 32,
      CKA_WRAP: true,
      CKA_SENSITIVE: false,
      CKA_EXTRACTABLE: true,
    });
    expect(
      await ckr(
        session.wrapKeyAuthenticated({ mechanism: 'CKM_AES_GCM' }, own, domainKey, context),
      ),
    ).toBe('CKR_KEY_UNEXTRACTABLE');
    await session.destroyObject(own);
  });

  it('makes no trusted key', async () => {
    const template: Template = {
      CKA_VALUE_LEN: 32,
      CKA_WRAP: true,
      CKA_UNWRAP: true,
      CKA_TOKEN: true,
      CKA_PRIVATE: true,
    };
    expect(
      await ckr(session.generateKey('CKM_AES_KEY_GEN', { ...template, CKA_TRUSTED: true })),
    ).not.toBe('CKR_OK');
    const key = await session.generateKey('CKM_AES_KEY_GEN', template);
    expect(await ckr(session.setAttributes(key, { CKA_TRUSTED: true }))).not.toBe('CKR_OK');
    const { CKA_UNIQUE_ID: uniqueId = '' } = await session.getAttributes(key, ['CKA_UNIQUE_ID']);
    expect(await ckr(session.markTrusted(uniqueId))).toBe('CKR_USER_NOT_LOGGED_IN');
    expect((await session.getAttributes(key, ['CKA_TRUSTED'])).CKA_TRUSTED).toBe(false);
    await session.destroyObject(key);
  });

  it("uses no Region's key token in another", async () => {
    const sealed = await domain.seal(material, context, message);
    for (const moved of [material, { ...material, region: otherRegion }])
      await expect(other.open(moved, context, sealed)).rejects.toThrow(KeyTokenError);
    expect(await ckr(unwrap({}, otherDomainKey))).toBe('CKR_WRAPPED_KEY_INVALID');
    expect(await ckr(unwrap({}, otherDomainKey, { region: otherRegion }))).toBe(
      'CKR_WRAPPED_KEY_INVALID',
    );
    // The other domain key's id written over this one's.
    const keyToken = Buffer.from(material.keyToken);
    keyToken.set(parseKeyToken((await newMaterial(other, otherRegion)).keyToken).domainKeyId, 3);
    await expect(other.open({ ...material, keyToken }, context, sealed)).rejects.toThrow(
      KeyTokenError,
    );
    await expect(
      other.open({ ...material, keyToken, region: otherRegion }, context, sealed),
    ).rejects.toThrow(KeyTokenError);
  });

  it('cannot put a look-alike in the place of the domain key', async () => {
    const label = `strongroom ${region} domain key`;
    const { CKA_ID: id } = await session.getAttributes(domainKey, ['CKA_ID']);
    const fake = await session.createObject({
      CKA_CLASS: 'CKO_SECRET_KEY',
      CKA_KEY_TYPE: 'CKK_AES',
      CKA_VALUE: Buffer.alloc(32, 7),
      CKA_TOKEN: true,
      CKA_PRIVATE: true,
      CKA_LABEL: label,
      CKA_ID: id,
      CKA_WRAP: true,
      CKA_UNWRAP: true,
    });
    await using again = await open();
    const sealed = await domain.seal(material, context, message);
    expect(message.equals(await again.open(material, context, sealed))).toBe(true);
    const own = await newMaterial(again);
    const sealedByAgain = await again.seal(own, context, message);
    expect(message.equals(await domain.open(own, context, sealedByAgain))).toBe(true);
    await session.destroyObject(fake);
  });

  it('gets other MACs for other Regions', async () => {
    const mac = await domain.recordMac.sign(context);
    expect(mac).toHaveLength(32);
    expect(await domain.recordMac.verify(context, mac)).toBe(true);
    expect(await other.recordMac.verify(context, mac)).toBe(false);
    expect(await domain.recordMac.verify(message, mac)).toBe(false);
    for (const wrong of [mac.subarray(1), Buffer.alloc(32), Buffer.alloc(0)])
      expect(await domain.recordMac.verify(context, wrong)).toBe(false);
  });
});

describe('a key at hand', () => {
  it('works without a promise, and with one where the first try came to nothing', async () => {
    await using domain = await open();
    const material = await newMaterial(domain);
    const first = domain.seal(material, context, message);
    expect(first).toBeInstanceOf(Promise);
    await first;
    const sealed = domain.seal(material, context, message);
    if (sealed instanceof Promise) throw new Error('a promise');
    expect(message.equals(domain.open(material, context, sealed) as Uint8Array)).toBe(true);
    expect(domain.sealRandom(material, context, 8, { reveal: true })).not.toBeInstanceOf(Promise);

    const changed = domain.open(material, Buffer.from('other'), sealed);
    await expect(changed).rejects.toThrow(MessageAuthenticationError);
    const long = Buffer.alloc(300_000);
    const sealedLong = domain.seal(material, context, long);
    expect(sealedLong).toBeInstanceOf(Promise);
    expect(long.equals(await domain.open(material, context, await sealedLong))).toBe(true);
  });
});

describe('when sessions go away', () => {
  it('closed by somebody, it opens new ones and goes on', async () => {
    await using domain = await open();
    const material = await newMaterial(domain);
    const sealed = await domain.seal(material, context, message);
    await slot.closeAllSessions();
    expect(message.equals(await domain.open(material, context, sealed))).toBe(true);
    await slot.closeAllSessions();
    const mac = await domain.recordMac.sign(context);
    expect(await domain.recordMac.verify(context, mac)).toBe(true);
  });

  it('logged out by somebody, it logs in again and goes on', async () => {
    await using domain = await open();
    const material = await newMaterial(domain);
    const sealed = await domain.seal(material, context, message);
    {
      await using session = await slot.openSession();
      await session.logout();
    }
    expect(message.equals(await domain.open(material, context, sealed))).toBe(true);
  });

  it('keeps no session object but the cached keys, and nothing once closed', async () => {
    const before = await device.status();
    {
      await using domain = await open(region, { cachedKeyCountMax: 2 });
      const materials = await Promise.all([
        newMaterial(domain),
        newMaterial(domain),
        newMaterial(domain),
      ]);
      for (const material of materials) await domain.seal(material, context, message);
      // The destruction of a dropped key is not waited for.
      await expect
        .poll(async () => (await device.status()).sessionObjectCount)
        .toBe(before.sessionObjectCount + 2);
    }
    const after = await device.status();
    expect([after.sessionCount, after.sessionObjectCount]).toEqual([
      before.sessionCount,
      before.sessionObjectCount,
    ]);
  });

  it('closed itself, it is closed', async () => {
    const domain = await open();
    await domain[Symbol.asyncDispose]();
    await expect(domain.random(8)).rejects.toThrow('closed');
  });
});

describe('opening', () => {
  it('refuses a Region that is not there, a wrong PIN and a forged ring', async () => {
    await expect(open('ap-south-1')).rejects.toThrow('the token has no record MAC key');
    const forged = new FakeMetadataStore();
    const record = store.records.get(`domains/${region}`)!;
    forged.records.set(`domains/${region}`, {
      ...record,
      body: Buffer.from(Buffer.from(record.body).toString().replace('active', 'retired')),
    });
    await expect(open(region, { store: forged })).rejects.toThrow('MAC does not match');
    forged.records.set(`domains/${region}`, {
      ...store.records.get(`domains/${otherRegion}`)!,
      key: region,
    });
    await expect(open(region, { store: forged })).rejects.toThrow('MAC does not match');
    expect((await device.status()).sessionCount).toBe(0);
    expect(await ckr(open(region, { userPin: 'wrong-pin-000' }))).toBe('CKR_PIN_INCORRECT');
    expect((await device.status()).sessionCount).toBe(0);
  });
});
