/**
 * A Region domain's hold on its token: sessions, the handles of the Region's keys, and the cached ones. All of
 * it is void once the device, or the owner session, is gone; then another connection is made.
 */
import type { ObjectHandle, Session, Slot } from '../hsm/index.ts';
import type { MetadataStore } from '../store/metadata-store.ts';
import { makePublicKey, unwrapBackingKey } from './backing-key.ts';
import { DomainKeyring, onlyObject, type RegionObjects } from './domain-keyring.ts';
import { KeyCache } from './key-cache.ts';
import { Lanes } from './lanes.ts';
import { SlowLanes, Turns } from './slow-lanes.ts';
import { bornInside } from './templates.ts';
import { isCkr } from './token-errors.ts';

export interface DomainConnectionOptions extends RegionObjects {
  readonly slot: Slot;
  /** Kept: a session that was lost is opened and logged in again. */
  readonly userPin: Uint8Array | string;
  /** Holds the ring of domain keys. */
  readonly store: MetadataStore;
  /** Backing keys, and as many public keys, kept in the device while nobody uses them. Default 1,024. */
  readonly cachedKeyCountMax?: number;
  /** Working sessions, beside those for slow work. Default 4. */
  readonly laneCountMax?: number;
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
  readonly domainKeys: DomainKeyring;
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
  const recordMacKey = await onlyObject(owner, options, 'record MAC key', bornInside);
  const domainKeys = await DomainKeyring.open({ ...options, session: owner, recordMacKey });
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
