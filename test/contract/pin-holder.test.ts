/**
 * A host that holds the user PIN, at work against two Regions: every way it could try to read a backing key, to unwrap a key
 * token into something weaker, to choose what a domain key does, or to carry a key from one Region to the other. Each
 * attempt is a row with the return value that ends it. docs/threat-model.md refers to this table.
 * Long because it is one table.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS, type CommandName } from '../../src/hsm/commands.ts';
import type { RequestFields } from '../../src/hsm/frame.ts';
import {
  CKA,
  CKF,
  CKM,
  CKR,
  CkrError,
  type CkrName,
  type Device,
  type GcmWrap,
  type KdfField,
  type ObjectHandle,
  type Session,
  type Slot,
  type Template,
} from '../../src/hsm/index.ts';
import { NO_SESSION, Transport } from '../../src/hsm/transport.ts';
import { type MaterialSpec, materialSpec } from '../../src/keystore/algorithms.ts';
import { loadDomainRing } from '../../src/keystore/domain-ring.ts';
import {
  type KeyMaterial,
  KeyTokenError,
  type Mac,
  type SealedMessage,
} from '../../src/keystore/key-store.ts';
import {
  encodeKeyToken,
  keyTokenAdditionalData,
  parseKeyToken,
} from '../../src/keystore/key-token.ts';
import { provisionRegion } from '../../src/keystore/provision.ts';
import { sealRecord } from '../../src/keystore/record-mac.ts';
import { RegionDomain } from '../../src/keystore/region-domain.ts';
import {
  cachedBackingKey as cachedKey,
  domainKey as newDomainKey,
  newBackingKey as newKey,
} from '../../src/keystore/templates.ts';
import { attachLink, openDevice } from '../../src/link/in-process.ts';
import { FakeMetadataStore } from '../support/fake-metadata-store.ts';

const regionA = 'eu-central-1';
const regionB = 'us-east-1';
const soPin = 'so-pin-123456';
const userPin = 'user-pin-123456';
const message = Buffer.from('a message');
const context = Buffer.from('additional data');
const symmetric = materialSpec('SYMMETRIC_DEFAULT') as MaterialSpec;
const cachedBackingKey = cachedKey('seal', symmetric);
const newBackingKey = newKey('seal', symmetric);
const domainKey = (label: string, id: Uint8Array): Template => newDomainKey('seal', label, id);
const chosenIv = Buffer.alloc(12, 9);
const madeByToken: GcmWrap = { mechanism: 'CKM_AES_GCM' };

let device: Device;
let slot: Slot;
/** The attacker's: logged in as user, read and write. */
let session: Session;
const store = new FakeMetadataStore();
const domains = new Map<string, RegionDomain>();

/** What the attacker has in hand. */
interface Loot {
  /** A key token of Region A, and a message that its key sealed. */
  readonly material: KeyMaterial;
  readonly sealed: SealedMessage;
  /** The key token unwrapped as the service does it. */
  readonly unwrapped: ObjectHandle;
  /** A backing key as the service makes them, before it was wrapped. */
  readonly fresh: ObjectHandle;
  readonly domainKeyA: ObjectHandle;
  readonly domainKeyB: ObjectHandle;
  readonly macKey: ObjectHandle;
  /** The attacker's own AES key, whose value it knows. */
  readonly own: ObjectHandle;
}
let loot: Loot;

interface Attack {
  readonly name: string;
  readonly ends: CkrName;
  run(loot: Loot): Promise<unknown>;
}

const attack = (name: string, ends: CkrName, run: Attack['run']): Attack => ({ name, ends, run });

async function ckr(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof CkrError) return error.ckr;
    throw error;
  }
  return 'CKR_OK';
}

const binding = (region: string) => ({
  accountId: '111122223333',
  region,
  keyId: randomUUID(),
  materialId: randomBytes(32).toString('hex'),
  keySpec: 'SYMMETRIC_DEFAULT' as const,
  keyUsage: 'ENCRYPT_DECRYPT' as const,
});

