/** Bindings of key material for tests of key stores. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { KeySpec, KeyUsageType } from '@aws-sdk/client-kms';
import type { MaterialBinding } from '../../src/keystore/key-store.ts';

export interface KeyStoreFeatures {
  /** The Region whose bindings it takes. */
  readonly region: string;
  /** Specs whose keys are tried. Default: all but the slowest. */
  readonly specs?: readonly KeySpec[];
}

/** Of a new key. */
export function newBinding(
  region: string,
  keySpec: KeySpec = 'SYMMETRIC_DEFAULT',
  keyUsage: KeyUsageType = 'ENCRYPT_DECRYPT',
): MaterialBinding {
  const materialId = randomBytes(32).toString('hex');
  return { accountId: '111122223333', region, keyId: randomUUID(), materialId, keySpec, keyUsage };
}
