/**
 * RegionDomain: the key store of one Region, over its domain keys in a token. What it promises rests on the
 * token alone: a backing key is usable inside and readable nowhere, and its key token works in this Region
 * for the key and the use it was made for.
 *
 * Sessions: an owner holds the cached keys and does nothing else but make them, since session objects die with
 * their session; work runs on lanes, and what takes long on lanes of its own. When the device or a session is
 * gone, so is all that was known of them; the next call begins afresh.
 */
import type { DataKeyPairSpec, MacAlgorithmSpec, SigningAlgorithmSpec } from '@aws-sdk/client-kms';
import {
  CkrError,
  type Mechanism,
  type ObjectHandle,
  type Session,
  type SyncSession,
} from '../hsm/index.ts';
import { StoreConflictError } from '../store/metadata-store.ts';
import {
  macMechanisms,
  materialSpec,
  oaepMechanisms,
  type Pace,
  signingRow,
} from './algorithms.ts';
import { burialsOf, kindOf, makeBackingKey, rewrapBackingKey } from './backing-key.ts';
import {
  closeConnection,
  connectDomain,
  type DomainConnection,
  type DomainConnectionOptions,
} from './domain-connection.ts';
import { DomainError } from './domain-keyring.ts';
import { type DomainKey, type StoredRing, storeDomainRing } from './domain-ring.ts';
import { ecdsaFromDer, ecdsaToDer } from './ecdsa-signature.ts';
import {
  type Encrypted,
  type EncryptionKey,
  type KeyMaterial,
  type KeyStore,
  type KeyStoreLoad,
  type Mac,
  type MaterialBinding,
  MessageAuthenticationError,
  PlaintextLengthError,
  type RsaEncryptionAlgorithm,
  type SealedKeyPair,
  type SealedMessage,
  type SignedMessageType,
  sealedNonceBytes,
  sealedTagBytes,
} from './key-store.ts';
import { paceOfReEncryption, sealedDestination, sealedSource } from './re-encryption.ts';
import { type Soon, soon, upon } from './soon.ts';
import { deadHandle, deadSession, isCkr, notAuthentic, outOfMemory } from './token-errors.ts';

/** How a piece of work is done: which key of the material it takes, backing or public, and which sessions do it. */
interface Use {
  readonly keys?: 'cache' | 'publicKeys';
  readonly pace?: Pace;
}

const attemptsMax = 3;
/** Of one call. */
const burialsMax = 256;

export class RegionDomain implements KeyStore {
  readonly #options: DomainConnectionOptions;
  #connection: DomainConnection | undefined;
  #connecting: Promise<DomainConnection> | undefined;
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

  private constructor(options: DomainConnectionOptions) {
    this.#options = options;
  }

  /**
   * Opens a Region that provisionRegion made.
   * @throws CkrError, DomainError, RecordIntegrityError (the ring's), StoreUnavailableError
   */
  static async open(options: DomainConnectionOptions): Promise<RegionDomain> {
    const domain = new RegionDomain(options);
    await domain.#connected();
    return domain;
  }

  async generate(binding: MaterialBinding): Promise<KeyMaterial> {
    if (binding.region !== this.#options.region) throw new TypeError('binding of another Region');
    const { spec } = kindOf(binding);
    const made = await this.#work(
      ({ domainKeys }, session) => makeBackingKey(session, domainKeys, binding),
      { pace: spec.pace.generate },
    );
    const { accountId, region, keyId, materialId, keySpec, keyUsage } = binding;
    return { accountId, region, keyId, materialId, keySpec, keyUsage, ...made };
  }

  load(): KeyStoreLoad {
    const { cache, publicKeys } = this.#connection ?? {};
    const sum = (name: 'count' | 'hitCount' | 'missCount'): number =>
      (cache?.[name] ?? 0) + (publicKeys?.[name] ?? 0);
    return { cachedKeys: sum('count'), cacheHits: sum('hitCount'), cacheMisses: sum('missCount') };
  }

  async destroy(materials: readonly KeyMaterial[]): Promise<void> {
    if (materials.length === 0) return;
    if (materials.some(({ region }) => region !== this.#options.region))
      throw new TypeError('material of another Region');
    await this.#work(async ({ domainKeys }) => {
      await using session = await this.#options.slot.openSession({ readWrite: true });
      const burials = burialsOf(await domainKeys.refresh(), materials);
      for (let at = 0; at < burials.length; at += burialsMax)
        await session.buryWrapped(burials.slice(at, at + burialsMax));
    });
    for (const material of materials) this.forget(material);
  }