/** Unwraps the loot's key token, with something changed. */
function unwrap(
  template: Template,
  change: {
    readonly key?: ObjectHandle;
    readonly iv?: Uint8Array;
    readonly wrapped?: Uint8Array;
    readonly tagBits?: number;
    readonly binding?: Partial<KeyMaterial>;
  } = {},
): Promise<ObjectHandle> {
  const { domainKeyId, iv, wrapped } = parseKeyToken(loot.material.keyToken);
  const additionalData = keyTokenAdditionalData(domainKeyId, {
    ...loot.material,
    ...change.binding,
  });
  return session.unwrapKeyAuthenticated(
    { mechanism: 'CKM_AES_GCM', iv: change.iv ?? iv, tagBits: change.tagBits },
    change.key ?? loot.domainKeyA,
    change.wrapped ?? wrapped,
    template,
    additionalData,
  );
}

/** Bytes with one bit changed. */
function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

const wrappedOf = ({ material }: Loot): Uint8Array => parseKeyToken(material.keyToken).wrapped;

/** A command past the session's methods: its return value also where they turn it into something gentler. */
async function statusOf<C extends CommandName>(
  command: C,
  fieldsOf: (loot: Loot) => RequestFields<C>,
): Promise<void> {
  const { link } = attachLink(device.attachId);
  try {
    const transport = new Transport(link);
    const flags = CKF.CKF_SERIAL_SESSION | CKF.CKF_RW_SESSION;
    const opened = await transport.call('OpenSession', NO_SESSION, { slot: slot.id, flags });
    const state = transport.opened(opened.session);
    const { status } = await transport.callPartial(command, state, fieldsOf(loot));
    if (status !== CKR.CKR_OK) throw new CkrError(status, command);
  } finally {
    await link.close();
  }
}

const readValue = (object: keyof Omit<Loot, 'material' | 'sealed'>) => () =>
  statusOf('GetAttributeValue', (all) => ({ object: all[object], types: [CKA.CKA_VALUE] }));

const counter: KdfField = { field: 'counter', widthBits: 32 };
/** The very input that gives the key of a message. */
const messageKeyFields = (nonce: Uint8Array): KdfField[] => [
  counter,
  {
    field: 'bytes',
    bytes: Buffer.concat([Buffer.from('SR message key\0'), nonce.subarray(0, 16)]),
  },
  { field: 'length', widthBits: 32 },
];
const readable: Template = {
  CKA_KEY_TYPE: 'CKK_GENERIC_SECRET',
  CKA_VALUE_LEN: 32,
  CKA_SENSITIVE: false,
  CKA_EXTRACTABLE: true,
};

