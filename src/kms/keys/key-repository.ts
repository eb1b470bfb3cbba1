/** The KMS keys of one Region: table `keys`. */
import type { Soon } from '../../keystore/soon.ts';
import type { Change, MetadataStore } from '../../store/metadata-store.ts';
import type { Page } from '../pagination.ts';
import { decodeKeyRecord, encodeKeyRecord, type KeyRecord, type KmsKey } from './key-record.ts';
import { type RecordSource, RecordTable, recordKey } from './record-table.ts';

/** What may change of a key once it is made. An undefined member goes away. */
export type KeyChange = Partial<
  Pick<
    KeyRecord,
    'keyState' | 'deletionAtMs' | 'description' | 'tags' | 'policy' | 'aliases' | 'materials'
  >
>;

export class KeyRepository {
  readonly #region: string;
  readonly #store: MetadataStore;
  readonly #records: RecordTable<KmsKey>;

  constructor(source: RecordSource) {
    this.#region = source.region;
    this.#store = source.store;
    this.#records = new RecordTable('keys', source, decodeKeyRecord);
  }

  /**
   * The key, or undefined if there is none.
   * @throws RecordIntegrityError (as a rejection), StoreUnavailableError
   */
  find(accountId: string, keyId: string): Soon<KmsKey | undefined> {
    return this.#records.find(recordKey(this.#region, accountId, keyId));
  }

  /** Keys of an account in order of their ids, beginning after `after`. */
  list(accountId: string, page: Page): Promise<KmsKey[]> {
    return this.#records.list(recordKey(this.#region, accountId, ''), page);
  }

  /** Keys of all accounts in order of account and id, beginning after `after`: an account id, a slash and a key id. */
  listAll(page: Page): Promise<KmsKey[]> {
    return this.#records.list(`${this.#region}/`, page);
  }

  /**
   * Stores a new key, with the audit event of its creation.
   * @throws StoreConflictError if there is one of this id
   */
  async create(record: KeyRecord, audit: string): Promise<void> {
    await this.#store.commit({ changes: [await this.#put(record, 1)], audit });
  }

  /**
   * Stores a changed key, with the audit event of the change.
   * @param key as it was read
   * @param more changes of the same transaction
   * @throws StoreConflictError if it has changed since
   */
  async update(
    key: KmsKey,
    change: KeyChange,
    audit: string,
    more: readonly (Change | Promise<Change>)[] = [],
  ): Promise<void> {
    await this.#store.commit({
      changes: await Promise.all([this.changed(key, change), ...more]),
      audit,
    });
  }

  /**
   * Says in a key's record that its material is being destroyed.
   * @returns the key as it is then
   * @throws StoreConflictError if it has changed since it was read
   */
  async markDestroying(key: KmsKey): Promise<KmsKey> {
    if (key.destroying) return key;
    const primaryKey = recordKey(this.#region, key.accountId, key.keyId);
    const marked = { ...key, destroying: true } as const;
    const version = key.version + 1;
    const change = await this.#records.put(primaryKey, version, encodeKeyRecord(marked));
    await this.#store.commit({ changes: [change] });
    return { ...marked, version };
  }

  /** The change that deletes a key's record. */
  removed({ accountId, keyId, version }: KmsKey): Change {
    return this.#records.remove(recordKey(this.#region, accountId, keyId), version);
  }

  /** Lets go of records that were changed or deleted since they were read. @throws StoreUnavailableError */
  refresh(): Promise<void> {
    return this.#records.refresh();
  }

  /** The change of a key's record, for a transaction over several records. */
  changed(key: KmsKey, change: KeyChange): Promise<Change> {
    return this.#put({ ...key, ...change }, key.version + 1);
  }

  #put(key: KeyRecord, version: number): Promise<Change> {
    const primaryKey = recordKey(this.#region, key.accountId, key.keyId);
    return this.#records.put(primaryKey, version, encodeKeyRecord(key));
  }
}
