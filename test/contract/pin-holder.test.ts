/**
 * A host that holds the user PIN, at work against two Regions: every way it could try to read a backing key, to unwrap a key
 * token into something weaker, to choose what a domain key does, or to carry a key from one Region to the other. Each
 * attempt is a row with the return value that ends it. docs/threat-model.md refers to this table.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS, type CommandName, SLAB_BYTES } from '../../src/hsm/commands.ts';
import { decodeResponse, encodeRequest, type RequestFields } from '../../src/hsm/frame.ts';
import {
  CKA,
  CKF,
  CkrError,
  type CkrName,
  ckrName,
  type Device,
  type GcmWrap,
  type KdfField,
  type ObjectHandle,
  type Session,
  type Slot,
  type Template,
} from '../../src/hsm/index.ts';
import { loadDomainRing } from '../../src/keystore/domain-ring.ts';
import { type KeyMaterial, KeyTokenError, type Mac } from '../../src/keystore/key-store.ts';
import { encodeKeyToken, keyTokenAdditionalData, parseKeyToken } from '../../src/keystore/key-token.ts';
import { provisionRegion } from '../../src/keystore/provision.ts';
import { sealRecord } from '../../src/keystore/record-mac.ts';
import { RegionDomain } from '../../src/keystore/region-domain.ts';
import { cachedBackingKey, domainKey, newBackingKey } from '../../src/keystore/templates.ts';
import { openDevice } from '../../src/link/in-process.ts';
import { loadAddon } from '../../src/native/load.ts';
import { FakeMetadataStore } from '../support/fake-metadata-store.ts';

const regionA = 'eu-central-1';
const regionB = 'us-east-1';
const soPin = 'so-pin-123456';
const userPin = 'user-pin-123456';
const message = Buffer.from('a message');
const context = Buffer.from('additional data');
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
  keySpec: 'SYMMETRIC_DEFAULT',
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
  const additionalData = keyTokenAdditionalData(domainKeyId, { ...loot.material, ...change.binding });
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

/** A frame of one's own making, for what the session's methods do not tell: the return value of a partial answer. */
async function statusOf<C extends CommandName>(
  command: C,
  fieldsOf: (loot: Loot) => RequestFields<C>,
): Promise<void> {
  const slab = new Uint8Array(new SharedArrayBuffer(2 * SLAB_BYTES));
  const { client } = loadAddon().attach(device.attachId, slab);
  if (client === undefined) throw new Error('no second client');
  try {
    const call = async <N extends CommandName>(name: N, handle: number, fields: RequestFields<N>) =>
      decodeResponse(name, 1, await client.execAsync(encodeRequest(name, handle, 1, fields), 0));
    const flags = CKF.CKF_SERIAL_SESSION | CKF.CKF_RW_SESSION;
    const opened = await call('OpenSession', 0, { slot: slot.id, flags });
    const { status } = await call(command, opened.fields?.session ?? 0, fieldsOf(loot));
    if (status !== 0) throw new CkrError(status, command);
  } finally {
    await client.close();
  }
}

const valueOf = (object: keyof Omit<Loot, 'material'>) => () =>
  statusOf('GetAttributeValue', (all) => ({ object: all[object], types: [CKA.CKA_VALUE] }));

const counter: KdfField = { field: 'counter', widthBits: 32 };
/** The very input that gives the key of a message. */
const messageKeyFields = (nonce: Uint8Array): KdfField[] => [
  counter,
  { field: 'bytes', bytes: Buffer.concat([Buffer.from('SR message key\0'), nonce.subarray(0, 16)]) },
  { field: 'length', widthBits: 32 },
];
const readable: Template = {
  CKA_KEY_TYPE: 'CKK_GENERIC_SECRET',
  CKA_VALUE_LEN: 32,
  CKA_SENSITIVE: false,
  CKA_EXTRACTABLE: true,
};

const reading: Attack[] = [
  attack('the value of an unwrapped key', 'CKR_ATTRIBUTE_SENSITIVE', valueOf('unwrapped')),
  attack('the value of a new one', 'CKR_ATTRIBUTE_SENSITIVE', valueOf('fresh')),
  attack('the value of the domain key', 'CKR_ATTRIBUTE_SENSITIVE', valueOf('domainKeyA')),
  attack('the value of the record MAC key', 'CKR_ATTRIBUTE_SENSITIVE', valueOf('macKey')),
  attack('a checksum of the value', 'CKR_ATTRIBUTE_TYPE_INVALID', () =>
    statusOf('GetAttributeValue', ({ unwrapped }) => ({ object: unwrapped, types: [CKA.CKA_CHECK_VALUE] })),
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
    attack(`SetAttributeValue ${Object.keys(change)} of an unwrapped key`, 'CKR_ACTION_PROHIBITED', ({ unwrapped }) =>
      session.setAttributes(unwrapped, change),
    ),
  ),
  attack('wrap an unwrapped key under an own key, KWP', 'CKR_KEY_UNEXTRACTABLE', ({ own, unwrapped }) =>
    session.wrapKey('CKM_AES_KEY_WRAP_KWP', own, unwrapped),
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
  attack('derive a message key as a readable key', 'CKR_MECHANISM_INVALID', async ({ unwrapped, material }) => {
    const { nonce } = await (domains.get(regionA) as RegionDomain).seal(material, context, message);
    const mechanism = { mechanism: 'CKM_SP800_108_COUNTER_KDF', fields: messageKeyFields(nonce) } as const;
    await session.deriveKey(mechanism, unwrapped, readable);
  }),
  attack('derive from a new one', 'CKR_MECHANISM_INVALID', ({ fresh }) =>
    session.deriveKey({ mechanism: 'CKM_SP800_108_COUNTER_KDF', fields: [counter] }, fresh, readable),
  ),
  attack('derive with its own mechanism, but as a key', 'CKR_MECHANISM_INVALID', ({ unwrapped }) =>
    session.deriveKey(COMPOSITE, unwrapped, readable),
  ),
];
/** CKM_STRONGROOM_DERIVE_AES_GCM where only its number is taken. */
const COMPOSITE = 0x8000_0000 + 0x5352_0001 > 0 ? { mechanism: compositeNumber() } : { mechanism: 0 };

describe.each([['reading a backing key', reading]] as const)('%s', () => {
  it('x', () => {});
});
