/**
 * A KMS key as it lies in the store (table `keys`), and as the service holds it once its record's MAC was
 * checked. The body is JSON; its `format` number changes when an old reader would misread a new body.
 */
import type { KeyMetadata, KeyUsageType } from '@aws-sdk/client-kms';
import type { KeyMaterial } from '../../keystore/key-store.ts';
import { RecordIntegrityError } from '../../keystore/record-mac.ts';
import type { StoredRecord } from '../../store/metadata-store.ts';
import { blobHeaderTemplate } from '../ciphertext-blob.ts';
import { keyArn } from './key-arn.ts';

export interface MaterialRecord {
  /** 64 lower-case hex digits. */
  readonly materialId: string;
  /** Base64 of the key token. */
  readonly keyToken: string;
  readonly createdAtMs: number;
}

export interface KeyRecord {
  readonly accountId: string;
  readonly region: string;
  readonly keyId: string;
  readonly keySpec: 'SYMMETRIC_DEFAULT';
  readonly keyUsage: KeyUsageType;
  readonly origin: 'AWS_KMS';
  readonly keyState: 'Enabled' | 'Disabled';
  readonly description: string;
  /** domainClock, milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** Oldest first; the last one is current. */
  readonly materials: readonly [MaterialRecord, ...MaterialRecord[]];
}

/** One version of a key's material, ready for use. */
export interface ReadyMaterial {
  readonly material: KeyMaterial;
  /** See blobHeaderTemplate. */
  readonly blobHeader: Uint8Array;
}

/** A key whose record was checked. Immutable: a change makes a new one. */
export interface KmsKey extends KeyRecord {
  readonly arn: string;
  /** Version of the record. */
  readonly version: number;
  readonly current: ReadyMaterial;
  readonly materialsById: ReadonlyMap<string, ReadyMaterial>;
}

const format = 1;

/** Primary key of a record; `recordKey(region, accountId, '')` is the prefix of an account's keys. */
export function recordKey(region: string, accountId: string, keyId: string): string {
  return `${region}/${accountId}/${keyId}`;
}

export function encodeKeyRecord(record: KeyRecord): Uint8Array {
  const { accountId, region, keyId, keySpec, keyUsage, origin, keyState } = record;
  const { description, createdAtMs, materials } = record;
  const fields = { accountId, region, keyId, keySpec, keyUsage, origin, keyState };
  return Buffer.from(JSON.stringify({ format, ...fields, description, createdAtMs, materials }));
}

/**
 * Reads a record whose MAC was checked.
 * @throws RecordIntegrityError when a newer version of this program wrote it.
 */
export function decodeKeyRecord(stored: StoredRecord): KmsKey {
  const body = Buffer.from(stored.body).toString('utf8');
  const record = JSON.parse(body) as KeyRecord & { readonly format: number };
  if (record.format !== format)
    throw new RecordIntegrityError(stored, `unknown body format ${record.format}`);
  const { accountId, region, keyId, keySpec } = record;
  if (recordKey(region, accountId, keyId) !== stored.key)
    throw new RecordIntegrityError(stored, 'body names another key');

  const materialsById = new Map<string, ReadyMaterial>();
  let current: ReadyMaterial | undefined;
  for (const { materialId, keyToken } of record.materials) {
    const binding = { accountId, region, keyId, materialId, keySpec };
    const material = { ...binding, keyToken: Buffer.from(keyToken, 'base64') };
    current = { material, blobHeader: blobHeaderTemplate(binding) };
    materialsById.set(materialId, current);
  }
  if (current === undefined) throw new RecordIntegrityError(stored, 'no key material');
  const arn = keyArn(region, accountId, keyId);
  return { ...record, arn, version: stored.version, current, materialsById };
}

function currentMaterial({ materials }: KeyRecord): MaterialRecord {
  return materials.at(-1) ?? materials[0];
}

/** KeyMetadata of API responses; which members are present follows AWS. */
export function keyMetadata(key: KeyRecord): KeyMetadata & { readonly Arn: string } {
  return {
    AWSAccountId: key.accountId,
    KeyId: key.keyId,
    Arn: keyArn(key.region, key.accountId, key.keyId),
    CreationDate: new Date(key.createdAtMs),
    Enabled: key.keyState === 'Enabled',
    Description: key.description,
    KeyUsage: key.keyUsage,
    KeyState: key.keyState,
    Origin: key.origin,
    KeyManager: 'CUSTOMER',
    CustomerMasterKeySpec: key.keySpec,
    KeySpec: key.keySpec,
    EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'],
    MultiRegion: false,
    CurrentKeyMaterialId: currentMaterial(key).materialId,
  };
}
