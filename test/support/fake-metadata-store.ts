/**
 * A metadata store in a Map, open to a hostile hand: `records` can be written behind the service's back.
 */
import {
  type ChangedKey,
  type MetadataStore,
  StoreConflictError,
  type StoredRecord,
  type Table,
  type Transaction,
} from '../../src/store/metadata-store.ts';

export class FakeMetadataStore implements MetadataStore {
  /** By `table/key`. */
  readonly records = new Map<string, StoredRecord>();
  readonly audit: string[] = [];
  readonly changes: ChangedKey[] = [];
  /** changesSince() answers undefined. */
  isForgetful = false;
  getCount = 0;
  scrubCount = 0;
  /** Thrown by scrub() as long as it is there. */
  scrubFailure: Error | undefined;
  /** Runs before the next commit, once: another writer who comes first. */
  beforeCommit: (() => void | Promise<void>) | undefined;
  /** Thrown by the next commit, once. */
  failure: Error | undefined;
  #sequence = 0;

  async get(table: Table, key: string): Promise<StoredRecord | undefined> {
    this.getCount += 1;
    return this.records.get(`${table}/${key}`);
  }

  async list(
    table: Table,
    { prefix = '', after = '', limit }: { prefix?: string; after?: string; limit: number },
  ): Promise<StoredRecord[]> {
    return [...this.records.values()]
      .filter(
        (record) => record.table === table && record.key.startsWith(prefix) && record.key > after,
      )
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .slice(0, limit);
  }

  async commit({ changes, audit }: Transaction): Promise<number> {
    const { beforeCommit, failure } = this;
    this.beforeCommit = undefined;
    this.failure = undefined;
    await beforeCommit?.();
    if (failure !== undefined) throw failure;
    for (const { kind, table, key, version } of changes) {
      const current = this.records.get(`${table}/${key}`)?.version ?? 0;
      if (version !== (kind === 'put' ? current + 1 : current))
        throw new StoreConflictError('another version');
    }
    this.#sequence += 1;
    for (const change of changes) {
      const name = `${change.table}/${change.key}`;
      if (change.kind === 'put') this.records.set(name, change);
      else this.records.delete(name);
      this.changes.push({ sequence: this.#sequence, table: change.table, key: change.key });
    }
    if (audit !== undefined) this.audit.push(audit);
    return this.#sequence;
  }

  sequence(): number {
    return this.#sequence;
  }

  async changesSince(sequence: number): Promise<ChangedKey[] | undefined> {
    return this.isForgetful
      ? undefined
      : this.changes.filter((change) => change.sequence > sequence);
  }

  async scrub(): Promise<void> {
    const { scrubFailure } = this;
    if (scrubFailure !== undefined) throw scrubFailure;
    this.scrubCount += 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
