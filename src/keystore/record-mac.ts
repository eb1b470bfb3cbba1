/**
 * MAC of a metadata record: made inside the token over table, primary key, version and body, so that whoever
 * writes the database cannot forge, move or re-number a record. Format: docs/formats/record-mac.md. Putting
 * an older record back together with its own MAC is not detected.
 */
import type { StoredRecord, Table } from '../store/metadata-store.ts';
import type { Mac } from './key-store.ts';
import { lengthPrefixed } from './length-prefixed.ts';

/** A record in the store is not one this service wrote there. */
export class RecordIntegrityError extends Error {
  override readonly name = 'RecordIntegrityError';

  constructor(record: { readonly table: Table; readonly key: string }, reason: string) {
    super(`record ${record.table}/${record.key}: ${reason}`);
  }
}

/** What the MAC of a record covers. */
export function recordMacInput(record: Omit<StoredRecord, 'mac'>): Uint8Array {
  const version = Buffer.alloc(8);
  version.writeBigUInt64BE(BigInt(record.version));
  return lengthPrefixed(['strongroom record v1', record.table, record.key, version, record.body]);
}

export async function sealRecord(
  mac: Mac,
  record: Omit<StoredRecord, 'mac'>,
): Promise<StoredRecord> {
  return { ...record, mac: await mac.sign(recordMacInput(record)) };
}

/** @throws RecordIntegrityError */
export async function verifyRecord(mac: Mac, record: StoredRecord): Promise<void> {
  if (!(await mac.verify(recordMacInput(record), record.mac)))
    throw new RecordIntegrityError(record, 'MAC does not match');
}