const reading: Attack[] = [
  attack('the value of an unwrapped key', 'CKR_ATTRIBUTE_SENSITIVE', readValue('unwrapped')),
  attack('the value of a new one', 'CKR_ATTRIBUTE_SENSITIVE', readValue('fresh')),
  attack('the value of the domain key', 'CKR_ATTRIBUTE_SENSITIVE', readValue('domainKeyA')),
  attack('the value of the record MAC key', 'CKR_ATTRIBUTE_SENSITIVE', readValue('macKey')),
  attack('a checksum of the value', 'CKR_ATTRIBUTE_TYPE_INVALID', () =>
    statusOf('GetAttributeValue', ({ unwrapped }) => ({
      object: unwrapped,
      types: [CKA.CKA_CHECK_VALUE],
    })),
  ),
  ...(
    [
      { CKA_SENSITIVE: false },
      { CKA_EXTRACTABLE: true },
      { CKA_WRAP_WITH_TRUSTED: false },
      { CKA_SIGN: true },
      { CKA_ENCRYPT: true },
      { CKA_ALLOWED_MECHANISMS: ['CKM_SHA256_HMAC'] },
      { CKA_VALUE: Buffer.alloc(32) },
      { CKA_LABEL: 'x' },
    ] satisfies Template[]
  ).map((change) =>
    attack(
      `SetAttributeValue ${Object.keys(change)} of an unwrapped key`,
      'CKR_ACTION_PROHIBITED',
      ({ unwrapped }) => session.setAttributes(unwrapped, change),
    ),
  ),
  attack('copy an unwrapped key', 'CKR_ACTION_PROHIBITED', ({ unwrapped }) =>
    session.copyObject(unwrapped, { CKA_TOKEN: true }),
  ),
  attack(
    'wrap an unwrapped key under an own key, KWP',
    'CKR_KEY_UNEXTRACTABLE',
    ({ own, unwrapped }) => session.wrapKey('CKM_AES_KEY_WRAP_KWP', own, unwrapped),
  ),
  attack('the same, GCM', 'CKR_KEY_UNEXTRACTABLE', ({ own, unwrapped }) =>
    session.wrapKeyAuthenticated(madeByToken, own, unwrapped, context),
  ),
  attack('wrap a new one under an own key, KWP', 'CKR_KEY_NOT_WRAPPABLE', ({ own, fresh }) =>
    session.wrapKey('CKM_AES_KEY_WRAP_KWP', own, fresh),
  ),
  attack('the same, GCM', 'CKR_KEY_NOT_WRAPPABLE', ({ own, fresh }) =>
    session.wrapKeyAuthenticated(madeByToken, own, fresh, context),
  ),
  attack('a MAC of it', 'CKR_KEY_FUNCTION_NOT_PERMITTED', ({ unwrapped }) =>
    session.sign('CKM_SHA256_HMAC', unwrapped, message),
  ),
  attack('a MAC of one byte', 'CKR_KEY_FUNCTION_NOT_PERMITTED', ({ unwrapped }) =>
    session.sign({ mechanism: 'CKM_SHA256_HMAC_GENERAL', macLength: 1 }, unwrapped, message),
  ),
  attack('check a guessed MAC', 'CKR_KEY_FUNCTION_NOT_PERMITTED', ({ unwrapped }) =>
    session.verify('CKM_SHA256_HMAC', unwrapped, message, Buffer.alloc(32)),
  ),
  attack('encrypt with it', 'CKR_KEY_TYPE_INCONSISTENT', ({ unwrapped }) =>
    session.encrypt({ mechanism: 'CKM_AES_GCM', iv: chosenIv }, unwrapped, message),
  ),
  attack('encrypt a message with it', 'CKR_KEY_TYPE_INCONSISTENT', ({ unwrapped }) =>
    session.encryptMessage(unwrapped, { iv: chosenIv }, message),
  ),
  attack('wrap another key with it', 'CKR_WRAPPING_KEY_TYPE_INCONSISTENT', ({ unwrapped, own }) =>
    session.wrapKey('CKM_AES_KEY_WRAP_KWP', unwrapped, own),
  ),
  attack(
    'derive a message key as a readable key',
    'CKR_MECHANISM_INVALID',
    ({ unwrapped, sealed }) => {
      const fields = messageKeyFields(sealed.nonce);
      return session.deriveKey(
        { mechanism: 'CKM_SP800_108_COUNTER_KDF', fields },
        unwrapped,
        readable,
      );
    },
  ),
  attack('derive from a new one', 'CKR_MECHANISM_INVALID', ({ fresh }) =>
    session.deriveKey(
      { mechanism: 'CKM_SP800_108_COUNTER_KDF', fields: [counter] },
      fresh,
      readable,
    ),
  ),
  attack('derive with its own mechanism, but as a key', 'CKR_MECHANISM_INVALID', ({ unwrapped }) =>
    session.deriveKey(CKM.CKM_STRONGROOM_DERIVE_AES_GCM, unwrapped, readable),
  ),
];

const weaker = (template: Template, ends: CkrName = 'CKR_TEMPLATE_INCONSISTENT'): Attack =>
  attack(`as ${JSON.stringify(template)}`, ends, () =>
    unwrap({ ...cachedBackingKey, ...template }),
  );

