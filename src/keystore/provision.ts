/**
 * The ceremony that makes a Region: the only code that needs the SO PIN, and the only way to a trusted
 * domain key. The user makes the keys; the SO, who cannot see them, marks the domain key as trusted.
 */
import { randomBytes } from 'node:crypto';
import type { ObjectHandle, Session, Slot } from '../hsm/index.ts';
import { domainKeyIdBytes } from './key-token.ts';
import { domainKey, domainLabel, recordMacKey } from './templates.ts';

export interface ProvisionOptions {
  readonly slot: Slot;
  readonly soPin: Uint8Array | string;
  readonly userPin: Uint8Array | string;
  readonly region: string;
  /** Begins the labels of the Region's objects. Default `strongroom`. */
  readonly labelPrefix?: string;
}

export const labelPrefixDefault = 'strongroom';

/**
 * Makes a Region's domain key and record MAC key where they are not there yet; a ceremony that was cut short
 * is finished. Nobody else may be logged in to the token.
 * @throws CkrError, CKR_PIN_INCORRECT among others
 */
export async function provisionRegion(options: ProvisionOptions): Promise<void> {
  const { slot, soPin, userPin, region, labelPrefix = labelPrefixDefault } = options;
  const uniqueId = await as(slot, 'user', userPin, async (session) => {
    const macLabel = domainLabel(labelPrefix, region, 'record MAC key');
    const macKeys = await session.findObjects({ CKA_LABEL: macLabel });
    if (macKeys.length === 0)
      await session.generateKey('CKM_GENERIC_SECRET_KEY_GEN', recordMacKey(macLabel));
    return makeDomainKey(session, domainLabel(labelPrefix, region, 'domain key'));
  });
  if (uniqueId === undefined) return;
  await as(slot, 'so', soPin, (session) => session.markTrusted(uniqueId));
}

/** Which of the Regions the token does not have, or has only in part. Nobody else may be logged in. @throws CkrError */
export function missingRegions(options: {
  readonly slot: Slot;
  readonly userPin: Uint8Array | string;
  readonly regions: readonly string[];
  readonly labelPrefix?: string;
}): Promise<string[]> {
  const { slot, userPin, regions, labelPrefix = labelPrefixDefault } = options;
  return as(slot, 'user', userPin, async (session) => {
    const missing: string[] = [];
    for (const region of regions) {
      const label = domainLabel(labelPrefix, region, 'domain key');
      const macLabel = domainLabel(labelPrefix, region, 'record MAC key');
      const domainKeys = await session.findObjects({ CKA_LABEL: label, CKA_TRUSTED: true }, 1);
      const macKeys = await session.findObjects({ CKA_LABEL: macLabel }, 1);
      if (domainKeys.length === 0 || macKeys.length === 0) missing.push(region);
    }
    return missing;
  });
}

/** @returns CKA_UNIQUE_ID of a new, not yet trusted key; undefined if there is a trusted one */
async function makeDomainKey(session: Session, label: string): Promise<string | undefined> {
  const trusted = await session.findObjects({ CKA_LABEL: label, CKA_TRUSTED: true });
  if (trusted.length > 0) return undefined;
  // Of a ceremony that did not end: nothing was ever wrapped under it.
  for (const abandoned of await session.findObjects({ CKA_LABEL: label }))
    await session.destroyObject(abandoned);
  const template = domainKey(label, randomBytes(domainKeyIdBytes));
  const key: ObjectHandle = await session.generateKey('CKM_AES_KEY_GEN', template);
  const { CKA_UNIQUE_ID: uniqueId } = await session.getAttributes(key, ['CKA_UNIQUE_ID']);
  if (uniqueId === undefined) throw new Error('the token gives its objects no CKA_UNIQUE_ID');
  return uniqueId;
}

async function as<T>(
  slot: Slot,
  user: 'user' | 'so',
  pin: Uint8Array | string,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  await using session = await slot.openSession({ readWrite: true });
  await session.login(user, pin);
  try {
    return await work(session);
  } finally {
    await session.logout();
  }
}
