/**
 * The keys of one Region: reads them from the metadata store, checks their MACs, keeps them decoded.
 *
 * The cache follows the store's change sequence: a key is checked and decoded once per change, and no
 * answer is older than the moment of the question.
 */
import type { Mac } from '../../keystore/key-store.ts';
import { sealRecord, verifyRecord } from '../../keystore/record-mac.ts';
import type { MetadataStore, StoredRecord } from '../../store/metadata-store.ts';
import {
  decodeKeyRecord,
  encodeKeyRecord,
  type KeyRecord,
  type KmsKey,
  recordKey,
} from './key-record.ts';

export interface KeyRepositoryOptions {
  readonly region: string;
  readonly store: MetadataStore;
  /** Of the Region's domain. */
  readonly mac: Mac;
  /** Decoded keys kept; the oldest go first. Default 100,000. */
  readonly cacheCountMax?: number;
}

export class KeyRepository {
  readonly #region: string;
  readonly #store: MetadataStore;
  readonly #mac: Mac;
  readonly #cacheCountMax: number;
  readonly #keys = new Map<string, KmsKey>();
  /** Every change up to here is reflected in #keys. */
  #sequence: number;
  #refreshing: Promise<void> | undefined;

  constructor({ region, store, mac, cacheCountMax = 100_000 }: KeyRepositoryOptions) {
    this.#region = region;
    this.#store = store;
    this.#mac = mac;
    this.#cacheCountMax = cacheCountMax;
    this.#sequence = store.sequence();
  }

  /**
   * The key, or undefined if there is none. Not a promise when the answer is at hand.
   * @throws RecordIntegrityError (as a rejection), StoreUnavailableError
   */
  find(accountId: string, keyId: string): KmsKey | Promise<KmsKey | undefined> {
    const primaryKey = recordKey(this.#region, accountId, keyId);
    if (this.#store.sequence() === this.#sequence) {
      const key = this.#keys.get(primaryKey);
      if (key !== undefined) return key;
    }
    return this.#load(primaryKey);
  }

  /** Keys of an account in order of their ids, beginning after `after`. */
  async list(
    accountId: string,
    { after, limit }: { readonly after: string | undefined; readonly limit: number },
  ): Promise<KmsKey[]> {
    const prefix = recordKey(this.#region, accountId, '');
    const from = after === undefined ? {} : { after: prefix + after };
    const records = await this.#store.list('keys', { prefix, limit, ...from });
    return Promise.all(records.map((record) => this.#check(record)));
  }

  /**
   * Stores a new key, with the audit event of its creation.
   * @throws StoreConflictError if there is one of this id
   */
  create(record: KeyRecord, audit: string): Promise<KmsKey> {
    return this.#put(record, 1, audit);
  }

  /**
   * Stores a changed key, with the audit event of the change.
   * @param key as it was read
   * @throws StoreConflictError if it has changed since
   */
  update(key: KmsKey, change: Pick<KeyRecord, 'keyState'>, audit: string): Promise<KmsKey> {
    return this.#put({ ...key, ...change }, key.version + 1, audit);
  }

  async #put(key: KeyRecord, version: number, audit: string): Promise<KmsKey> {
    const primaryKey = recordKey(this.#region, key.accountId, key.keyId);
    const body = encodeKeyRecord(key);
    const record = await sealRecord(this.#mac, { table: 'keys', key: primaryKey, version, body });
    await this.#store.commit({ changes: [{ kind: 'put', ...record }], audit });
    return decodeKeyRecord(record);
  }

  async #load(primaryKey: string): Promise<KmsKey | undefined> {
    await this.#refresh();
    const cached = this.#keys.get(primaryKey);
    if (cached !== undefined) return cached;
    const sequence = this.#sequence;
    const record = await this.#store.get('keys', primaryKey);
    if (record === undefined) return undefined;
    if (record.key !== primaryKey) throw new Error('the store answered another record');
    const key = await this.#check(record);
    // A refresh while we read may have dropped this very key: then what we hold must not be kept.
    if (this.#sequence === sequence) this.#keep(primaryKey, key);
    return key;
  }

  async #check(record: StoredRecord): Promise<KmsKey> {
    const cached = this.#keys.get(record.key);
    await verifyRecord(this.#mac, record);
    return cached?.version === record.version ? cached : decodeKeyRecord(record);
  }

  #keep(primaryKey: string, key: KmsKey): void {
    this.#keys.set(primaryKey, key);
    if (this.#keys.size <= this.#cacheCountMax) return;
    const [oldest] = this.#keys.keys();
    if (oldest !== undefined) this.#keys.delete(oldest);
  }

  /** Drops what has changed up to at least the moment of the call. */
  async #refresh(): Promise<void> {
    while (this.#store.sequence() !== this.#sequence) {
      this.#refreshing ??= this.#dropChanged().finally(() => {
        this.#refreshing = undefined;
      });
      await this.#refreshing;
    }
  }

  async #dropChanged(): Promise<void> {
    const newest = this.#store.sequence();
    const changes = await this.#store.changesSince(this.#sequence);
    if (changes === undefined) this.#keys.clear();
    else for (const { table, key } of changes) if (table === 'keys') this.#keys.delete(key);
    // What was committed after `newest` may be among the changes; seeing it twice does no harm.
    this.#sequence = newest;
  }
}