const unwrapping: Attack[] = [
  weaker({ CKA_EXTRACTABLE: true }),
  weaker({ CKA_SENSITIVE: false }),
  weaker({ CKA_WRAP_WITH_TRUSTED: false }),
  weaker({ CKA_PRIVATE: false }),
  weaker({ CKA_TOKEN: true }),
  weaker({ CKA_CLASS: 'CKO_DATA' }),
  weaker({ CKA_KEY_TYPE: 'CKK_AES' }),
  weaker({ CKA_KEY_TYPE: 'CKK_SHA256_HMAC' }),
  weaker({ CKA_ENCRYPT: true }),
  weaker({ CKA_DECRYPT: true }),
  weaker({ CKA_SIGN: true }),
  weaker({ CKA_VERIFY: true }),
  weaker({ CKA_WRAP: true }),
  weaker({ CKA_UNWRAP: true }),
  weaker({ CKA_DERIVE: false }),
  weaker({ CKA_MODIFIABLE: true }),
  weaker({ CKA_COPYABLE: true }),
  weaker({ CKA_ALLOWED_MECHANISMS: ['CKM_SP800_108_COUNTER_KDF'] }),
  weaker({ CKA_ALLOWED_MECHANISMS: ['CKM_STRONGROOM_DERIVE_AES_GCM', 'CKM_SHA256_HMAC'] }),
  weaker({ CKA_ALLOWED_MECHANISMS: [] }, 'CKR_ATTRIBUTE_VALUE_INVALID'),
  weaker({ CKA_TRUSTED: true }, 'CKR_ATTRIBUTE_READ_ONLY'),
  weaker({ CKA_VALUE_LEN: 1 }),
  weaker({ CKA_VALUE: Buffer.alloc(32) }, 'CKR_ATTRIBUTE_READ_ONLY'),
  weaker({ CKA_LOCAL: true }, 'CKR_ATTRIBUTE_READ_ONLY'),
  weaker({ CKA_ALWAYS_SENSITIVE: true }, 'CKR_ATTRIBUTE_READ_ONLY'),
  weaker({ CKA_NEVER_EXTRACTABLE: true }, 'CKR_ATTRIBUTE_READ_ONLY'),
  weaker({ CKA_UNIQUE_ID: 'x' }, 'CKR_ATTRIBUTE_READ_ONLY'),
  attack('with a shorter tag', 'CKR_MECHANISM_PARAM_INVALID', () =>
    unwrap(cachedBackingKey, { tagBits: 96 }),
  ),
  attack('with a tag of one byte', 'CKR_MECHANISM_PARAM_INVALID', () =>
    unwrap(cachedBackingKey, { tagBits: 8 }),
  ),
  attack('with another IV', 'CKR_WRAPPED_KEY_INVALID', () =>
    unwrap(cachedBackingKey, { iv: chosenIv }),
  ),
  attack('cut short', 'CKR_WRAPPED_KEY_INVALID', (all) =>
    unwrap(cachedBackingKey, { wrapped: wrappedOf(all).subarray(0, 40) }),
  ),
  attack('cut to less than a tag', 'CKR_WRAPPED_KEY_LEN_RANGE', (all) =>
    unwrap(cachedBackingKey, { wrapped: wrappedOf(all).subarray(0, 15) }),
  ),
  attack('with a bit of the key changed', 'CKR_WRAPPED_KEY_INVALID', (all) =>
    unwrap(cachedBackingKey, { wrapped: flipped(wrappedOf(all), 0) }),
  ),
  attack('with a bit of the tag changed', 'CKR_WRAPPED_KEY_INVALID', (all) =>
    unwrap(cachedBackingKey, { wrapped: flipped(wrappedOf(all), 47) }),
  ),
  ...(['accountId', 'region', 'keyId', 'materialId', 'keySpec'] as const).map((field) =>
    attack(`bound to another ${field}`, 'CKR_WRAPPED_KEY_INVALID', () =>
      unwrap(cachedBackingKey, { binding: { [field]: 'another' } }),
    ),
  ),
  attack('under an own key', 'CKR_WRAPPED_KEY_INVALID', ({ own }) =>
    unwrap(cachedBackingKey, { key: own }),
  ),
  attack('without additional data, GCM', 'CKR_MECHANISM_INVALID', (all) =>
    session.unwrapKey(
      { mechanism: 'CKM_AES_GCM', iv: chosenIv },
      all.domainKeyA,
      wrappedOf(all),
      readable,
    ),
  ),
  attack('as KWP', 'CKR_MECHANISM_INVALID', (all) =>
    session.unwrapKey('CKM_AES_KEY_WRAP_KWP', all.domainKeyA, wrappedOf(all), cachedBackingKey),
  ),
  attack('by decrypting it', 'CKR_KEY_FUNCTION_NOT_PERMITTED', (all) => {
    const { domainKeyId, iv, wrapped } = parseKeyToken(all.material.keyToken);
    const additionalData = keyTokenAdditionalData(domainKeyId, all.material);
    return session.decrypt(
      { mechanism: 'CKM_AES_GCM', iv, additionalData },
      all.domainKeyA,
      wrapped,
    );
  }),
  attack('by decrypting it as a message', 'CKR_KEY_FUNCTION_NOT_PERMITTED', (all) => {
    const { domainKeyId, iv, wrapped } = parseKeyToken(all.material.keyToken);
    const additionalData = keyTokenAdditionalData(domainKeyId, all.material);
    const parts = { iv, tag: wrapped.subarray(32), additionalData };
    return session.decryptMessage(all.domainKeyA, parts, wrapped.subarray(0, 32));
  }),
];

