/**
 * One table of one Region's records: reads them from the metadata store, checks their MACs, keeps them decoded.
 *
 * The cache follows the store's change sequence: a record is checked and decoded once per change, and no
 * answer is older than the moment of the question.
 */
import type { Mac } from '../../keystore/key-store.ts';
import { sealRecord, verifyRecord } from '../../keystore/record-mac.ts';
import type { Soon } from '../../keystore/soon.ts';
import type { Change, MetadataStore, StoredRecord, Table } from '../../store/metadata-store.ts';
import type { Page } from '../pagination.ts';

/** Where the records of a Region are. */
export interface RecordSource {
  readonly region: string;
  readonly store: MetadataStore;
  /** Of the Region's domain. */
  readonly mac: Mac;
  /** Decoded records kept of each table; the oldest go first. Default 100,000. */
  readonly cacheCountMax?: number;
  /** And as many bytes of bodies: a key may have tags, a policy and a description of 100 KiB. Default 64 MiB. */
  readonly cacheBytesMax?: number;
}

/** What the primary key of a Region's record says: the account, and the record's name in it. */
export function recordName(region: string, key: string): { accountId: string; name: string } {
  const [accountId = '', ...name] = key.slice(region.length + 1).split('/');
  return { accountId, name: name.join('/') };
}

/** Primary key of a record: what the account names `name` in the Region; with '' the prefix of all the account's. */
export function recordKey(region: string, accountId: string, name: string): string {
  return `${region}/${accountId}/${name}`;
}

interface Kept<T> {
  readonly value: T;
  /** Of the record that it was decoded from; no other record has it. */
  readonly mac: Uint8Array;
  /** Of the record's body. */
  readonly bytes: number;
}

export class RecordTable<T extends object> {
  readonly #table: Table;
  readonly #store: MetadataStore;
  readonly #mac: Mac;
  readonly #decode: (record: StoredRecord) => T;
  readonly #cacheCountMax: number;
  readonly #cacheBytesMax: number;
  readonly #kept = new Map<string, Kept<T>>();
  #keptBytes = 0;
  /** Every change up to here is reflected in #kept. */
  #sequence: number;
  #refreshing: Promise<void> | undefined;

  /** @param decode reads a record whose MAC was checked. @throws RecordIntegrityError */
  constructor(
    table: Table,
    { store, mac, cacheCountMax = 100_000, cacheBytesMax = 64 * 1024 * 1024 }: RecordSource,
    decode: (record: StoredRecord) => T,
  ) {
    this.#table = table;
    this.#store = store;
    this.#mac = mac;
    this.#decode = decode;
    this.#cacheCountMax = cacheCountMax;
    this.#cacheBytesMax = cacheBytesMax;
    this.#sequence = store.sequence();
  }

  /**
   * What a record says, or undefined if there is none.
   * @throws RecordIntegrityError (as a rejection), StoreUnavailableError
   */
  find(primaryKey: string): Soon<T | undefined> {
    if (this.#store.sequence() === this.#sequence) {
      const kept = this.#kept.get(primaryKey);
      if (kept !== undefined) return kept.value;
    }
    return this.#load(primaryKey);
  }

  /** What the records say whose primary key begins with `prefix`, after `prefix` + `after`, in key order. */
  async list(prefix: string, { after, limit }: Page): Promise<T[]> {
    const from = after === undefined ? {} : { after: prefix + after };
    const records = await this.#store.list(this.#table, { prefix, limit, ...from });
    return Promise.all(records.map(async (record) => (await this.#check(record)).value));
  }

  /** The change that stores a body, with its MAC. @param version one more than the current one; 1 for a new record */
  async put(key: string, version: number, body: Uint8Array): Promise<Change & { kind: 'put' }> {
    const table = this.#table;
    return { kind: 'put', ...(await sealRecord(this.#mac, { table, key, version, body })) };
  }

  /** The change that deletes a record. */
  remove(key: string, version: number): Change {
    return { kind: 'delete', table: this.#table, key, version };
  }

  async #load(primaryKey: string): Promise<T | undefined> {
    await this.refresh();
    const kept = this.#kept.get(primaryKey);
    if (kept !== undefined) return kept.value;
    const sequence = this.#sequence;
    const record = await this.#store.get(this.#table, primaryKey);
    if (record === undefined) return undefined;
    if (record.key !== primaryKey) throw new Error('the store answered another record');
    const checked = await this.#check(record);
    // A refresh while we read may have dropped this very record: then what we hold must not be kept.
    if (this.#sequence === sequence) this.#keep(primaryKey, checked);
    return checked.value;
  }

  async #check(record: StoredRecord): Promise<Kept<T>> {
    await verifyRecord(this.#mac, record);
    const kept = this.#kept.get(record.key);
    if (kept !== undefined && Buffer.compare(kept.mac, record.mac) === 0) return kept;
    return { value: this.#decode(record), mac: record.mac, bytes: record.body.length };
  }

  #keep(primaryKey: string, kept: Kept<T>): void {
    this.#drop(primaryKey);
    this.#kept.set(primaryKey, kept);
    this.#keptBytes += kept.bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#cacheCountMax && this.#keptBytes <= this.#cacheBytesMax) return;
      this.#drop(oldest);
    }
  }

  #drop(primaryKey: string): void {
    this.#keptBytes -= this.#kept.get(primaryKey)?.bytes ?? 0;
    this.#kept.delete(primaryKey);
  }

  /** Drops what has changed up to at least the moment of the call. */
  async refresh(): Promise<void> {
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
    if (changes === undefined) {
      this.#kept.clear();
      this.#keptBytes = 0;
    } else for (const { table, key } of changes) if (table === this.#table) this.#drop(key);
    // What was committed after `newest` may be among the changes; seeing it twice does no harm.
    this.#sequence = newest;
  }
}
