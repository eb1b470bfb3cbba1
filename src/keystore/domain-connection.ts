/**
 * A Region domain's hold on its token: sessions, the handles of the Region's keys, and the cached ones. All of
 * it is void once the device, or the owner session, is gone; then another connection is made.
 */
import type { ObjectHandle, Session, Slot, Template } from '../hsm/index.ts';
import type { MetadataStore } from '../store/metadata-store.ts';
import { type DomainKind, domainKinds } from './algorithms.ts';
import {
  type DomainKeys,
  type GenerationKeys,
  makePublicKey,
  unwrapBackingKey,
} from './backing-key.ts';
import { type DomainGeneration, type DomainRing, loadDomainRing } from './domain-ring.ts';
import { KeyCache } from './key-cache.ts';
import type { Mac } from './key-store.ts';
import { Lanes } from './lanes.ts';
import { labelPrefixDefault } from './provision.ts';
import { SlowLanes, Turns } from './slow-lanes.ts';
import { bornInside, type DomainObject, domainKeyName, domainLabel } from './templates.ts';
import { isCkr } from './token-errors.ts';

export interface DomainConnectionOptions {
  readonly slot: Slot;
  /** Kept: a session that was lost is opened and logged in again. */
  readonly userPin: Uint8Array | string;
  readonly region: string;
  /** Holds the ring of domain keys. */
  readonly store: MetadataStore;
  /** As in provisionRegion. */
  readonly labelPrefix?: string;
  /** Backing keys, and as many public keys, kept in the device while nobody uses them. Default 1,024. */
  readonly cachedKeyCountMax?: number;
  /** Working sessions, beside those for slow work. Default 4. */
  readonly laneCountMax?: number;
}

/** A Region's keys are not in the token as the ceremony leaves them. */
export class DomainError extends Error {
  override readonly name = 'DomainError';
}

export interface DomainConnection {
  readonly epoch: number;
  /** Holds the cached keys, since session objects die with their session, and does nothing else. */
  readonly owner: Session;
  readonly lanes: Lanes;
  readonly slowLanes: SlowLanes;
  /** Making RSA keys takes far longer than all other work: it keeps nothing else waiting. */
  readonly searchLanes: SlowLanes;
  /** Backing keys. */
  readonly cache: KeyCache<ObjectHandle>;
  readonly publicKeys: KeyCache<ObjectHandle>;
  readonly recordMacKey: ObjectHandle;
  readonly domainKeys: DomainKeys;
}

// Of all Regions of this thread. Together fewer than the four threads of libuv's pool, which other work needs too. What
// waits is a few seconds of work in one case, a few minutes in the other.
export const slowTurns: Turns = new Turns({ countMax: 2, waitingCountMax: 4096 });
export const searchTurns: Turns = new Turns({ countMax: 1, waitingCountMax: 256 });

/** @throws CkrError, DomainError, RecordIntegrityError (the ring's), StoreUnavailableError */
export async function connectDomain(options: DomainConnectionOptions): Promise<DomainConnection> {
  const { slot, userPin, laneCountMax = 4, cachedKeyCountMax: countMax = 1024 } = options;
  const { epoch } = slot.device;
  const openSession = () => slot.openSession();
  await using opened = new AsyncDisposableStack();
  const owner = opened.use(await openSession());
  const lanes = new Lanes(opened.use(await openSession()), laneCountMax, openSession);
  await login(owner, userPin);
  const recordMacKey = await findOne(owner, options, 'record MAC key', bornInside);
  const ring = await loadRing(owner, options, recordMacKey);
  const domainKeys = await findDomainKeys(owner, options, ring);
  const destroy = (key: ObjectHandle): void => {
    // A key that cannot be destroyed went with its session.
    if (owner.isOpen) owner.destroyObject(key).catch(() => undefined);
  };
  opened.move();
  return {
    epoch,
    owner,
    lanes,
    slowLanes: new SlowLanes(slowTurns, openSession),
    searchLanes: new SlowLanes(searchTurns, openSession),
    cache: new KeyCache({
      countMax,
      load: (material) => unwrapBackingKey(owner, domainKeys, material),
      destroy,
    }),
    publicKeys: new KeyCache({
      countMax,
      load: (material) => makePublicKey(owner, material),
      destroy,
    }),
    recordMacKey,
    domainKeys,
  };
}