const domainKeys: Attack[] = [
  attack('choose the IV of a wrap', 'CKR_MECHANISM_PARAM_INVALID', ({ domainKeyA, fresh }) =>
    session.wrapKeyAuthenticated({ ...madeByToken, iv: chosenIv }, domainKeyA, fresh, context),
  ),
  attack('wrap with a shorter tag', 'CKR_MECHANISM_PARAM_INVALID', ({ domainKeyA, fresh }) =>
    session.wrapKeyAuthenticated({ ...madeByToken, tagBits: 32 }, domainKeyA, fresh, context),
  ),
  attack(
    'wrap without additional data, GCM and a chosen IV',
    'CKR_MECHANISM_INVALID',
    ({ domainKeyA, fresh }) =>
      session.wrapKey({ mechanism: 'CKM_AES_GCM', iv: chosenIv }, domainKeyA, fresh),
  ),
  attack('wrap by KWP', 'CKR_MECHANISM_INVALID', ({ domainKeyA, fresh }) =>
    session.wrapKey('CKM_AES_KEY_WRAP_KWP', domainKeyA, fresh),
  ),
  attack('encrypt a known text', 'CKR_KEY_FUNCTION_NOT_PERMITTED', ({ domainKeyA }) =>
    session.encrypt({ mechanism: 'CKM_AES_GCM', iv: chosenIv }, domainKeyA, message),
  ),
  attack('encrypt a message', 'CKR_KEY_FUNCTION_NOT_PERMITTED', ({ domainKeyA }) =>
    session.encryptMessage(domainKeyA, { iv: chosenIv }, message),
  ),
  attack('seal a message', 'CKR_KEY_TYPE_INCONSISTENT', ({ domainKeyA }) =>
    session.seal(domainKeyA, context, message),
  ),
  attack('seal random bytes', 'CKR_KEY_TYPE_INCONSISTENT', ({ domainKeyA }) =>
    session.sealRandom(domainKeyA, context, 32, { reveal: true }),
  ),
  attack('a MAC', 'CKR_KEY_TYPE_INCONSISTENT', ({ domainKeyA }) =>
    session.sign('CKM_SHA256_HMAC', domainKeyA, message),
  ),
  attack('derive from it', 'CKR_KEY_TYPE_INCONSISTENT', ({ domainKeyA }) =>
    session.deriveKey(
      { mechanism: 'CKM_SP800_108_COUNTER_KDF', fields: [counter] },
      domainKeyA,
      readable,
    ),
  ),
  attack('wrap it under an own key, KWP', 'CKR_KEY_UNEXTRACTABLE', ({ own, domainKeyA }) =>
    session.wrapKey('CKM_AES_KEY_WRAP_KWP', own, domainKeyA),
  ),
  attack(
    "wrap it under the other Region's",
    'CKR_KEY_UNEXTRACTABLE',
    ({ domainKeyA, domainKeyB }) =>
      session.wrapKeyAuthenticated(madeByToken, domainKeyB, domainKeyA, context),
  ),
  attack('wrap it under itself', 'CKR_KEY_UNEXTRACTABLE', ({ domainKeyA }) =>
    session.wrapKeyAuthenticated(madeByToken, domainKeyA, domainKeyA, context),
  ),
  attack('wrap the record MAC key', 'CKR_KEY_UNEXTRACTABLE', ({ domainKeyA, macKey }) =>
    session.wrapKeyAuthenticated(madeByToken, domainKeyA, macKey, context),
  ),
  ...(
    [
      { CKA_ENCRYPT: true },
      { CKA_DECRYPT: true },
      { CKA_EXTRACTABLE: true },
      { CKA_SENSITIVE: false },
      { CKA_UNWRAP_TEMPLATE: {} },
      { CKA_ALLOWED_MECHANISMS: ['CKM_AES_KEY_WRAP_KWP'] },
      { CKA_MODIFIABLE: true },
      { CKA_TRUSTED: false },
      { CKA_LABEL: `strongroom ${regionB} domain key` },
      { CKA_ID: Buffer.alloc(16) },
    ] satisfies Template[]
  ).map((change) =>
    attack(`SetAttributeValue ${Object.keys(change)}`, 'CKR_ACTION_PROHIBITED', ({ domainKeyA }) =>
      session.setAttributes(domainKeyA, change),
    ),
  ),
  attack('copy the domain key', 'CKR_ACTION_PROHIBITED', ({ domainKeyA }) =>
    session.copyObject(domainKeyA, { CKA_MODIFIABLE: true }),
  ),
];

