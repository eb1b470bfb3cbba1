/**
 * A device in memory with one initialised token, and a user's session with it.
 */
import { randomBytes } from 'node:crypto';
import { aeskwp } from '@noble/ciphers/aes.js';
import {
  type Device,
  type KeyType,
  type ObjectHandle,
  publicKeyTemplate,
  type Session,
  type Slot,
  type Template,
} from '../../src/hsm/index.ts';
import { openDevice } from '../../src/link/in-process.ts';

export const SO_PIN = 'so pin of a test';
export const USER_PIN = 'user pin of a test';

export interface MemoryDevice extends AsyncDisposable {
  readonly device: Device;
  readonly slot: Slot;
  /** R/W, logged in as user. */
  readonly session: Session;
}

/** Initialises a token: SO PIN, user PIN, label. */
export async function initializeToken(slot: Slot, label: string): Promise<void> {
  await slot.initToken(SO_PIN, label);
  await using session = await slot.openSession({ readWrite: true });
  await session.login('so', SO_PIN);
  await session.initPin(USER_PIN);
  await session.logout();
}

export async function openMemoryDevice(): Promise<MemoryDevice> {
  const device = await openDevice({
    flashDirectory: null,
    slotCount: 2,
    create: true,
    pinIterations: 1,
  });
  const [slot] = await device.slots();
  if (slot === undefined) throw new Error('the device has no slot');
  await initializeToken(slot, 'test');
  const session = await slot.openSession({ readWrite: true });
  await session.login('user', USER_PIN);
  return { device, slot, session, [Symbol.asyncDispose]: () => device.close() };
}

const secretKey: Template = { CKA_CLASS: 'CKO_SECRET_KEY', CKA_TOKEN: false };

/** A session key that AES-GCM can use. */
export function generateAesKey(session: Session, more: Template = {}): Promise<ObjectHandle> {
  return session.generateKey('CKM_AES_KEY_GEN', {
    ...secretKey,
    CKA_KEY_TYPE: 'CKK_AES',
    CKA_VALUE_LEN: 32,
    CKA_ENCRYPT: true,
    CKA_DECRYPT: true,
    ...more,
  });
}

/** A session key of random bytes, for MACs unless told otherwise. */
export function generateSecret(
  session: Session,
  more: Template = { CKA_SIGN: true, CKA_VERIFY: true },
): Promise<ObjectHandle> {
  return session.generateKey('CKM_GENERIC_SECRET_KEY_GEN', {
    ...secretKey,
    CKA_KEY_TYPE: 'CKK_GENERIC_SECRET',
    CKA_VALUE_LEN: 32,
    ...more,
  });
}

/** A secret key with a known value. */
export function importKey(
  session: Session,
  keyType: KeyType,
  value: Uint8Array,
  more: Template,
): Promise<ObjectHandle> {
  return session.createObject({
    ...secretKey,
    CKA_KEY_TYPE: keyType,
    CKA_SENSITIVE: false,
    CKA_EXTRACTABLE: true,
    CKA_VALUE: value,
    ...more,
  });
}

/** A public session key. @param spki SubjectPublicKeyInfo, DER */
export function importPublicKey(
  session: Session,
  spki: Uint8Array,
  usage: Template,
): Promise<ObjectHandle> {
  return session.createObject({ ...publicKeyTemplate(spki), CKA_TOKEN: false, ...usage });
}

/** A private session key with a known PKCS#8, which it is unwrapped from: the AES key for that is made and destroyed here. */
export async function unwrapPrivateKey(
  session: Session,
  keyType: 'CKK_RSA' | 'CKK_EC',
  pkcs8: Uint8Array,
  usage: Template,
): Promise<ObjectHandle> {
  const wrappingKey = randomBytes(32);
  const unwrapping = await importKey(session, 'CKK_AES', wrappingKey, { CKA_UNWRAP: true });
  try {
    const wrapped = aeskwp(wrappingKey).encrypt(pkcs8);
    return await session.unwrapKey('CKM_AES_KEY_WRAP_KWP', unwrapping, wrapped, {
      CKA_CLASS: 'CKO_PRIVATE_KEY',
      CKA_KEY_TYPE: keyType,
      CKA_TOKEN: false,
      ...usage,
    });
  } finally {
    await session.destroyObject(unwrapping);
  }
}
