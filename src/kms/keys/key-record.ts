/**
 * A KMS key as it lies in the store (table `keys`), and as the service holds it once its record's MAC was
 * checked. The body is JSON; its `format` number changes when an old reader would misread a new body.
 */
import type {
  CustomerMasterKeySpec,
  EncapsulationAlgorithmSpec,
  EncryptionAlgorithmSpec,
  KeyAgreementAlgorithmSpec,
  KeyMetadata,
  KeySpec,
  KeyUsageType,
  MacAlgorithmSpec,
  SigningAlgorithmSpec,
} from '@aws-sdk/client-kms';
import { keySpecs } from '../../api/key-specs.ts';
import type { KeyMaterial } from '../../keystore/key-store.ts';
import { RecordIntegrityError } from '../../keystore/record-mac.ts';
import type { StoredRecord } from '../../store/metadata-store.ts';
import { blobHeader } from '../ciphertext-blob.ts';
import { keyArn } from './key-arn.ts';
import { recordKey } from './record-table.ts';

export interface MaterialRecord {
  /** 64 lower-case hex digits. */
  readonly materialId: string;
  /** Base64 of the key token. */
  readonly keyToken: string;
  /** Base64 of the SubjectPublicKeyInfo; of asymmetric keys only. */
  readonly publicKey?: string;
  readonly createdAtMs: number;
}

export type Tag = readonly [key: string, value: string];

export interface KeyRecord {
  readonly accountId: string;
  readonly region: string;
  readonly keyId: string;
  readonly keySpec: KeySpec;
  readonly keyUsage: KeyUsageType;
  readonly origin: 'AWS_KMS';
  readonly keyState: 'Enabled' | 'Disabled' | 'PendingDeletion';
  readonly description: string;
  /** domainClock, milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** When its material is to be destroyed: domainClock; only in PendingDeletion. */
  readonly deletionAtMs?: number | undefined;
  /** The device is destroying its material: the deletion cannot be called off any more. */
  readonly destroying?: true | undefined;
  /** In order of their keys, which are unique. */
  readonly tags: readonly Tag[];
  /** The key policy as it was sent. Absent: the default one. */
  readonly policy?: string | undefined;
  /** Names of the aliases that point to it, with their prefix, in order. */
  readonly aliases: readonly string[];
  /** Oldest first; the last one is current. */
  readonly materials: readonly [MaterialRecord, ...MaterialRecord[]];
}

/** One version of a key's material, ready for use. */
export interface ReadyMaterial {
  readonly material: KeyMaterial;
  /** What the key's ciphertext blobs begin with. */
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

const format = 2;
/** Knew symmetric keys only, without tags, policies and aliases. */
const formatOfSymmetricKeys = 1;

export function encodeKeyRecord(record: KeyRecord): Uint8Array {
  const { accountId, region, keyId, keySpec, keyUsage, origin, keyState } = record;
  const { description, createdAtMs, deletionAtMs, destroying } = record;
  const { tags, policy, aliases, materials } = record;
  const identity = { accountId, region, keyId, keySpec, keyUsage, origin };
  const life = { keyState, description, createdAtMs, deletionAtMs, destroying };
  const fields = { ...identity, ...life, tags, policy, aliases, materials };
  return Buffer.from(JSON.stringify({ format, ...fields }));
}

/**
 * Reads a record whose MAC was checked.
 * @throws RecordIntegrityError when a newer version of this program wrote it.
 */
export function decodeKeyRecord(stored: StoredRecord): KmsKey {
  const body = JSON.parse(Buffer.from(stored.body).toString('utf8'));
  const { format: found, ...fields } = body as KeyRecord & { readonly format: number };
  if (found !== format && found !== formatOfSymmetricKeys)
    throw new RecordIntegrityError(stored, `unknown body format ${found}`);
  const record: KeyRecord =
    found === formatOfSymmetricKeys ? { ...fields, tags: [], aliases: [] } : fields;
  const { accountId, region, keyId, keySpec, keyUsage } = record;
  if (recordKey(region, accountId, keyId) !== stored.key)
    throw new RecordIntegrityError(stored, 'body names another key');

  const materialsById = new Map<string, ReadyMaterial>();
  let current: ReadyMaterial | undefined;
  for (const { materialId, keyToken, publicKey } of record.materials) {
    const binding = { accountId, region, keyId, materialId, keySpec, keyUsage };
    const material = {
      ...binding,
      keyToken: Buffer.from(keyToken, 'base64'),
      ...(publicKey !== undefined && { publicKey: Buffer.from(publicKey, 'base64') }),
    };
    current = { material, blobHeader: blobHeader(binding) };
    materialsById.set(materialId, current);
  }
  if (current === undefined) throw new RecordIntegrityError(stored, 'no key material');
  const arn = keyArn(region, accountId, keyId);
  return { ...record, arn, version: stored.version, current, materialsById };
}

function currentMaterial({ materials }: KeyRecord): MaterialRecord {
  return materials.at(-1) ?? materials[0];
}

/** The member of KeyMetadata, and of GetPublicKey, that names the algorithms of a key, by its usage. */
export function algorithmsOf({
  keySpec,
  keyUsage,
}: KeyRecord): Pick<
  KeyMetadata,
  | 'EncryptionAlgorithms'
  | 'SigningAlgorithms'
  | 'MacAlgorithms'
  | 'KeyAgreementAlgorithms'
  | 'EncapsulationAlgorithms'
> {
  const algorithms = [...(keySpecs[keySpec].algorithms[keyUsage] ?? [])];
  switch (keyUsage) {
    case 'ENCRYPT_DECRYPT':
      return { EncryptionAlgorithms: algorithms as EncryptionAlgorithmSpec[] };
    case 'SIGN_VERIFY':
      return { SigningAlgorithms: algorithms as SigningAlgorithmSpec[] };
    case 'GENERATE_VERIFY_MAC':
      return { MacAlgorithms: algorithms as MacAlgorithmSpec[] };
    case 'KEY_AGREEMENT':
      return { KeyAgreementAlgorithms: algorithms as KeyAgreementAlgorithmSpec[] };
    case 'ENCAPSULATE_DECAPSULATE':
      return { EncapsulationAlgorithms: algorithms as EncapsulationAlgorithmSpec[] };
  }
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
    // The SDK types it by the older list of specs.
    CustomerMasterKeySpec: key.keySpec as CustomerMasterKeySpec,
    KeySpec: key.keySpec,
    ...algorithmsOf(key),
    ...(key.deletionAtMs !== undefined && { DeletionDate: new Date(key.deletionAtMs) }),
    MultiRegion: false,
    ...(key.keySpec === 'SYMMETRIC_DEFAULT' && {
      CurrentKeyMaterialId: currentMaterial(key).materialId,
    }),
  };
}
