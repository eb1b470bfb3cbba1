/**
 * Backing keys in the token: made and wrapped into key tokens, and unwrapped again for use. The domain key of
 * the material's kind does both.
 */
import { type Burial, type ObjectHandle, publicKeyTemplate, type Session } from '../hsm/index.ts';
import { type DomainKind, type MaterialSpec, materialSpec } from './algorithms.ts';
import { type KeyMaterial, KeyTokenError, type MaterialBinding } from './key-store.ts';
import { encodeKeyToken, keyTokenAdditionalData, parseKeyToken } from './key-token.ts';
import { cachedBackingKey, cachedPublicKey, newBackingKey, newPublicKey } from './templates.ts';
import { isCkr, notOurs } from './token-errors.ts';

/** Handles of one generation of domain keys. */
export type GenerationKeys = Readonly<Record<DomainKind, ObjectHandle>>;

export interface DomainKeys {
  /** CKA_ID, 16 bytes, of the generation that wraps. */
  readonly activeId: Uint8Array;
  readonly active: GenerationKeys;
  /** All generations, by CKA_ID in hexadecimal. */
  readonly byId: ReadonlyMap<string, GenerationKeys>;
}

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
  domainKeys: DomainKeys,
  binding: MaterialBinding,
): Promise<Pick<KeyMaterial, 'keyToken' | 'publicKey'>> {
  const { kind, spec } = kindOf(binding);
  const template = newBackingKey(kind, spec);
  const wrap = async (key: ObjectHandle): Promise<Uint8Array> => {
    const { activeId: domainKeyId, active } = domainKeys;
    const additionalData = keyTokenAdditionalData(domainKeyId, binding);
    const mechanism = { mechanism: 'CKM_AES_GCM' } as const;
    const wrapped = await session.wrapKeyAuthenticated(
      mechanism,
      active[kind],
      key,
      additionalData,
    );
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
  domainKeys: DomainKeys,
  material: KeyMaterial,
): Promise<ObjectHandle> {
  const { kind, spec } = kindOf(material);
  const { domainKeyId, iv, wrapped } = parseKeyToken(material.keyToken);
  const generation = domainKeys.byId.get(Buffer.from(domainKeyId).toString('hex'));
  if (generation === undefined)
    throw new KeyTokenError('wrapped under no domain key of this Region');
  try {
    return await session.unwrapKeyAuthenticated(
      { mechanism: 'CKM_AES_GCM', iv },
      generation[kind],
      wrapped,
      cachedBackingKey(kind, spec),
      keyTokenAdditionalData(domainKeyId, material),
    );
  } catch (error) {
    throw isCkr(error, notOurs)
      ? new KeyTokenError('not the key token of this key', { cause: error })
      : error;
  }
}

/** What the device buries to destroy material: its key token under whichever generation of domain keys. */
export function burialsOf({ byId }: DomainKeys, materials: readonly KeyMaterial[]): Burial[] {
  return materials.flatMap((material) => {
    const { kind } = kindOf(material);
    return [...byId].map(([id, keys]) => ({
      key: keys[kind],
      additionalData: keyTokenAdditionalData(Buffer.from(id, 'hex'), material),
    }));
  });
}

/** The public half of key pair material as a session object. */
export function makePublicKey(session: Session, material: KeyMaterial): Promise<ObjectHandle> {
  const { kind } = kindOf(material);
  if (material.publicKey === undefined || kind === 'seal' || kind === 'mac')
    throw new TypeError(`${material.keySpec} has no public key`);
  return session.createObject(cachedPublicKey(kind, publicKeyTemplate(material.publicKey)));
}