const plainWrapping: Template = { CKA_VALUE_LEN: 32, CKA_WRAP: true, CKA_UNWRAP: true };

const trust: Attack[] = [
  attack('make a trusted key', 'CKR_ATTRIBUTE_READ_ONLY', () =>
    session.generateKey('CKM_AES_KEY_GEN', { ...plainWrapping, CKA_TRUSTED: true }),
  ),
  attack('bring one in', 'CKR_ATTRIBUTE_READ_ONLY', () =>
    session.createObject({
      CKA_CLASS: 'CKO_SECRET_KEY',
      CKA_KEY_TYPE: 'CKK_AES',
      CKA_VALUE: Buffer.alloc(32, 7),
      CKA_WRAP: true,
      CKA_TRUSTED: true,
    }),
  ),
  attack('unwrap one', 'CKR_ATTRIBUTE_READ_ONLY', async ({ own }) => {
    const other = await session.generateKey('CKM_AES_KEY_GEN', {
      ...plainWrapping,
      CKA_EXTRACTABLE: true,
    });
    const wrapped = await session.wrapKey('CKM_AES_KEY_WRAP_KWP', own, other);
    await session.destroyObject(other);
    const template = {
      CKA_CLASS: 'CKO_SECRET_KEY',
      CKA_KEY_TYPE: 'CKK_AES',
      CKA_TRUSTED: true,
    } as const;
    await session.unwrapKey('CKM_AES_KEY_WRAP_KWP', own, wrapped, template);
  }),
  attack('make a key that unwraps trusted ones', 'CKR_ATTRIBUTE_READ_ONLY', () =>
    session.generateKey('CKM_AES_KEY_GEN', {
      ...plainWrapping,
      CKA_UNWRAP_TEMPLATE: { CKA_TRUSTED: true },
    }),
  ),
  attack('set CKA_TRUSTED', 'CKR_ATTRIBUTE_READ_ONLY', ({ own }) =>
    session.setAttributes(own, { CKA_TRUSTED: true }),
  ),
  attack('mark a perfect look-alike of the domain key', 'CKR_USER_NOT_LOGGED_IN', async () => {
    const label = `strongroom ${regionA} domain key`;
    const likeness = await session.generateKey(
      'CKM_AES_KEY_GEN',
      domainKey(label, Buffer.alloc(16, 1)),
    );
    try {
      const { CKA_UNIQUE_ID: id = '' } = await session.getAttributes(likeness, ['CKA_UNIQUE_ID']);
      await session.markTrusted(id);
    } finally {
      await session.destroyObject(likeness);
    }
  }),
  attack(
    'wrap a new backing key under such a look-alike',
    'CKR_KEY_NOT_WRAPPABLE',
    async ({ fresh }) => {
      const label = `strongroom ${regionA} domain key`;
      const likeness = await session.generateKey(
        'CKM_AES_KEY_GEN',
        domainKey(label, Buffer.alloc(16, 1)),
      );
      try {
        await session.wrapKeyAuthenticated(madeByToken, likeness, fresh, context);
      } finally {
        await session.destroyObject(likeness);
      }
    },
  ),
  attack('become the SO with the user PIN', 'CKR_USER_ANOTHER_ALREADY_LOGGED_IN', () =>
    session.login('so', userPin),
  ),
  attack("set the SO's PIN, or the user's without the old one", 'CKR_USER_NOT_LOGGED_IN', () =>
    session.initPin('another-pin'),
  ),
];