  forget(key: Pick<MaterialBinding, 'accountId' | 'region' | 'keyId'>): void {
    this.#connection?.cache.forget(key);
    this.#connection?.publicKeys.forget(key);
  }

  /**
   * Wraps material under the active domain key of its kind, inside the token.
   * @returns the material itself where it is already. @throws KeyTokenError
   */
  async rewrap(material: KeyMaterial): Promise<KeyMaterial> {
    const keyToken = await this.#work(({ domainKeys }, session) =>
      rewrapBackingKey(session, domainKeys, material),
    );
    return keyToken === material.keyToken ? material : { ...material, keyToken };
  }

  /** The ring of domain keys at the moment of the call, or later. */
  ring(): Promise<StoredRing> {
    return this.#work(async ({ domainKeys }) => {
      await domainKeys.refresh();
      return domainKeys.ring;
    });
  }

  /**
   * Changes the ring, with the audit event of the change; over again when another change comes first.
   * @throws StoreUnavailableError
   */
  async changeRing(
    change: (keys: readonly DomainKey[]) => readonly DomainKey[],
    audit: string,
  ): Promise<StoredRing> {
    for (;;) {
      const ring = await this.ring();
      const changed = { ...ring, keys: change(ring.keys) };
      try {
        return await storeDomainRing(this.#options.store, this.recordMac, changed, audit);
      } catch (error) {
        if (!(error instanceof StoreConflictError)) throw error;
      }
    }
  }

  seal(
    material: KeyMaterial,
    additionalData: Uint8Array,
    plaintext: Uint8Array,
  ): Soon<SealedMessage> {
    const sealed = this.#useSoon(material, (session, key) =>
      session.seal(key, additionalData, plaintext),
    );
    return upon(sealed, split);
  }

  open(
    material: KeyMaterial,
    additionalData: Uint8Array,
    { nonce, tag, ciphertext }: SealedMessage,
  ): Soon<Uint8Array> {
    if (nonce.length !== sealedNonceBytes || tag.length !== sealedTagBytes)
      return Promise.reject(new MessageAuthenticationError('malformed sealed message'));
    const plaintext = this.#useSoon(material, (session, key) =>
      session.open(key, nonce, tag, additionalData, ciphertext),
    );
    return plaintext instanceof Promise ? plaintext.catch(throwUnopened) : plaintext;
  }

  sealRandom(
    material: KeyMaterial,
    additionalData: Uint8Array,
    length: number,
    options: { readonly reveal: boolean },
  ): Soon<{ readonly sealed: SealedMessage; readonly plaintext?: Uint8Array }> {
    const drawn = this.#useSoon(material, (session, key) =>
      session.sealRandom(key, additionalData, length, options),
    );
    return upon(drawn, ({ sealed, plaintext }) => ({
      sealed: split(sealed),
      ...(plaintext && { plaintext }),
    }));
  }

  async sealKeyPair(
    material: KeyMaterial,
    additionalData: Uint8Array,
    pairSpec: DataKeyPairSpec,
    options: { readonly reveal: boolean },
  ): Promise<SealedKeyPair> {
    const pair = materialSpec(pairSpec);
    if (pair === undefined || pair.generation === 'secret')
      throw new TypeError(`no key pair of ${pairSpec}`);
    const { generation, size, pace } = pair;
    const made = await this.#use(
      material,
      (session, key) => session.sealKeyPair(generation, size, key, additionalData, options),
      { pace: pace.generate },
    );
    const { publicKeyInfo: publicKey, sealed, plaintext: privateKey } = made;
    return { publicKey, sealed: split(sealed), ...(privateKey && { privateKey }) };
  }

  async encrypt(
    material: KeyMaterial,
    algorithm: RsaEncryptionAlgorithm,
    plaintext: Uint8Array,
  ): Promise<Uint8Array> {
    try {
      return await this.#use(
        material,
        (session, key) => session.encrypt(oaepMechanisms[algorithm], key, plaintext),
        { keys: 'publicKeys', pace: kindOf(material).spec.pace.public },
      );
    } catch (error) {
      throw isCkr(error, tooLong) ? new PlaintextLengthError('too long', { cause: error }) : error;
    }
  }

  decrypt(
    material: KeyMaterial,
    algorithm: RsaEncryptionAlgorithm,
    ciphertext: Uint8Array,
  ): Promise<Uint8Array> {
    return this.#use(
      material,
      (session, key) => session.decrypt(oaepMechanisms[algorithm], key, ciphertext),
      { pace: 'slow' },
    ).catch(throwUnopened);
  }

  async reEncrypt(source: EncryptionKey & Encrypted, to: EncryptionKey): Promise<Encrypted> {
    const materials = [source.material, to.material];
    const destinationKeys = to.algorithm === 'SYMMETRIC_DEFAULT' ? 'cache' : 'publicKeys';
    try {
      const output = await this.#work(
        (connection, session) =>
          connection.cache.use(source.material, (sourceKey) =>
            connection[destinationKeys].use(to.material, (key) =>
              session.reEncrypt(sealedSource(source, sourceKey), sealedDestination(to, key)),
            ),
          ),
        { materials, pace: paceOfReEncryption(source, to) },
      );
      return to.algorithm === 'SYMMETRIC_DEFAULT'
        ? { algorithm: to.algorithm, sealed: split(output) }
        : { algorithm: to.algorithm, ciphertext: output };
    } catch (error) {
      if (isCkr(error, tooLong)) throw new PlaintextLengthError('too long', { cause: error });
      throw unopened(error);
    }
  }

  sign(
    material: KeyMaterial,
    algorithm: SigningAlgorithmSpec,
    message: Uint8Array,
    messageType: SignedMessageType,
  ): Soon<Uint8Array> {
    return soon(() => {
      const { mechanism, data } = toSign(algorithm, message, messageType);
      const { fieldLength, pace } = kindOf(material).spec;
      const signature = this.#useSoon(
        material,
        (session, key) => session.sign(mechanism, key, data),
        { pace: pace.private },
      );
      return fieldLength === undefined ? signature : upon(signature, ecdsaToDer);
    });
  }

  verify(
    material: KeyMaterial,
    algorithm: SigningAlgorithmSpec,
    message: Uint8Array,
    messageType: SignedMessageType,
    signature: Uint8Array,
  ): Soon<boolean> {
    return soon(() => {
      const { mechanism, data } = toSign(algorithm, message, messageType);
      const { fieldLength, pace } = kindOf(material).spec;
      const numbers = fieldLength === undefined ? signature : ecdsaFromDer(signature, fieldLength);
      if (numbers === undefined) return false;
      return this.#useSoon(
        material,
        (session, key) => session.verify(mechanism, key, data, numbers),
        { keys: 'publicKeys', pace: pace.public },
      );
    });
  }

  generateMac(
    material: KeyMaterial,
    algorithm: MacAlgorithmSpec,
    message: Uint8Array,
  ): Soon<Uint8Array> {
    const mechanism = macMechanisms[algorithm];
    return this.#useSoon(material, (session, key) => session.sign(mechanism, key, message));
  }

  verifyMac(
    material: KeyMaterial,
    algorithm: MacAlgorithmSpec,
    message: Uint8Array,
    mac: Uint8Array,
  ): Soon<boolean> {
    const mechanism = macMechanisms[algorithm];
    return this.#useSoon(material, (session, key) => session.verify(mechanism, key, message, mac));
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

  /** Runs `work` on a lane with the material's key, which is brought into the token if it has to be. */
  #use<T>(
    material: KeyMaterial,
    work: (session: Session, key: ObjectHandle) => Promise<T>,
    { keys = 'cache', pace = 'fast' }: Use = {},
  ): Promise<T> {
    return this.#work(
      (connection, session) => connection[keys].use(material, (key) => work(session, key)),
      { materials: [material], pace },
    );
  }

  /** As #use, but at once where that can be: without a turn of the microtask queue. */
  #useSoon<T>(
    material: KeyMaterial,
    work: (session: Session | SyncSession, key: ObjectHandle) => Soon<T>,
    use: Use = {},
  ): Soon<T> {
    return (
      this.#atOnce(material, work, use) ??
      this.#use(material, async (session, key) => work(session, key), use)
    );
  }

  /**
   * Runs `work` on this thread where key and lane are at hand. Undefined: it did not come to a result, be it that it is
   * slow, the token busy or a handle dead. The work is then done again by #use, which waits, mends or reports.
   */
  #atOnce<T>(
    material: KeyMaterial,
    work: (session: SyncSession, key: ObjectHandle) => Soon<T>,
    { keys = 'cache', pace = 'fast' }: Use,
  ): Soon<T> | undefined {
    if (pace !== 'fast') return undefined;
    const connection = this.#live();
    const session = connection?.lanes.idle?.sync;
    const key = session && connection?.[keys].peek(material);
    if (key === undefined) return undefined;
    try {
      return work(session as SyncSession, key);
    } catch {
      return undefined;
    }
  }

  async #work<T>(
    work: (connection: DomainConnection, session: Session) => Promise<T>,
    {
      materials = [],
      pace = 'fast',
    }: { readonly materials?: readonly KeyMaterial[]; readonly pace?: Pace } = {},
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const connection = this.#live() ?? (await this.#connected());
      const lanes = {
        fast: connection.lanes,
        slow: connection.slowLanes,
        search: connection.searchLanes,
      };
      try {
        return await lanes[pace].run((session) => work(connection, session));
      } catch (error) {
        // At the first dead handle only the keys are suspected, at the second everything.
        const suspects = attempt === 1 ? materials : [];
        if (!this.#forget(connection, suspects, error) || attempt === attemptsMax) throw error;
      }
    }
  }

  /** Drops what an error shows to be dead or too much. True: the token refused before it did anything, so try again. */
  #forget(connection: DomainConnection, suspects: readonly KeyMaterial[], error: unknown): boolean {
    if (!(error instanceof CkrError)) return false;
    if (isCkr(error, outOfMemory)) return makeRoom(connection);
    const isHandle = isCkr(error, deadHandle);
    if (isHandle && suspects.length > 0) {
      for (const suspect of suspects) {
        connection.cache.drop(suspect);
        connection.publicKeys.drop(suspect);
      }
      return true;
    }
    if (error.ends === undefined && !isHandle) return false;
    if (this.#connection === connection) this.#connection = undefined;
    closeConnection(connection).catch(() => undefined);
    return isHandle || isCkr(error, deadSession);
  }

  #live(): DomainConnection | undefined {
    const connection = this.#connection;
    const isLive = connection?.epoch === this.#options.slot.device.epoch && connection.owner.isOpen;
    return isLive ? connection : undefined;
  }

  #connected(): Promise<DomainConnection> {
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(): Promise<DomainConnection> {
    if (this.#closed) throw new DomainError('the Region is closed');
    this.#connection = await connectDomain(this.#options);
    return this.#connection;
  }
}

