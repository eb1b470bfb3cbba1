/**
 * A host that holds the user PIN against the kinds of domain keys: it can carry no key token from one use to another, make
 * no unwrapped key into something weaker, and use none for anything but what its kind is for. Each attempt is a row with
 * the return value that ends it; pin-holder.test.ts has those that are the same for every kind.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CkrError,
  type CkrName,
  type Device,
  type Mechanism,
  type MechanismName,
  type ObjectHandle,
  type Session,
  type Slot,
  type Template,
} from '../../src/hsm/index.ts';
import {
  type DomainKind,
  domainKinds,
  type MaterialSpec,
  materialSpec,
  mechanismsOf,
} from '../../src/keystore/algorithms.ts';
import type { KeyMaterial } from '../../src/keystore/key-store.ts';
import { keyTokenAdditionalData, parseKeyToken } from '../../src/keystore/key-token.ts';
import { provisionRegion } from '../../src/keystore/provision.ts';
import { RegionDomain } from '../../src/keystore/region-domain.ts';
import {
  cachedBackingKey,
  domainKeyName,
  newBackingKey,
  newPublicKey,
} from '../../src/keystore/templates.ts';
import { openDevice } from '../../src/link/in-process.ts';
import { FakeMetadataStore } from '../support/fake-metadata-store.ts';
import { newBinding } from '../support/material.ts';
import { initializeToken, SO_PIN, USER_PIN } from '../support/memory-device.ts';

const region = 'eu-central-1';
const message = Buffer.from('a message');
const context = Buffer.from('additional data');

/** A key of each kind. */
const bindings = {
  seal: newBinding(region),
  mac: newBinding(region, 'HMAC_256', 'GENERATE_VERIFY_MAC'),
  sign: newBinding(region, 'RSA_2048', 'SIGN_VERIFY'),
  decrypt: newBinding(region, 'RSA_2048', 'ENCRYPT_DECRYPT'),
} as const;
const specOf = (kind: DomainKind): MaterialSpec =>
  materialSpec(bindings[kind].keySpec) as MaterialSpec;

/** What the attacker has in hand of a kind. */
interface Loot {
  readonly domainKey: ObjectHandle;
  readonly material: KeyMaterial;
  /** As the service unwraps it. */
  readonly unwrapped: ObjectHandle;
  /** As the service makes one, before it was wrapped. */
  readonly fresh: ObjectHandle;
}
const loot = new Map<DomainKind, Loot>();
const of = (kind: DomainKind): Loot => loot.get(kind) as Loot;

let device: Device;
let session: Session;
let own: ObjectHandle;

async function ckr(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof CkrError) return error.ckr;
    throw error;
  }
  return 'CKR_OK';
}

function unwrap(kind: DomainKind, under: DomainKind, change: Template = {}): Promise<ObjectHandle> {
  const { material } = of(kind);
  const { domainKeyId, iv, wrapped } = parseKeyToken(material.keyToken);
  return session.unwrapKeyAuthenticated(
    { mechanism: 'CKM_AES_GCM', iv },
    of(under).domainKey,
    wrapped,
    { ...cachedBackingKey(under, specOf(under)), ...change },
    keyTokenAdditionalData(domainKeyId, material),
  );
}

async function makeFresh(kind: DomainKind): Promise<ObjectHandle> {
  const spec = specOf(kind);
  const template = newBackingKey(kind, spec);
  if (spec.generation === 'secret')
    return session.generateKey('CKM_GENERIC_SECRET_KEY_GEN', template);
  const pair = await session.generateKeyPair(spec.generation, newPublicKey(spec), template);
  await session.destroyObject(pair.publicKey);
  return pair.privateKey;
}

beforeAll(async () => {
  device = await openDevice({ flashDirectory: null, slotCount: 1, create: true, pinIterations: 1 });
  const [slot] = (await device.slots()) as [Slot];
  await initializeToken(slot, 'contract');
  await provisionRegion({ slot, soPin: SO_PIN, userPin: USER_PIN, region });
  session = await slot.openSession({ readWrite: true });
  await session.login('user', USER_PIN);
  const store = new FakeMetadataStore();
  await using domain = await RegionDomain.open({ slot, userPin: USER_PIN, region, store });
  for (const kind of domainKinds) {
    const label = `strongroom ${region} ${domainKeyName(kind)}`;
    const [domainKey] = await session.findObjects({ CKA_LABEL: label });
    const material = await domain.generate(bindings[kind]);
    const fresh = await makeFresh(kind);
    loot.set(kind, { domainKey, material, fresh } as Loot);
    loot.set(kind, { ...of(kind), unwrapped: await unwrap(kind, kind) });
  }
  own = await session.createObject({
    CKA_CLASS: 'CKO_SECRET_KEY',
    CKA_KEY_TYPE: 'CKK_AES',
    CKA_VALUE: Buffer.alloc(32, 7),
    CKA_WRAP: true,
    CKA_UNWRAP: true,
  });
});
afterAll(() => device?.close());