const rewrapFor =
  (region: string, key: keyof Loot): Attack['run'] =>
  async (all) => {
    const under = region === regionA ? all.domainKeyA : all.domainKeyB;
    const { CKA_ID: id = Buffer.alloc(0) } = await session.getAttributes(under, ['CKA_ID']);
    const additionalData = keyTokenAdditionalData(id, { ...all.material, region });
    await session.wrapKeyAuthenticated(
      madeByToken,
      under,
      all[key] as ObjectHandle,
      additionalData,
    );
  };

const regions: Attack[] = [
  attack(
    "unwrap under the other Region's domain key",
    'CKR_WRAPPED_KEY_INVALID',
    ({ domainKeyB }) => unwrap(cachedBackingKey, { key: domainKeyB }),
  ),
  attack('the same, bound to that Region', 'CKR_WRAPPED_KEY_INVALID', ({ domainKeyB }) =>
    unwrap(cachedBackingKey, { key: domainKeyB, binding: { region: regionB } }),
  ),
  attack('unwrap so that it can be wrapped again', 'CKR_TEMPLATE_INCONSISTENT', () =>
    unwrap({ ...cachedBackingKey, CKA_EXTRACTABLE: true }),
  ),
  attack(
    'unwrap without a word about it, and wrap for the other Region',
    'CKR_KEY_UNEXTRACTABLE',
    async (all) => {
      const { CKA_EXTRACTABLE: _, ...silent } = cachedBackingKey;
      const key = await unwrap(silent);
      try {
        await rewrapFor(regionB, 'unwrapped')({ ...all, unwrapped: key });
      } finally {
        await session.destroyObject(key);
      }
    },
  ),
  attack(
    'wrap the unwrapped key for the other Region',
    'CKR_KEY_UNEXTRACTABLE',
    rewrapFor(regionB, 'unwrapped'),
  ),
  attack(
    'wrap it for its own Region, bound to something else',
    'CKR_KEY_UNEXTRACTABLE',
    rewrapFor(regionA, 'unwrapped'),
  ),
];

beforeAll(async () => {
  device = await openDevice({ flashDirectory: null, slotCount: 1, create: true, pinIterations: 1 });
  [slot] = (await device.slots()) as [Slot];
  await slot.initToken(soPin, 'contract');
  {
    await using officer = await slot.openSession({ readWrite: true });
    await officer.login('so', soPin);
    await officer.initPin(userPin);
    await officer.logout();
  }
  for (const region of [regionA, regionB]) await provisionRegion({ slot, soPin, userPin, region });
  for (const region of [regionA, regionB])
    domains.set(region, await RegionDomain.open({ slot, userPin, region, store }));
  session = await slot.openSession({ readWrite: true });
  const one = async (label: string): Promise<ObjectHandle> => {
    const [object] = await session.findObjects({ CKA_LABEL: `strongroom ${label}` });
    if (object === undefined) throw new Error(`no ${label}`);
    return object;
  };
  const material = await (domains.get(regionA) as RegionDomain).generate(binding(regionA));
  const domainKeyA = await one(`${regionA} domain key`);
  const token = parseKeyToken(material.keyToken);
  loot = {
    material,
    sealed: await (domains.get(regionA) as RegionDomain).seal(material, context, message),
    domainKeyA,
    domainKeyB: await one(`${regionB} domain key`),
    macKey: await one(`${regionA} record MAC key`),
    fresh: await session.generateKey('CKM_GENERIC_SECRET_KEY_GEN', newBackingKey),
    unwrapped: await session.unwrapKeyAuthenticated(
      { mechanism: 'CKM_AES_GCM', iv: token.iv },
      domainKeyA,
      token.wrapped,
      cachedBackingKey,
      keyTokenAdditionalData(token.domainKeyId, material),
    ),
    own: await session.createObject({
      CKA_CLASS: 'CKO_SECRET_KEY',
      CKA_KEY_TYPE: 'CKK_AES',
      CKA_VALUE: Buffer.alloc(32, 7),
      CKA_WRAP: true,
      CKA_UNWRAP: true,
      CKA_ENCRYPT: true,
      CKA_DECRYPT: true,
    }),
  };
});
afterAll(async () => {
  for (const domain of domains.values()) await domain[Symbol.asyncDispose]();
  await device?.close();
});