/** Cached keys go before a call fails for want of room. False: none is left that nobody uses. */
function makeRoom({ cache, publicKeys }: DomainConnection): boolean {
  const shrunk = [cache, publicKeys].map((keys) => keys.shrink());
  return shrunk.includes(true);
}

const tooLong: readonly CkrError['ckr'][] = ['CKR_DATA_LEN_RANGE'];

/** What a caller is told when the token could not open something. */
function unopened(error: unknown): unknown {
  return isCkr(error, notAuthentic)
    ? new MessageAuthenticationError('the message is not authentic', { cause: error })
    : error;
}

function throwUnopened(error: unknown): never {
  throw unopened(error);
}

/** The mechanism for a message or its digest, and what the token takes. */
function toSign(
  algorithm: SigningAlgorithmSpec,
  message: Uint8Array,
  messageType: SignedMessageType,
): { readonly mechanism: Mechanism; readonly data: Uint8Array } {
  const { raw, digest, digestLength, digestPrefix } = signingRow(algorithm);
  if (messageType === 'RAW') return { mechanism: raw, data: message };
  if (message.length !== digestLength) throw new TypeError(`no digest for ${algorithm}`);
  const data = digestPrefix === undefined ? message : Buffer.concat([digestPrefix, message]);
  return { mechanism: digest, data };
}

function split(sealed: Uint8Array): SealedMessage {
  return {
    nonce: sealed.subarray(0, sealedNonceBytes),
    tag: sealed.subarray(sealedNonceBytes, sealedNonceBytes + sealedTagBytes),
    ciphertext: sealed.subarray(sealedNonceBytes + sealedTagBytes),
  };
}