describe.each(domainKinds)('a key token of kind %s', (kind) => {
  it.each(domainKinds.filter((other) => other !== kind))(
    'is none under the domain key of kind %s',
    async (other) => {
      // A private key is longer than any secret that the token takes.
      const isTooLong =
        specOf(kind).generation !== 'secret' && specOf(other).generation === 'secret';
      const ends = isTooLong ? 'CKR_WRAPPED_KEY_LEN_RANGE' : 'CKR_WRAPPED_KEY_INVALID';
      expect(await ckr(unwrap(kind, other))).toBe(ends);
    },
  );

  const isPrivate = kind === 'sign' || kind === 'decrypt';
  const uses = isPrivate
    ? (['CKA_DECRYPT', 'CKA_SIGN', 'CKA_SIGN_RECOVER', 'CKA_UNWRAP', 'CKA_DERIVE'] as const)
    : ([
        ...['CKA_ENCRYPT', 'CKA_DECRYPT', 'CKA_SIGN', 'CKA_VERIFY'],
        ...['CKA_WRAP', 'CKA_UNWRAP', 'CKA_DERIVE'],
      ] as const);
  const granted: Readonly<Record<DomainKind, readonly string[]>> = {
    seal: ['CKA_DERIVE'],
    mac: ['CKA_SIGN', 'CKA_VERIFY'],
    sign: ['CKA_SIGN'],
    decrypt: ['CKA_DECRYPT'],
  };
  const weaker: Template[] = [
    { CKA_EXTRACTABLE: true },
    { CKA_SENSITIVE: false },
    { CKA_WRAP_WITH_TRUSTED: false },
    { CKA_PRIVATE: false },
    { CKA_TOKEN: true },
    { CKA_MODIFIABLE: true },
    { CKA_COPYABLE: true },
    { CKA_CLASS: isPrivate ? 'CKO_SECRET_KEY' : 'CKO_PRIVATE_KEY' },
    ...uses.filter((use) => !granted[kind].includes(use)).map((use) => ({ [use]: true })),
    ...domainKinds
      .filter((other) => other !== kind)
      .map((other) => ({ CKA_ALLOWED_MECHANISMS: [...mechanismsOf[other]] })),
    { CKA_ALLOWED_MECHANISMS: [...mechanismsOf[kind], 'CKM_AES_GCM'] as MechanismName[] },
  ];
  it.each(weaker)('as %j: CKR_TEMPLATE_INCONSISTENT', async (change) => {
    const before = await session.findObjects({});
    expect(await ckr(unwrap(kind, kind, change))).toBe('CKR_TEMPLATE_INCONSISTENT');
    expect(await session.findObjects({})).toEqual(before);
  });
});

describe.each(domainKinds)('a key of kind %s', (kind) => {
  it('shows its value to nobody', async () => {
    for (const key of [of(kind).unwrapped, of(kind).fresh]) {
      const names = ['CKA_VALUE', 'CKA_PRIVATE_EXPONENT'] as const;
      expect(await session.getAttributes(key, names)).toEqual({
        CKA_VALUE: undefined,
        CKA_PRIVATE_EXPONENT: undefined,
      });
    }
  });

  it('is wrapped by no other than its domain key, and once', async () => {
    const { unwrapped, fresh, domainKey } = of(kind);
    const gcm = { mechanism: 'CKM_AES_GCM' } as const;
    for (const [wrapping, key, ends] of [
      [own, fresh, 'CKR_KEY_NOT_WRAPPABLE'],
      [own, unwrapped, 'CKR_KEY_UNEXTRACTABLE'],
      [domainKey, unwrapped, 'CKR_KEY_UNEXTRACTABLE'],
    ] as const)
      expect(await ckr(session.wrapKeyAuthenticated(gcm, wrapping, key, context))).toBe(ends);
    expect(await ckr(session.wrapKey('CKM_AES_KEY_WRAP_KWP', own, fresh))).toBe(
      'CKR_KEY_NOT_WRAPPABLE',
    );
    expect(await ckr(session.wrapKey('CKM_AES_KEY_WRAP_KWP', own, unwrapped))).toBe(
      'CKR_KEY_UNEXTRACTABLE',
    );
  });

  it.each(domainKinds.filter((other) => other !== kind))(
    'is never wrapped as one of kind %s',
    async (other) => {
      const call = session.wrapKeyAuthenticated(
        { mechanism: 'CKM_AES_GCM' },
        of(other).domainKey,
        of(kind).fresh,
        context,
      );
      expect(await ckr(call)).toBe('CKR_KEY_HANDLE_INVALID');
    },
  );

  it.each([
    { CKA_SENSITIVE: false },
    { CKA_EXTRACTABLE: true },
    { CKA_WRAP_WITH_TRUSTED: false },
    { CKA_SIGN: true },
    { CKA_DECRYPT: true },
    { CKA_DERIVE: true },
    { CKA_LABEL: 'x' },
  ] satisfies Template[])('takes no %j: CKR_ACTION_PROHIBITED', async (change) => {
    expect(await ckr(session.setAttributes(of(kind).unwrapped, change))).toBe(
      'CKR_ACTION_PROHIBITED',
    );
  });
});

