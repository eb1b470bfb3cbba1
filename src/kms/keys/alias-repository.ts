/**
 * The aliases of one Region: table `aliases`. An alias and the keys that it points to change together, in one
 * transaction: a key's record lists its aliases, so the quota of a key and its deletion see them all.
 */
import type { Soon } from '../../keystore/soon.ts';
import type { Change, MetadataStore } from '../../store/metadata-store.ts';
import type { Page } from '../pagination.ts';
import {
  type AliasRecord,
  decodeAliasRecord,
  encodeAliasRecord,
  type KmsAlias,
} from './alias-record.ts';
import type { KmsKey } from './key-record.ts';
import type { KeyRepository } from './key-repository.ts';
import { type RecordSource, RecordTable, recordKey } from './record-table.ts';

export class AliasRepository {
  readonly #region: string;
  readonly #store: MetadataStore;
  readonly #keys: KeyRepository;
  readonly #records: RecordTable<KmsAlias>;

  /** @param keys of the same source */
  constructor(source: RecordSource, keys: KeyRepository) {
    this.#region = source.region;
    this.#store = source.store;
    this.#keys = keys;
    this.#records = new RecordTable('aliases', source, decodeAliasRecord);
  }

  /**
   * The alias, or undefined if there is none.
   * @throws RecordIntegrityError (as a rejection), StoreUnavailableError
   */
  find(accountId: string, aliasName: string): Soon<KmsAlias | undefined> {
    return this.#records.find(recordKey(this.#region, accountId, aliasName));
  }

  /** Aliases of an account in order of their names, beginning after `after`. */
  list(accountId: string, page: Page): Promise<KmsAlias[]> {
    return this.#records.list(recordKey(this.#region, accountId, ''), page);
  }

  /** @throws StoreConflictError if there is an alias of this name, or `key` has changed since it was read */
  async create(aliasName: string, key: KmsKey, nowMs: number, audit: string): Promise<void> {
    const { accountId, region, keyId: targetKeyId } = key;
    const times = { createdAtMs: nowMs, updatedAtMs: nowMs };
    const alias = { accountId, region, aliasName, targetKeyId, ...times };
    const aliases = [...key.aliases, aliasName].sort();
    await this.#commit([this.#put(alias, 1), this.#keys.changed(key, { aliases })], audit);
  }

  /**
   * Points an alias to another key, or to the same one again.
   * @param from the key that it points to
   * @throws StoreConflictError if the alias or one of the keys has changed since it was read
   */
  async retarget(
    alias: KmsAlias,
    from: KmsKey,
    to: KmsKey,
    nowMs: number,
    audit: string,
  ): Promise<void> {
    const { aliasName } = alias;
    const moved = { ...alias, targetKeyId: to.keyId, updatedAtMs: nowMs };
    const changes = [this.#put(moved, alias.version + 1)];
    if (from.keyId !== to.keyId) {
      const aliases = [...to.aliases, aliasName].sort();
      changes.push(
        this.#keys.changed(from, { aliases: without(from.aliases, aliasName) }),
        this.#keys.changed(to, { aliases }),
      );
    }
    await this.#commit(changes, audit);
  }

  /**
   * @param key the one that the alias points to
   * @throws StoreConflictError if the alias or the key has changed since it was read
   */
  async delete(alias: KmsAlias, key: KmsKey, audit: string): Promise<void> {
    const { accountId, aliasName, version } = alias;
    const primaryKey = recordKey(this.#region, accountId, aliasName);
    const aliases = without(key.aliases, aliasName);
    await this.#commit(
      [this.#records.remove(primaryKey, version), this.#keys.changed(key, { aliases })],
      audit,
    );
  }

  /** The changes that delete the aliases of a key, with the key. */
  async removedOf({ accountId, keyId, aliases: names }: KmsKey): Promise<Change[]> {
    const found = await Promise.all(names.map((name) => this.find(accountId, name)));
    return found.flatMap((alias) =>
      alias?.targetKeyId === keyId
        ? [this.#records.remove(recordKey(this.#region, accountId, alias.aliasName), alias.version)]
        : [],
    );
  }

  #put(alias: AliasRecord, version: number): Promise<Change> {
    const primaryKey = recordKey(this.#region, alias.accountId, alias.aliasName);
    return this.#records.put(primaryKey, version, encodeAliasRecord(alias));
  }

  async #commit(changes: readonly (Change | Promise<Change>)[], audit: string): Promise<void> {
    await this.#store.commit({ changes: await Promise.all(changes), audit });
  }
}

function without(names: readonly string[], name: string): string[] {
  return names.filter((other) => other !== name);
}
