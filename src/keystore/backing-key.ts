/**
 * Backing keys in the token: made and wrapped into key tokens, and unwrapped again for use. The domain key of
 * the material's kind does both.
 */
import { type Burial, type ObjectHandle, publicKeyTemplate, type Session } from '../hsm/index.ts';
import { type DomainKind, type MaterialSpec, materialSpec } from './algorithms.ts';
import type { DomainKeyring, DomainKeys, HeldDomainKey } from './domain-keyring.ts';
import { type KeyMaterial, KeyTokenError, type MaterialBinding } from './key-store.ts';
import { encodeKeyToken, keyTokenAdditionalData, parseKeyToken } from './key-token.ts';
import { cachedBackingKey, cachedPublicKey, newBackingKey, newPublicKey } from './templates.ts';
import { isCkr, notOurs } from './token-errors.ts';

/** What material of a binding is. @throws TypeError when there is no such material */
export function kindOf({ keySpec, keyUsage }: Pick<MaterialBinding, 'keySpec' | 'keyUsage'>): {
  readonly kind: DomainKind;
  readonly spec: MaterialSpec;
} {
  const spec = materialSpec(keySpec);
  const kind = spec?.kinds[keyUsage];
  if (spec === undefined || kind === undefined)
    throw new TypeError(`no material for ${keySpec} with ${keyUsage}`);
  return { kind, spec };
}

/** @returns the key token, and of a key pair the public key */
export async function makeBackingKey(
  session: Session,
  domainKeys: DomainKeyring,
  binding: MaterialBinding,
): Promise<Pick<KeyMaterial, 'keyToken' | 'publicKey'>> {
  const { kind, spec } = kindOf(binding);
  const template = newBackingKey(kind, spec);
  const wrap = async (key: ObjectHandle): Promise<Uint8Array> => {
    // Now, and not when the work began: making an RSA key takes long enough for a rotation.
    const { id: domainKeyId, handle } = (await domainKeys.refresh()).active[kind];
    const additionalData = keyTokenAdditionalData(domainKeyId, binding);
    const mechanism = { mechanism: 'CKM_AES_GCM' } as const;
    const wrapped = await session.wrapKeyAuthenticated(mechanism, handle, key, additionalData);
    return encodeKeyToken({ domainKeyId, ...wrapped });
  };
  if (spec.generation === 'secret') {
    const key = await session.generateKey('CKM_GENERIC_SECRET_KEY_GEN', template);
    try {
      return { keyToken: await wrap(key) };
    } finally {
      await session.destroyObject(key);
    }
  }
  const pair = await session.generateKeyPair(spec.generation, newPublicKey(spec), template);
  try {
    const { CKA_PUBLIC_KEY_INFO: publicKey } = await session.getAttributes(pair.publicKey, [
      'CKA_PUBLIC_KEY_INFO',
    ]);
    if (publicKey === undefined) throw new Error('the token tells no CKA_PUBLIC_KEY_INFO');
    return { keyToken: await wrap(pair.privateKey), publicKey };
  } finally {
    await session.destroyObject(pair.privateKey);
    await session.destroyObject(pair.publicKey);
  }
}

/** @throws KeyTokenError */
export async function unwrapBackingKey(
  session: Session,
  domainKeys: DomainKeyring,
  material: KeyMaterial,
): Promise<ObjectHandle> {
  const { kind, spec } = kindOf(material);
  const { domainKeyId, iv, wrapped } = parseKeyToken(material.keyToken);
  const { handle } = await wrappingKey(domainKeys, kind, domainKeyId);
  try {
    return await session.unwrapKeyAuthenticated(
      { mechanism: 'CKM_AES_GCM', iv },
      handle,
      wrapped,
      cachedBackingKey(kind, spec),
      keyTokenAdditionalData(domainKeyId, material),
    );
  } catch (error) {
    throw refusal(error);
  }
}

/** What the device buries to destroy material: its key token under whichever domain key of its kind. */
export function burialsOf({ byKind }: DomainKeys, materials: readonly KeyMaterial[]): Burial[] {
  return materials.flatMap((material) =>
    [...byKind[kindOf(material).kind].values()].map(({ id, handle }) => ({
      key: handle,
      additionalData: keyTokenAdditionalData(id, material),
    })),
  );
}

/**
 * Wraps material under the active domain key of its kind, if another one wraps it; the backing key stays in the token.
 * @returns the new key token, or the one there is
 * @throws KeyTokenError
 */
export async function rewrapBackingKey(
  session: Session,
  domainKeys: DomainKeyring,
  material: KeyMaterial,
): Promise<Uint8Array> {
  const { kind } = kindOf(material);
  const { domainKeyId, iv, wrapped } = parseKeyToken(material.keyToken);
  const active = (await domainKeys.refresh()).active[kind];
  if (Buffer.compare(active.id, domainKeyId) === 0) return material.keyToken;
  const { handle: key } = await wrappingKey(domainKeys, kind, domainKeyId);
  const additionalData = keyTokenAdditionalData(domainKeyId, material);
  try {
    const anew = await session.rewrapKey({ key, iv }, wrapped, additionalData, active.handle);
    return encodeKeyToken({ domainKeyId: active.id, ...anew });
  } catch (error) {
    throw refusal(error);
  }
}

/** The domain key that a key token names. @throws KeyTokenError */
async function wrappingKey(
  domainKeys: DomainKeyring,
  kind: DomainKind,
  domainKeyId: Uint8Array,
): Promise<HeldDomainKey> {
  const id = Buffer.from(domainKeyId).toString('hex');
  const known = domainKeys.keys.byKind[kind].get(id);
  // Another thread may know a newer ring, and have made this key token under it.
  const key = known ?? (await domainKeys.refresh()).byKind[kind].get(id);
  if (key === undefined) throw new KeyTokenError('wrapped under no domain key of this Region');
  return key;
}

function refusal(error: unknown): unknown {
  return isCkr(error, notOurs)
    ? new KeyTokenError('not the key token of this key', { cause: error })
    : error;
}

/** The public half of key pair material as a session object. */
export function makePublicKey(session: Session, material: KeyMaterial): Promise<ObjectHandle> {
  const { kind } = kindOf(material);
  if (material.publicKey === undefined || kind === 'seal' || kind === 'mac')
    throw new TypeError(`${material.keySpec} has no public key`);
  return session.createObject(cachedPublicKey(kind, publicKeyTemplate(material.publicKey)));
}