export async function closeConnection(connection: DomainConnection): Promise<void> {
  const { owner, lanes, slowLanes, searchLanes } = connection;
  await Promise.all([owner, lanes, slowLanes, searchLanes].map((part) => part.close()));
}

/** Login is the whole application's: another thread may have done it. */
async function login(session: Session, pin: Uint8Array | string): Promise<void> {
  try {
    await session.login('user', pin);
  } catch (error) {
    if (!isCkr(error, ['CKR_USER_ALREADY_LOGGED_IN'])) throw error;
  }
}

async function findDomainKeys(
  session: Session,
  options: DomainConnectionOptions,
  ring: DomainRing,
): Promise<DomainKeys> {
  const byId = new Map<string, GenerationKeys>();
  let activeId: string | undefined;
  for (const { id, uniqueIds, state } of ring.keys) {
    const found: [DomainKind, ObjectHandle][] = [];
    for (const kind of domainKinds) {
      const name = { CKA_UNIQUE_ID: uniqueIds[kind], CKA_ID: Buffer.from(id, 'hex') };
      found.push([kind, await findDomainKey(session, options, kind, name)]);
    }
    byId.set(id, Object.fromEntries(found) as GenerationKeys);
    if (state === 'active') activeId = id;
  }
  const active = activeId === undefined ? undefined : byId.get(activeId);
  if (activeId === undefined || active === undefined)
    throw new DomainError(`${options.region}: no active domain key`);
  return { activeId: Buffer.from(activeId, 'hex'), active, byId };
}

function loadRing(
  session: Session,
  options: DomainConnectionOptions,
  recordMacKey: ObjectHandle,
): Promise<DomainRing> {
  const { region, store } = options;
  const mac: Mac = {
    sign: (data) => session.sign('CKM_SHA256_HMAC', recordMacKey, data),
    verify: (data, value) => session.verify('CKM_SHA256_HMAC', recordMacKey, data, value),
  };
  const name = async (kind: DomainKind, template: Template) => {
    const key = await findDomainKey(session, options, kind, template);
    const attributes = await session.getAttributes(key, ['CKA_ID', 'CKA_UNIQUE_ID']);
    const { CKA_ID: id, CKA_UNIQUE_ID: uniqueId } = attributes;
    if (id === undefined || uniqueId === undefined)
      throw new DomainError(`${region}: the ${domainKeyName(kind)} has no name`);
    return { id: Buffer.from(id).toString('hex'), uniqueId };
  };
  const uniqueId = async (id: string, kind: DomainKind): Promise<string> =>
    (await name(kind, { CKA_ID: Buffer.from(id, 'hex') })).uniqueId;
  return loadDomainRing(store, mac, region, {
    uniqueId,
    async first() {
      const { id, uniqueId: seal } = await name('seal', {});
      const found: [DomainKind, string][] = [['seal', seal]];
      for (const kind of domainKinds)
        if (kind !== 'seal') found.push([kind, await uniqueId(id, kind)]);
      return { id, uniqueIds: Object.fromEntries(found) as DomainGeneration['uniqueIds'] };
    },
  });
}

function findDomainKey(
  session: Session,
  options: DomainConnectionOptions,
  kind: DomainKind,
  template: Template,
): Promise<ObjectHandle> {
  const trusted = { ...bornInside, CKA_TRUSTED: true, ...template };
  return findOne(session, options, domainKeyName(kind), trusted);
}

async function findOne(
  session: Session,
  { region, labelPrefix = labelPrefixDefault }: DomainConnectionOptions,
  object: DomainObject,
  template: Template,
): Promise<ObjectHandle> {
  const label = domainLabel(labelPrefix, region, object);
  const [key, ...others] = await session.findObjects({ CKA_LABEL: label, ...template });
  if (key === undefined) throw new DomainError(`${region}: the token has no ${object}`);
  if (others.length > 0) throw new DomainError(`${region}: the token has several: ${object}`);
  return key;
}
