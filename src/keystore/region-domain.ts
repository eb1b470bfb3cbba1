/**
 * RegionDomain: the key store of one Region, over its domain key in a token. What it promises rests on the
 * token alone: a backing key is usable inside and readable nowhere, and its key token works in this Region
 * for the key it was made for.
 *
 * Sessions: an owner holds the cached keys and does nothing else but unwrap them, since session objects die
 * with their session; work runs on lanes. When the device or a session is gone, so is all that was known of
 * them; the next call begins afresh.
 */
import {
  CkrError,
  type ObjectHandle,
  type Session,
  type Slot,
  type Template,
} from '../hsm/index.ts';
import type { MetadataStore } from '../store/metadata-store.ts';
import { type DomainRing, loadDomainRing } from './domain-ring.ts';
import { KeyCache } from './key-cache.ts';
import {
  type KeyMaterial,
  type KeyStore,
  KeyTokenError,
  type Mac,
  type MaterialBinding,
  MessageAuthenticationError,
  type SealedMessage,
  sealedNonceBytes,
  sealedTagBytes,
} from './key-store.ts';
import { encodeKeyToken, keyTokenAdditionalData, parseKeyToken } from './key-token.ts';
import { Lanes } from './lanes.ts';
import { labelPrefixDefault } from './provision.ts';
import { bornInside, cachedBackingKey, domainLabel, newBackingKey } from './templates.ts';

export interface RegionDomainOptions {
  readonly slot: Slot;
  /** Kept: a session that was lost is opened and logged in again. */
  readonly userPin: Uint8Array | string;
  readonly region: string;
  /** Holds the ring of domain keys. */
  readonly store: MetadataStore;
  /** As in provisionRegion. */
  readonly labelPrefix?: string;
  /** Backing keys kept in the device while nobody uses them. Default 1,024. */
  readonly cachedKeyCountMax?: number;
  /** Working sessions. Default 4. */
  readonly laneCountMax?: number;
}

/** A Region's keys are not in the token as the ceremony leaves them. */
export class DomainError extends Error {
  override readonly name = 'DomainError';
}

/** Everything that is void once the device, or the owner session, is gone. */
interface Connection {
  readonly epoch: number;
  readonly owner: Session;
  readonly lanes: Lanes;
  readonly cache: KeyCache<ObjectHandle>;
  readonly recordMacKey: ObjectHandle;
  readonly active: { readonly id: Uint8Array; readonly key: ObjectHandle };
}

const attemptsMax = 3;

export class RegionDomain implements KeyStore {
  readonly #options: RegionDomainOptions;
  #connection: Connection | undefined;
  #connecting: Promise<Connection> | undefined;
  #closed = false;

