/**
 * The ceremonies that make a Region and rotate its domain keys: the only code that needs the SO PIN, and the only way to
 * a trusted domain key. The user makes the keys; the SO, who cannot see them, marks the domain keys as trusted.
 */
import { randomBytes } from 'node:crypto';
import type { Session, Slot } from '../hsm/index.ts';
import { type DomainKind, domainKinds } from './algorithms.ts';
import type { DomainKeyName } from './domain-ring.ts';
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
  const made = await as(slot, 'user', userPin, async (session) => {
    const macLabel = domainLabel(labelPrefix, region, 'record MAC key');
    const macKeys = await session.findObjects({ CKA_LABEL: macLabel });
    if (macKeys.length === 0)
      await session.generateKey('CKM_GENERIC_SECRET_KEY_GEN', recordMacKey(macLabel));
    return makeMissing(session, region, labelPrefix);
  });
  if (made.length > 0) await trust(slot, soPin, made);
}

/**
 * Makes a trusted domain key of each kind, to take the place of those in the ring; their names are to be put there. On
 * an application that nobody is logged in to. Where it fails nothing is left that the ring could name.
 * @throws CkrError, CKR_PIN_INCORRECT among others
 */
export async function makeReplacements(
  options: ProvisionOptions & { readonly kinds: readonly DomainKind[] },
): Promise<DomainKeyName[]> {
  const { slot, soPin, userPin, region, kinds, labelPrefix = labelPrefixDefault } = options;
  const id = randomBytes(domainKeyIdBytes).toString('hex');
  const made = await as(slot, 'user', userPin, async (session) => {
    const keys: DomainKeyName[] = [];
    for (const kind of kinds)
      keys.push(await makeDomainKey(session, region, labelPrefix, kind, id));
    return keys;
  });
  try {
    await trust(slot, soPin, made);
  } catch (error) {
    // What cannot be taken away now is unknown to every ring; where it is not trusted, the next ceremony takes it away.
    await as(slot, 'user', userPin, (session) => destroyKeys(session, made)).catch(() => undefined);
    throw error;
  }
  return made;
}

/** Takes domain keys out of the token for good: what they wrapped, and was not wrapped anew, is lost. @throws CkrError */
export async function destroyDomainKeys(
  options: Pick<ProvisionOptions, 'slot' | 'userPin'> & { readonly keys: readonly DomainKeyName[] },
): Promise<void> {
  const { slot, userPin, keys } = options;
  await as(slot, 'user', userPin, (session) => destroyKeys(session, keys));
}

async function destroyKeys(session: Session, keys: readonly DomainKeyName[]): Promise<void> {
  for (const { uniqueId } of keys)
    for (const key of await session.findObjects({ CKA_UNIQUE_ID: uniqueId }))
      await session.destroyObject(key);
}

async function trust(
  slot: Slot,
  soPin: Uint8Array | string,
  keys: readonly DomainKeyName[],
): Promise<void> {
  await as(slot, 'so', soPin, async (session) => {
    for (const { uniqueId } of keys) await session.markTrusted(uniqueId);
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
      const counts = await trustedCounts(session, region, labelPrefix);
      const isComplete = domainKinds.every((kind) => counts[kind] > 0);
      if (macKeys.length === 0 || !isComplete) missing.push(region);
    }
    return missing;
  });
}

/** How many trusted keys there are of each kind. */
async function trustedCounts(
  session: Session,
  region: string,
  labelPrefix: string,
): Promise<Record<DomainKind, number>> {
  const counts: Record<DomainKind, number> = { seal: 0, mac: 0, sign: 0, decrypt: 0 };
  for (const kind of domainKinds) {
    const label = domainLabel(labelPrefix, region, domainKeyName(kind));
    counts[kind] = (await session.findObjects({ CKA_LABEL: label, CKA_TRUSTED: true })).length;
  }
  return counts;
}

/** New, not yet trusted keys: of the kinds that have no trusted one. */
async function makeMissing(
  session: Session,
  region: string,
  labelPrefix: string,
): Promise<DomainKeyName[]> {
  const counts = await trustedCounts(session, region, labelPrefix);
  const id = randomBytes(domainKeyIdBytes).toString('hex');
  const made: DomainKeyName[] = [];
  for (const kind of domainKinds)
    if (counts[kind] === 0) made.push(await makeDomainKey(session, region, labelPrefix, kind, id));
  return made;
}

async function makeDomainKey(
  session: Session,
  region: string,
  labelPrefix: string,
  kind: DomainKind,
  id: string,
): Promise<DomainKeyName> {
  const label = domainLabel(labelPrefix, region, domainKeyName(kind));
  // Of a ceremony that did not end: nothing was ever wrapped under it.
  for (const abandoned of await session.findObjects({ CKA_LABEL: label, CKA_TRUSTED: false }))
    await session.destroyObject(abandoned);
  const template = domainKey(kind, label, Buffer.from(id, 'hex'));
  const key = await session.generateKey('CKM_AES_KEY_GEN', template);
  const { CKA_UNIQUE_ID: uniqueId } = await session.getAttributes(key, ['CKA_UNIQUE_ID']);
  if (uniqueId === undefined) throw new Error('the token gives its objects no CKA_UNIQUE_ID');
  return { kind, id, uniqueId };
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