it.each(['seal', 'mac'] as const)('a known key is not wrapped as one of kind %s', async (kind) => {
  const { CKA_VALUE_LEN: length, ...template } = newBackingKey(kind, specOf(kind));
  const known = await session.createObject({
    ...template,
    CKA_VALUE: Buffer.alloc(length as number, 7),
  });
  const wrap = (key: ObjectHandle) =>
    session.wrapKeyAuthenticated({ mechanism: 'CKM_AES_GCM' }, of(kind).domainKey, key, context);
  expect(await ckr(wrap(known))).toBe('CKR_KEY_HANDLE_INVALID');
});

const pss = { mechanism: 'CKM_SHA256_RSA_PKCS_PSS', hash: 'SHA-256' } as const;
const oaep = { mechanism: 'CKM_RSA_PKCS_OAEP', hash: 'SHA-256' } as const;
type Use = readonly [
  kind: DomainKind,
  what: string,
  ends: CkrName,
  run: (key: ObjectHandle) => Promise<unknown>,
];
const signWith = (mechanism: Mechanism) => (key: ObjectHandle) =>
  session.sign(mechanism, key, message);
const uses: readonly Use[] = [
  ['seal', 'sign a MAC', 'CKR_KEY_FUNCTION_NOT_PERMITTED', signWith('CKM_SHA256_HMAC')],
  ['mac', 'seal', 'CKR_KEY_FUNCTION_NOT_PERMITTED', (key) => session.seal(key, context, message)],
  ['mac', 'sign by SHA-1', 'CKR_MECHANISM_INVALID', signWith('CKM_SHA_1_HMAC')],
  [
    'mac',
    'answer one byte of a MAC',
    'CKR_MECHANISM_INVALID',
    signWith({ mechanism: 'CKM_SHA256_HMAC_GENERAL', macLength: 1 }),
  ],
  [
    'mac',
    'derive a readable key',
    'CKR_KEY_FUNCTION_NOT_PERMITTED',
    (key) =>
      session.deriveKey(
        {
          mechanism: 'CKM_SP800_108_COUNTER_KDF',
          fields: [{ field: 'counter', widthBits: 32 }],
        },
        key,
        { CKA_KEY_TYPE: 'CKK_GENERIC_SECRET', CKA_VALUE_LEN: 32, CKA_SENSITIVE: false },
      ),
  ],
  [
    'sign',
    'decrypt',
    'CKR_KEY_FUNCTION_NOT_PERMITTED',
    (key) => session.decrypt(oaep, key, Buffer.alloc(256, 1)),
  ],
  ['sign', 'sign by SHA-1', 'CKR_MECHANISM_INVALID', signWith('CKM_SHA1_RSA_PKCS')],
  ['decrypt', 'sign', 'CKR_KEY_FUNCTION_NOT_PERMITTED', signWith(pss)],
  ['decrypt', 'sign a digest', 'CKR_KEY_FUNCTION_NOT_PERMITTED', signWith('CKM_RSA_PKCS')],
  [
    'sign',
    'be re-encrypted from',
    'CKR_KEY_FUNCTION_NOT_PERMITTED',
    (key) =>
      session.reEncrypt(
        { mechanism: oaep, key, additionalData: context, ciphertext: Buffer.alloc(256, 1) },
        {
          mechanism: { mechanism: 'CKM_STRONGROOM_DERIVE_AES_GCM' },
          key: of('seal').unwrapped,
          additionalData: context,
        },
      ),
  ],
  [
    'mac',
    'seal key pairs',
    'CKR_KEY_FUNCTION_NOT_PERMITTED',
    (key) =>
      session.sealKeyPair(
        'CKM_EC_KEY_PAIR_GEN',
        { CKA_EC_PARAMS: Buffer.from('06082a8648ce3d030107', 'hex') },
        key,
        context,
        { reveal: true },
      ),
  ],
];

it.each(uses)('a key of kind %s cannot %s: %s', async (kind, _what, ends, run) => {
  expect(await ckr(run(of(kind).unwrapped))).toBe(ends);
});

it('keys work as their kinds have it', async () => {
  await session.seal(of('seal').unwrapped, context, message);
  await session.sign('CKM_SHA512_HMAC', of('mac').unwrapped, message);
  await session.sign(pss, of('sign').unwrapped, message);
  expect(await ckr(session.decrypt(oaep, of('decrypt').unwrapped, Buffer.alloc(256, 1)))).toBe(
    'CKR_ENCRYPTED_DATA_INVALID',
  );
});