  /** MAC of the Region's metadata records. */
  readonly recordMac: Mac = {
    sign: (data) =>
      this.#work(({ recordMacKey }, session) =>
        session.sign('CKM_SHA256_HMAC', recordMacKey, data),
      ),
    verify: (data, mac) =>
      this.#work(({ recordMacKey }, session) =>
        session.verify('CKM_SHA256_HMAC', recordMacKey, data, mac),
      ),
  };

  private constructor(options: RegionDomainOptions) {
    this.#options = options;
  }

  /**
   * Opens a Region that provisionRegion made.
   * @throws CkrError, DomainError, RecordIntegrityError (the ring's), StoreUnavailableError
   */
  static async open(options: RegionDomainOptions): Promise<RegionDomain> {
    const domain = new RegionDomain(options);
    await domain.#connected();
    return domain;
  }

  async generate(binding: MaterialBinding): Promise<KeyMaterial> {
    if (binding.region !== this.#options.region) throw new TypeError('binding of another Region');
    const { accountId, region, keyId, materialId, keySpec } = binding;
    const keyToken = await this.#work(async ({ active }, session) => {
      const key = await session.generateKey('CKM_GENERIC_SECRET_KEY_GEN', newBackingKey);
      try {
        const additionalData = keyTokenAdditionalData(active.id, binding);
        const mechanism = { mechanism: 'CKM_AES_GCM' } as const;
        const wrap = await session.wrapKeyAuthenticated(mechanism, active.key, key, additionalData);
        return encodeKeyToken({ domainKeyId: active.id, ...wrap });
      } finally {
        await session.destroyObject(key);
      }
    });
    return { accountId, region, keyId, materialId, keySpec, keyToken };
  }

  async seal(
    material: KeyMaterial,
    additionalData: Uint8Array,
    plaintext: Uint8Array,
  ): Promise<SealedMessage> {
    return split(
      await this.#use(material, (session, key) => session.seal(key, additionalData, plaintext)),
    );
  }

  async open(
    material: KeyMaterial,
    additionalData: Uint8Array,
    { nonce, tag, ciphertext }: SealedMessage,
  ): Promise<Uint8Array> {
    if (nonce.length !== sealedNonceBytes || tag.length !== sealedTagBytes)
      throw new MessageAuthenticationError('malformed sealed message');
    return this.#use(material, async (session, key) => {
      try {
        return await session.open(key, nonce, tag, additionalData, ciphertext);
      } catch (error) {
        throw isCkr(error, notAuthentic)
          ? new MessageAuthenticationError('the message is not authentic', { cause: error })
          : error;
      }
    });
  }

  async sealRandom(
    material: KeyMaterial,
    additionalData: Uint8Array,
    length: number,
    options: { readonly reveal: boolean },
  ): Promise<{ readonly sealed: SealedMessage; readonly plaintext?: Uint8Array }> {
    const { sealed, plaintext } = await this.#use(material, (session, key) =>
      session.sealRandom(key, additionalData, length, options),
    );
    return { sealed: split(sealed), ...(plaintext && { plaintext }) };
  }

  random(length: number): Promise<Uint8Array> {
    return this.#work((_connection, session) => session.generateRandom(length));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const connection = this.#connection ?? (await this.#connecting?.catch(() => undefined));
    this.#connection = undefined;
    if (connection !== undefined) await closeConnection(connection);
  }

  /** Runs `work` on a lane with the material's key, which is unwrapped if it has to be. */
  #use<T>(
    material: KeyMaterial,
    work: (session: Session, key: ObjectHandle) => Promise<T>,
  ): Promise<T> {
    return this.#work(
      (connection, session) => connection.cache.use(material, (key) => work(session, key)),
      material,
    );
  }

  async #work<T>(
    work: (connection: Connection, session: Session) => Promise<T>,
    material?: KeyMaterial,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const connection = this.#live() ?? (await this.#connected());
      try {
        return await connection.lanes.run((session) => work(connection, session));
      } catch (error) {
        // At the first dead handle only the key is suspected, at the second everything.
        const suspect = attempt === 1 ? material : undefined;
        if (!this.#forget(connection, suspect, error) || attempt === attemptsMax) throw error;
      }
    }
  }

  /** Drops what an error shows to be dead. True: the token refused before it did anything, so try again. */
  #forget(connection: Connection, suspect: KeyMaterial | undefined, error: unknown): boolean {
    if (!(error instanceof CkrError)) return false;
    const isHandle = isCkr(error, deadHandle);
    if (isHandle && suspect !== undefined) {
      connection.cache.drop(suspect);
      return true;
    }
    if (error.ends === undefined && !isHandle) return false;
    if (this.#connection === connection) this.#connection = undefined;
    closeConnection(connection).catch(() => undefined);
    return isHandle || isCkr(error, deadSession);
  }

  #live(): Connection | undefined {
    const connection = this.#connection;
    const isLive = connection?.epoch === this.#options.slot.device.epoch && connection.owner.isOpen;
    return isLive ? connection : undefined;
  }

  #connected(): Promise<Connection> {
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(): Promise<Connection> {
    if (this.#closed) throw new DomainError('the Region is closed');
    const { slot, userPin, laneCountMax = 4, cachedKeyCountMax = 1024 } = this.#options;
    const { epoch } = slot.device;
    await using opened = new AsyncDisposableStack();
    const owner = opened.use(await slot.openSession());
    const first = opened.use(await slot.openSession());
    const lanes = new Lanes(first, laneCountMax, () => slot.openSession());
    await login(owner, userPin);
    const recordMacKey = await this.#findOne(owner, 'record MAC key', bornInside);
    const ring = await this.#loadRing(owner, recordMacKey);
    const { domainKeys, active } = await this.#findDomainKeys(owner, ring);
    const cache = new KeyCache<ObjectHandle>({
      countMax: cachedKeyCountMax,
      load: (material) => unwrap(owner, domainKeys, material),
      destroy: (key) => {
        // A key that cannot be destroyed went with its session.
        if (owner.isOpen) owner.destroyObject(key).catch(() => undefined);
      },
    });
    opened.move();
    this.#connection = { epoch, owner, lanes, cache, recordMacKey, active };
    return this.#connection;
  }

  async #findDomainKeys(
    session: Session,
    ring: DomainRing,
  ): Promise<{ domainKeys: Map<string, ObjectHandle>; active: Connection['active'] }> {
    const domainKeys = new Map<string, ObjectHandle>();
    let active: Connection['active'] | undefined;
    for (const { id, uniqueId, state } of ring.keys) {
      const idBytes = Buffer.from(id, 'hex');
      const template = { CKA_TRUSTED: true, CKA_UNIQUE_ID: uniqueId, CKA_ID: idBytes };
      const key = await this.#findOne(session, 'domain key', { ...bornInside, ...template });
      domainKeys.set(id, key);
      if (state === 'active') active = { id: idBytes, key };
    }
    if (active === undefined) throw new DomainError(`${ring.region}: no active domain key`);
    return { domainKeys, active };
  }

  async #loadRing(session: Session, recordMacKey: ObjectHandle): Promise<DomainRing> {
    const { region, store } = this.#options;
    const mac: Mac = {
      sign: (data) => session.sign('CKM_SHA256_HMAC', recordMacKey, data),
      verify: (data, value) => session.verify('CKM_SHA256_HMAC', recordMacKey, data, value),
    };
    return loadDomainRing(store, mac, region, async () => {
      const key = await this.#findOne(session, 'domain key', { ...bornInside, CKA_TRUSTED: true });
      const attributes = await session.getAttributes(key, ['CKA_ID', 'CKA_UNIQUE_ID']);
      const { CKA_ID: id, CKA_UNIQUE_ID: uniqueId } = attributes;
      if (id === undefined || uniqueId === undefined)
        throw new DomainError(`${region}: the domain key has no name`);
      return { region, keys: [{ id: Buffer.from(id).toString('hex'), uniqueId, state: 'active' }] };
    });
  }

  async #findOne(
    session: Session,
    object: 'domain key' | 'record MAC key',
    template: Template,
  ): Promise<ObjectHandle> {
    const { region, labelPrefix = labelPrefixDefault } = this.#options;
    const label = domainLabel(labelPrefix, region, object);
    const [key, ...others] = await session.findObjects({ CKA_LABEL: label, ...template });
    if (key === undefined) throw new DomainError(`${region}: the token has no ${object}`);
    if (others.length > 0) throw new DomainError(`${region}: the token has several ${object}s`);
    return key;
  }
}