describe.each([
  ['reading a backing key', reading],
  ['unwrapping a key token', unwrapping],
  ['making something of a domain key', domainKeys],
  ['taking the place of a domain key', trust],
  ["using one Region's key token in another", regions],
])('%s', (_, attacks) => {
  it.each(attacks)('$name: $ends', async ({ ends, run }) => {
    const before = await session.findObjects({});
    expect(await ckr(run(loot))).toBe(ends);
    // Nothing was made on the way, and everything that was there works.
    expect(await session.findObjects({})).toEqual(before);
  });
});

describe('what the token offers nobody', () => {
  it.each(['DigestKey', 'GetOperationState'])('%s is no command', (name) => {
    expect(Object.keys(COMMANDS)).not.toContain(name);
  });
});

describe('the service with such a host', () => {
  const mac = (region: string): Mac => (domains.get(region) as RegionDomain).recordMac;
  const uniqueIdOf = async (key: ObjectHandle): Promise<{ id: string; uniqueId: string }> => {
    const { CKA_ID: id, CKA_UNIQUE_ID: uniqueId } = await session.getAttributes(key, [
      'CKA_ID',
      'CKA_UNIQUE_ID',
    ]);
    return { id: Buffer.from(id ?? []).toString('hex'), uniqueId: uniqueId ?? '' };
  };

  it('wraps nothing under a look-alike, with and without a ring', async () => {
    const label = `strongroom ${regionA} domain key`;
    const { id } = await uniqueIdOf(loot.domainKeyA);
    const likeness = await session.generateKey(
      'CKM_AES_KEY_GEN',
      domainKey(label, Buffer.from(id, 'hex')),
    );
    for (const stored of [store, new FakeMetadataStore()]) {
      await using domain = await RegionDomain.open({
        slot,
        userPin,
        region: regionA,
        store: stored,
      });
      const material = await domain.generate(binding(regionA));
      const sealed = await domain.seal(material, context, message);
      const opened = await (domains.get(regionA) as RegionDomain).open(material, context, sealed);
      expect(message.equals(opened)).toBe(true);
    }
    await session.destroyObject(likeness);
  });

  it('takes no forged ring, though its MAC is right', async () => {
    const label = `strongroom ${regionB} domain key`;
    const likeness = await session.generateKey(
      'CKM_AES_KEY_GEN',
      domainKey(label, Buffer.alloc(16, 3)),
    );
    // The likeness has the right label and no trust; Region A's key has the trust and another label.
    for (const key of [likeness, loot.domainKeyA]) {
      const forged = new FakeMetadataStore();
      const { id, uniqueId: it } = await uniqueIdOf(key);
      const kinds = ['seal', 'mac', 'sign', 'decrypt'];
      const keys = kinds.map((kind) => ({ kind, id, uniqueId: it, state: 'active' }));
      const body = Buffer.from(JSON.stringify({ format: 3, region: regionB, keys }));
      const record = await sealRecord(mac(regionB), {
        table: 'domains',
        key: regionB,
        version: 1,
        body,
      });
      await forged.commit({ changes: [{ kind: 'put', ...record }] });
      const noRing = () => Promise.reject(new Error('no ring'));
      const ring = await loadDomainRing(forged, mac(regionB), regionB, noRing);
      expect(ring.keys).toEqual(keys);
      await expect(
        RegionDomain.open({ slot, userPin, region: regionB, store: forged }),
      ).rejects.toThrow(`${regionB}: the token has no domain key`);
    }
    await session.destroyObject(likeness);
  });

  it("opens nothing with another Region's key token, in whatever dress", async () => {
    const [here, there] = [
      domains.get(regionA) as RegionDomain,
      domains.get(regionB) as RegionDomain,
    ];
    const { material, sealed } = loot;
    const { domainKeyId } = parseKeyToken((await there.generate(binding(regionB))).keyToken);
    const dressed = encodeKeyToken({ ...parseKeyToken(material.keyToken), domainKeyId });
    for (const keyToken of [material.keyToken, dressed])
      for (const region of [regionA, regionB])
        await expect(
          there.open({ ...material, keyToken, region }, context, sealed),
        ).rejects.toThrow(KeyTokenError);
    expect(message.equals(await here.open(material, context, sealed))).toBe(true);
  });
});
