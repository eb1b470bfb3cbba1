/**
 * An alias as it lies in the store (table `aliases`). The body is JSON; its `format` number changes when an old
 * reader would misread a new body.
 */
import { RecordIntegrityError } from '../../keystore/record-mac.ts';
import type { StoredRecord } from '../../store/metadata-store.ts';
import { recordKey } from './record-table.ts';

export interface AliasRecord {
  readonly accountId: string;
  readonly region: string;
  /** With its prefix `alias/`. */
  readonly aliasName: string;
  /** The bare id of a key of the same account and Region. */
  readonly targetKeyId: string;
  /** domainClock, milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** When it was last pointed to a key. */
  readonly updatedAtMs: number;
}

/** An alias whose record was checked. Immutable: a change makes a new one. */
export interface KmsAlias extends AliasRecord {
  /** Version of the record. */
  readonly version: number;
}

const format = 1;

export function encodeAliasRecord(alias: AliasRecord): Uint8Array {
  const { accountId, region, aliasName, targetKeyId, createdAtMs, updatedAtMs } = alias;
  const fields = { accountId, region, aliasName, targetKeyId, createdAtMs, updatedAtMs };
  return Buffer.from(JSON.stringify({ format, ...fields }));
}

/**
 * Reads a record whose MAC was checked.
 * @throws RecordIntegrityError when a newer version of this program wrote it.
 */
export function decodeAliasRecord(stored: StoredRecord): KmsAlias {
  const body = JSON.parse(Buffer.from(stored.body).toString('utf8'));
  const { format: found, ...alias } = body as AliasRecord & { readonly format: number };
  if (found !== format) throw new RecordIntegrityError(stored, `unknown body format ${found}`);
  if (recordKey(alias.region, alias.accountId, alias.aliasName) !== stored.key)
    throw new RecordIntegrityError(stored, 'body names another alias');
  return { ...alias, version: stored.version };
}