const notAuthentic: readonly CkrError['ckr'][] = [
  'CKR_AEAD_DECRYPT_FAILED',
  'CKR_ENCRYPTED_DATA_INVALID',
  'CKR_ENCRYPTED_DATA_LEN_RANGE',
];
const notOurs: readonly CkrError['ckr'][] = [
  ...notAuthentic,
  'CKR_TEMPLATE_INCONSISTENT',
  'CKR_WRAPPED_KEY_INVALID',
  'CKR_WRAPPED_KEY_LEN_RANGE',
];
/** Also after somebody logged the application out. */
const deadHandle: readonly CkrError['ckr'][] = [
  'CKR_KEY_HANDLE_INVALID',
  'CKR_OBJECT_HANDLE_INVALID',
  'CKR_UNWRAPPING_KEY_HANDLE_INVALID',
  'CKR_WRAPPING_KEY_HANDLE_INVALID',
  'CKR_USER_NOT_LOGGED_IN',
];
const deadSession: readonly CkrError['ckr'][] = [
  'CKR_SESSION_CLOSED',
  'CKR_SESSION_HANDLE_INVALID',
];

function isCkr(error: unknown, names: readonly CkrError['ckr'][]): boolean {
  return error instanceof CkrError && names.includes(error.ckr);
}

async function unwrap(
  session: Session,
  domainKeys: ReadonlyMap<string, ObjectHandle>,
  material: KeyMaterial,
): Promise<ObjectHandle> {
  const { domainKeyId, iv, wrapped } = parseKeyToken(material.keyToken);
  const domainKey = domainKeys.get(Buffer.from(domainKeyId).toString('hex'));
  if (domainKey === undefined)
    throw new KeyTokenError('wrapped under no domain key of this Region');
  try {
    return await session.unwrapKeyAuthenticated(
      { mechanism: 'CKM_AES_GCM', iv },
      domainKey,
      wrapped,
      cachedBackingKey,
      keyTokenAdditionalData(domainKeyId, material),
    );
  } catch (error) {
    throw isCkr(error, notOurs)
      ? new KeyTokenError('not the key token of this key', { cause: error })
      : error;
  }
}

/** Login is the whole application's: another thread may have done it. */
async function login(session: Session, pin: Uint8Array | string): Promise<void> {
  try {
    await session.login('user', pin);
  } catch (error) {
    if (!isCkr(error, ['CKR_USER_ALREADY_LOGGED_IN'])) throw error;
  }
}

async function closeConnection({ owner, lanes }: Connection): Promise<void> {
  await Promise.all([owner.close(), lanes.close()]);
}

function split(sealed: Uint8Array): SealedMessage {
  return {
    nonce: sealed.subarray(0, sealedNonceBytes),
    tag: sealed.subarray(sealedNonceBytes, sealedNonceBytes + sealedTagBytes),
    ciphertext: sealed.subarray(sealedNonceBytes + sealedTagBytes),
  };
}
