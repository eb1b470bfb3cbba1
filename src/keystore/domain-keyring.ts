/**
 * DomainKeyring: a Region's domain keys as handles of one connection, following the ring in the store. Another thread,
 * or the ceremony, may rotate them at any time; whoever wraps, or meets a key that is unknown, looks at the ring anew.
 */
import type { ObjectHandle, Session, Template } from '../hsm/index.ts';
import type { MetadataStore } from '../store/metadata-store.ts';
import type { DomainKind } from './algorithms.ts';
import { type DomainKeyName, loadDomainRing, type StoredRing } from './domain-ring.ts';
import type { Mac } from './key-store.ts';
import { labelPrefixDefault } from './provision.ts';
import { bornInside, type DomainObject, domainKeyName, domainLabel } from './templates.ts';

/** A Region's keys are not in the token as the ceremony leaves them. */
export class DomainError extends Error {
  override readonly name = 'DomainError';
}

/** Which objects of a token are a Region's. */
export interface RegionObjects {
  readonly region: string;
  /** As in provisionRegion. */
  readonly labelPrefix?: string;
}

export interface HeldDomainKey {
  /** CKA_ID, 16 bytes. */
  readonly id: Uint8Array;
  readonly handle: ObjectHandle;
}

export interface DomainKeys {
  /** The ones that wrap. */
  readonly active: Readonly<Record<DomainKind, HeldDomainKey>>;
  /** All of a kind, by CKA_ID in hexadecimal. A retired one that is gone from the token is not among them. */
  readonly byKind: Readonly<Record<DomainKind, ReadonlyMap<string, HeldDomainKey>>>;
}

export interface DomainKeyringOptions extends RegionObjects {
  /** Logged in as the user. */
  readonly session: Session;
  readonly store: MetadataStore;
  readonly recordMacKey: ObjectHandle;
}

export class DomainKeyring {
  readonly #options: DomainKeyringOptions;
  readonly #mac: Mac;
  #ring: StoredRing | undefined;
  #keys: DomainKeys | undefined;
  /** The store's change sequence that they are known to be of. */
  #sequence = -1;
  #reading: Promise<void> | undefined;

  private constructor(options: DomainKeyringOptions) {
    const { session, recordMacKey } = options;
    this.#options = options;
    this.#mac = {
      sign: (data) => session.sign('CKM_SHA256_HMAC', recordMacKey, data),
      verify: (data, mac) => session.verify('CKM_SHA256_HMAC', recordMacKey, data, mac),
    };
  }

  /** @throws CkrError, DomainError, RecordIntegrityError (the ring's), StoreUnavailableError */
  static async open(options: DomainKeyringOptions): Promise<DomainKeyring> {
    const keyring = new DomainKeyring(options);
    await keyring.refresh();
    return keyring;
  }

  /** As they were when last looked at. */
  get keys(): DomainKeys {
    return this.#keys as DomainKeys;
  }

  /** The ring that `keys` are of. */
  get ring(): StoredRing {
    return this.#ring as StoredRing;
  }

  /** As the ring is at the moment of the call, or later. @throws as open */
  async refresh(): Promise<DomainKeys> {
    const { store } = this.#options;
    const wanted = store.sequence();
    while (this.#keys === undefined || this.#sequence < wanted) {
      this.#reading ??= this.#read().finally(() => {
        this.#reading = undefined;
      });
      await this.#reading;
    }
    return this.#keys;
  }

  async #read(): Promise<void> {
    const { session, store, region } = this.#options;
    const sequence = store.sequence();
    const ring = await loadDomainRing(store, this.#mac, region, (kind) => this.#find(kind));
    if (this.#keys === undefined || ring.version !== this.#ring?.version)
      this.#keys = await findDomainKeys(session, this.#options, ring);
    this.#ring = ring;
    this.#sequence = sequence;
  }

  async #find(kind: DomainKind): Promise<DomainKeyName> {
    const { session, region } = this.#options;
    const found = await domainKeysNamed(session, this.#options, kind, {});
    const key = only(found, this.#options, domainKeyName(kind));
    const attributes = await session.getAttributes(key, ['CKA_ID', 'CKA_UNIQUE_ID']);
    const { CKA_ID: id, CKA_UNIQUE_ID: uniqueId } = attributes;
    if (id === undefined || uniqueId === undefined)
      throw new DomainError(`${region}: the ${domainKeyName(kind)} has no name`);
    return { kind, id: Buffer.from(id).toString('hex'), uniqueId };
  }
}

async function findDomainKeys(
  session: Session,
  objects: RegionObjects,
  ring: StoredRing,
): Promise<DomainKeys> {
  const active: Partial<Record<DomainKind, HeldDomainKey>> = {};
  const byKind: Record<DomainKind, Map<string, HeldDomainKey>> = {
    seal: new Map(),
    mac: new Map(),
    sign: new Map(),
    decrypt: new Map(),
  };
  for (const { kind, id: hexId, uniqueId, state } of ring.keys) {
    const id = Buffer.from(hexId, 'hex');
    const found = await domainKeysNamed(session, objects, kind, {
      CKA_UNIQUE_ID: uniqueId,
      CKA_ID: id,
    });
    // A retired key was taken out of the token after this ring was written: what it wrapped is lost, and nothing else.
    if (found.length === 0 && state === 'retired') continue;
    const held = { id, handle: only(found, objects, domainKeyName(kind)) };
    byKind[kind].set(hexId, held);
    if (state === 'active') active[kind] = held;
  }
  // decode() of the ring has seen to it that there is one of each.
  return { active: active as DomainKeys['active'], byKind };
}

/** The Region's trusted keys of a kind that match. */
export function domainKeysNamed(
  session: Session,
  { region, labelPrefix = labelPrefixDefault }: RegionObjects,
  kind: DomainKind,
  template: Template,
): Promise<ObjectHandle[]> {
  const label = domainLabel(labelPrefix, region, domainKeyName(kind));
  return session.findObjects({ CKA_LABEL: label, ...bornInside, CKA_TRUSTED: true, ...template });
}

/** The one object of a Region's that has this name. @throws DomainError when there is none, or more */
export async function onlyObject(
  session: Session,
  objects: RegionObjects,
  object: DomainObject,
  template: Template,
): Promise<ObjectHandle> {
  const { region, labelPrefix = labelPrefixDefault } = objects;
  const label = domainLabel(labelPrefix, region, object);
  return only(await session.findObjects({ CKA_LABEL: label, ...template }), objects, object);
}

function only(
  [key, ...others]: readonly ObjectHandle[],
  { region }: RegionObjects,
  object: DomainObject,
): ObjectHandle {
  if (key === undefined) throw new DomainError(`${region}: the token has no ${object}`);
  if (others.length > 0) throw new DomainError(`${region}: the token has several: ${object}`);
  return key;
}
