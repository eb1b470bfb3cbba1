/**
 * The objects of a Region's domain in the token, as templates. The token enforces every line here, also
 * against a host that holds the user PIN.
 */
import type { MechanismName, Template } from '../hsm/index.ts';
import { backingKeyBytes } from './key-token.ts';

const noUse = {
  CKA_ENCRYPT: false,
  CKA_DECRYPT: false,
  CKA_WRAP: false,
  CKA_UNWRAP: false,
  CKA_SIGN: false,
  CKA_VERIFY: false,
  CKA_DERIVE: false,
} as const satisfies Template;

/** Usages and name of an object stay as they were made. */
const fixed = { CKA_MODIFIABLE: false, CKA_COPYABLE: false } as const satisfies Template;

/** What every backing key is. */
const backingKey = {
  CKA_CLASS: 'CKO_SECRET_KEY',
  CKA_KEY_TYPE: 'CKK_GENERIC_SECRET',
  CKA_TOKEN: false,
  CKA_PRIVATE: true,
  CKA_SENSITIVE: true,
  // Only a key that the SO marked as trusted can wrap it again.
  CKA_WRAP_WITH_TRUSTED: true,
  ...noUse,
  CKA_DERIVE: true,
  CKA_ALLOWED_MECHANISMS: ['CKM_STRONGROOM_DERIVE_AES_GCM'] as MechanismName[],
  ...fixed,
} as const satisfies Template;

/** A new backing key. It must leave the token once, as a key token. */
export const newBackingKey: Template = {
  ...backingKey,
  CKA_VALUE_LEN: backingKeyBytes,
  CKA_EXTRACTABLE: true,
};

/** A backing key unwrapped for use; the domain key's unwrap template adds the rest. */
export const cachedBackingKey: Template = {
  CKA_CLASS: 'CKO_SECRET_KEY',
  CKA_KEY_TYPE: 'CKK_GENERIC_SECRET',
  CKA_EXTRACTABLE: false,
};

/**
 * What the domain key makes of whatever it unwraps. Not extractable: else a host could wrap an unwrapped key once more, for
 * another Region or another KMS key.
 */
const unwrappedBackingKey = { ...backingKey, CKA_EXTRACTABLE: false } as const satisfies Template;

export type DomainObject = 'domain key' | 'record MAC key';

/** CKA_LABEL of a Region's object. */
export function domainLabel(prefix: string, region: string, object: DomainObject): string {
  return `${prefix} ${region} ${object}`;
}

/** @param id CKA_ID, 16 bytes */
export function domainKey(label: string, id: Uint8Array): Template {
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
    ...noUse,
    CKA_WRAP: true,
    CKA_UNWRAP: true,
    CKA_ALLOWED_MECHANISMS: ['CKM_AES_GCM'],
    CKA_UNWRAP_TEMPLATE: unwrappedBackingKey,
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
    ...noUse,
    CKA_SIGN: true,
    CKA_VERIFY: true,
    CKA_ALLOWED_MECHANISMS: ['CKM_SHA256_HMAC'],
    ...fixed,
  };
}

/** Attributes that only the token sets: the key was made inside and was never anywhere else. */
export const bornInside: Template = {
  CKA_LOCAL: true,
  CKA_ALWAYS_SENSITIVE: true,
  CKA_NEVER_EXTRACTABLE: true,
};
