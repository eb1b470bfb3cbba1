/**
 * The objects of a Region's domain in the token, as templates. The token enforces every line here, also
 * against a host that holds the user PIN.
 */
import type { MechanismName, Template } from '../hsm/index.ts';
import { type DomainKind, type MaterialSpec, mechanismsOf } from './algorithms.ts';

/** Usages and name of an object stay as they were made. */
const fixed = { CKA_MODIFIABLE: false, CKA_COPYABLE: false } as const satisfies Template;

const noSecretUse = {
  CKA_ENCRYPT: false,
  CKA_DECRYPT: false,
  CKA_WRAP: false,
  CKA_UNWRAP: false,
  CKA_SIGN: false,
  CKA_VERIFY: false,
  CKA_DERIVE: false,
} as const satisfies Template;

const noPrivateUse = {
  CKA_DECRYPT: false,
  CKA_SIGN: false,
  CKA_SIGN_RECOVER: false,
  CKA_UNWRAP: false,
  CKA_DERIVE: false,
} as const satisfies Template;

/** What every backing key is, of whatever kind. */
const guarded = {
  CKA_TOKEN: false,
  CKA_PRIVATE: true,
  CKA_SENSITIVE: true,
  // Only a key that the SO marked as trusted can wrap it again.
  CKA_WRAP_WITH_TRUSTED: true,
  ...fixed,
} as const satisfies Template;

const secretKey = { CKA_CLASS: 'CKO_SECRET_KEY', CKA_KEY_TYPE: 'CKK_GENERIC_SECRET' } as const;
const privateKey = { CKA_CLASS: 'CKO_PRIVATE_KEY' } as const;

/** What backing keys are and do, by kind. */
const backingKeys: Readonly<Record<DomainKind, Template>> = {
  seal: { ...secretKey, ...guarded, ...noSecretUse, CKA_DERIVE: true },
  mac: { ...secretKey, ...guarded, ...noSecretUse, CKA_SIGN: true, CKA_VERIFY: true },
  sign: { ...privateKey, ...guarded, ...noPrivateUse, CKA_SIGN: true },
  decrypt: {
    ...privateKey,
    ...guarded,
    ...noPrivateUse,
    CKA_KEY_TYPE: 'CKK_RSA',
    CKA_DECRYPT: true,
  },
};

function backingKey(kind: DomainKind): Template {
  return { ...backingKeys[kind], CKA_ALLOWED_MECHANISMS: [...mechanismsOf[kind]] };
}

/** A new backing key. It must leave the token once, as a key token. The public half is `newPublicKey`. */
export function newBackingKey(
  kind: DomainKind,
  { generation, keyType, size }: MaterialSpec,
): Template {
  const template = { ...backingKey(kind), CKA_KEY_TYPE: keyType, CKA_EXTRACTABLE: true };
  return generation === 'secret' ? { ...template, ...size } : template;
}

/** The public half of a new key pair: read once, then destroyed. */
export function newPublicKey({ keyType, size }: MaterialSpec): Template {
  return { CKA_CLASS: 'CKO_PUBLIC_KEY', CKA_KEY_TYPE: keyType, CKA_TOKEN: false, ...size };
}

/** A backing key unwrapped for use; the domain key's unwrap template adds the rest. */
export function cachedBackingKey(kind: DomainKind, { keyType }: MaterialSpec): Template {
  const { CKA_CLASS } = backingKeys[kind];
  return { ...(CKA_CLASS && { CKA_CLASS }), CKA_KEY_TYPE: keyType, CKA_EXTRACTABLE: false };
}

/** A public key for use: it encrypts for private keys that decrypt, and verifies what the others sign. */
export function cachedPublicKey(kind: 'sign' | 'decrypt', attributes: Template): Template {
  const use = kind === 'sign' ? { CKA_VERIFY: true } : { CKA_ENCRYPT: true };
  return {
    ...attributes,
    CKA_TOKEN: false,
    CKA_PRIVATE: false,
    CKA_VERIFY: false,
    CKA_ENCRYPT: false,
    ...use,
    ...fixed,
  };
}

export type DomainObject =
  | 'domain key'
  | 'domain key for MACs'
  | 'domain key for signing'
  | 'domain key for decryption'
  | 'record MAC key';

/** `seal` has the name that it had when it was the only kind. */
const domainKeyNames: Readonly<Record<DomainKind, DomainObject>> = {
  seal: 'domain key',
  mac: 'domain key for MACs',
  sign: 'domain key for signing',
  decrypt: 'domain key for decryption',
};

export function domainKeyName(kind: DomainKind): DomainObject {
  return domainKeyNames[kind];
}

/** CKA_LABEL of a Region's object. */
export function domainLabel(prefix: string, region: string, object: DomainObject): string {
  return `${prefix} ${region} ${object}`;
}

/**
 * The key that wraps backing keys of one kind, and nothing else: what it wraps must be one by its wrap template,
 * and was never readable since it was made. Whatever it unwraps becomes what its unwrap template says, and
 * not extractable: else a host could wrap an unwrapped key once more, for another Region or another KMS key.
 * @param id CKA_ID, 16 bytes
 */
export function domainKey(kind: DomainKind, label: string, id: Uint8Array): Template {
  return {
    CKA_CLASS: 'CKO_SECRET_KEY',
    CKA_KEY_TYPE: 'CKK_AES',
    CKA_VALUE_LEN: 32,
    CKA_TOKEN: true,
    CKA_PRIVATE: true,
    CKA_LABEL: label,
    CKA_ID: id,
    CKA_SENSITIVE: true,
    CKA_EXTRACTABLE: false,
    ...noSecretUse,
    CKA_WRAP: true,
    CKA_UNWRAP: true,
    CKA_ALLOWED_MECHANISMS: ['CKM_AES_GCM'],
    CKA_WRAP_TEMPLATE: { ...backingKey(kind), CKA_ALWAYS_SENSITIVE: true },
    CKA_UNWRAP_TEMPLATE: { ...backingKey(kind), CKA_EXTRACTABLE: false },
    ...fixed,
  };
}

export function recordMacKey(label: string): Template {
  return {
    CKA_CLASS: 'CKO_SECRET_KEY',
    CKA_KEY_TYPE: 'CKK_GENERIC_SECRET',
    CKA_VALUE_LEN: 32,
    CKA_TOKEN: true,
    CKA_PRIVATE: true,
    CKA_LABEL: label,
    CKA_SENSITIVE: true,
    CKA_EXTRACTABLE: false,
    ...noSecretUse,
    CKA_SIGN: true,
    CKA_VERIFY: true,
    CKA_ALLOWED_MECHANISMS: ['CKM_SHA256_HMAC'] satisfies MechanismName[],
    ...fixed,
  };
}

/** Attributes that only the token sets: the key was made inside and was never anywhere else. */
export const bornInside: Template = {
  CKA_LOCAL: true,
  CKA_ALWAYS_SENSITIVE: true,
  CKA_NEVER_EXTRACTABLE: true,
};
