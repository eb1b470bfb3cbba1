/**
 * The ceremony that makes a Region: the only code that needs the SO PIN, and the only way to a trusted
 * domain key. The user makes the keys; the SO, who cannot see them, marks the domain keys as trusted.
 */
import { randomBytes } from 'node:crypto';
import type { Session, Slot } from '../hsm/index.ts';
import { type DomainKind, domainKinds } from './algorithms.ts';
import { domainKeyIdBytes } from './key-token.ts';
import { domainKey, domainKeyName, domainLabel, recordMacKey } from './templates.ts';

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
 * Makes a Region's domain keys and record MAC key where they are not there yet: a ceremony that was cut short
 * is finished, and one of a version with fewer kinds of domain keys is completed. Nobody else may be logged
 * in to the token.
 * @throws CkrError, CKR_PIN_INCORRECT among others
 */
export async function provisionRegion(options: ProvisionOptions): Promise<void> {
  const { slot, soPin, userPin, region, labelPrefix = labelPrefixDefault } = options;
  const uniqueIds = await as(slot, 'user', userPin, async (session) => {
    const macLabel = domainLabel(labelPrefix, region, 'record MAC key');
    const macKeys = await session.findObjects({ CKA_LABEL: macLabel });
    if (macKeys.length === 0)
      await session.generateKey('CKM_GENERIC_SECRET_KEY_GEN', recordMacKey(macLabel));
    return makeDomainKeys(session, region, labelPrefix);
  });
  if (uniqueIds.length === 0) return;
  await as(slot, 'so', soPin, async (session) => {
    for (const uniqueId of uniqueIds) await session.markTrusted(uniqueId);
  });
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
      const macLabel = domainLabel(labelPrefix, region, 'record MAC key');
      const macKeys = await session.findObjects({ CKA_LABEL: macLabel }, 1);
      const generations = await trustedGenerations(session, region, labelPrefix);
      const isComplete = [...generations.values()].every(
        (kinds) => kinds.size === domainKinds.length,
      );
      if (macKeys.length === 0 || generations.size === 0 || !isComplete) missing.push(region);
    }
    return missing;
  });
}

/** The kinds that each generation has a trusted key of, by CKA_ID in hexadecimal. */
async function trustedGenerations(
  session: Session,
  region: string,
  labelPrefix: string,
): Promise<Map<string, Set<DomainKind>>> {
  const generations = new Map<string, Set<DomainKind>>();
  for (const kind of domainKinds) {
    const label = domainLabel(labelPrefix, region, domainKeyName(kind));
    for (const key of await session.findObjects({ CKA_LABEL: label, CKA_TRUSTED: true })) {
      const { CKA_ID: id } = await session.getAttributes(key, ['CKA_ID']);
      const name = Buffer.from(id ?? []).toString('hex');
      generations.set(name, (generations.get(name) ?? new Set()).add(kind));
    }
  }
  return generations;
}

/** @returns CKA_UNIQUE_ID of each new, not yet trusted key: of those that have no trusted one */
async function makeDomainKeys(
  session: Session,
  region: string,
  labelPrefix: string,
): Promise<string[]> {
  const generations = await trustedGenerations(session, region, labelPrefix);
  if (generations.size === 0)
    generations.set(randomBytes(domainKeyIdBytes).toString('hex'), new Set());
  const uniqueIds: string[] = [];
  for (const kind of domainKinds) {
    const lacking = [...generations].filter(([, kinds]) => !kinds.has(kind)).map(([id]) => id);
    if (lacking.length === 0) continue;
    const label = domainLabel(labelPrefix, region, domainKeyName(kind));
    // Of a ceremony that did not end: nothing was ever wrapped under it.
    for (const abandoned of await session.findObjects({ CKA_LABEL: label, CKA_TRUSTED: false }))
      await session.destroyObject(abandoned);
    for (const id of lacking) {
      const template = domainKey(kind, label, Buffer.from(id, 'hex'));
      const key = await session.generateKey('CKM_AES_KEY_GEN', template);
      const { CKA_UNIQUE_ID: uniqueId } = await session.getAttributes(key, ['CKA_UNIQUE_ID']);
      if (uniqueId === undefined) throw new Error('the token gives its objects no CKA_UNIQUE_ID');
      uniqueIds.push(uniqueId);
    }
  }
  return uniqueIds;
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
