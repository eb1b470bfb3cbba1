/**
 * Opens what the metadata store and a client hold, with the keys of an opened device: records and their MACs, key tokens,
 * ciphertext blobs. Written from docs/formats/store.md, record-mac.md, key-token.md and blob.md over node:crypto and
 * node:sqlite; shares nothing with src/.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { deriveAndOpen, hmac, openGcm } from './open-flash.ts';

export interface OpenedRecord {
  readonly table: string;
  readonly key: string;
  readonly version: number;
  readonly body: Buffer;
  readonly mac: Buffer;
}

/** What a key token and a blob are bound to. */
export interface Material {
  readonly accountId: string;
  readonly region: string;
  readonly keyId: string;
  readonly materialId: string;
  readonly keySpec: string;
  readonly keyToken: Buffer;
}

/** Where the plaintext's length stands: what is before it is authenticated. */
const BLOB_LENGTH_AT = 59;

/** Each field as a 4-byte big-endian length and its bytes. */
function lengthPrefixed(...fields: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(
    fields.flatMap((field) => {
      const bytes = Buffer.from(field);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}

/** Reads one record while a server may be writing others. @throws Error when it is not there */
export function readRecord(
  dataDirectory: string,
  table: 'keys' | 'domains',
  key: string,
): OpenedRecord {
  const database = new DatabaseSync(join(dataDirectory, 'store.sqlite'), { readOnly: true });
  try {
    const row = database
      .prepare(`SELECT version, body, mac FROM record_${table} WHERE key = ?`)
      .get(key);
    if (row === undefined) throw new Error(`no record ${table}/${key}`);
    const { version, body, mac } = row as { version: number; body: Uint8Array; mac: Uint8Array };
    return { table, key, version, body: Buffer.from(body), mac: Buffer.from(mac) };
  } finally {
    database.close();
  }
}

/** The MAC that a record has to carry. */
export function recordMac(macKey: Uint8Array, { table, key, version, body }: OpenedRecord): Buffer {
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(version));
  return hmac(macKey, lengthPrefixed('strongroom record v1', table, key, number, body));
}

/** The current material of a key's record. */
export function currentMaterial(record: OpenedRecord): Material {
  const { accountId, region, keyId, keySpec, materials } = JSON.parse(record.body.toString('utf8'));
  const { materialId, keyToken } = materials.at(-1);
  return {
    accountId,
    region,
    keyId,
    keySpec,
    materialId,
    keyToken: Buffer.from(keyToken, 'base64'),
  };
}

/** CKA_ID of the domain key that a key token is wrapped under. */
export const domainKeyIdOf = ({ keyToken }: Material): Buffer => keyToken.subarray(3, 19);

/** @returns the backing key. @throws Error when the key token is not this material's under this domain key */
export function openKeyToken(domainKey: Uint8Array, material: Material): Buffer {
  const { keyToken, accountId, region, keyId, materialId, keySpec } = material;
  if (keyToken.length < 48 || keyToken.toString('hex', 0, 3) !== '4b5401')
    throw new Error('no key token of version 1');
  const names = [accountId, region, keyId, materialId, keySpec];
  const additionalData = lengthPrefixed(
    'strongroom key token v1',
    domainKeyIdOf(material),
    ...names,
  );
  return openGcm(
    domainKey,
    keyToken.subarray(19, 31),
    additionalData,
    keyToken.subarray(31, -16),
    keyToken.subarray(-16),
  );
}

/** @returns the plaintext. @throws Error when the blob was not sealed with this backing key and context */
export function openBlob(
  backingKey: Uint8Array,
  blob: Uint8Array,
  context: Readonly<Record<string, string>>,
): Buffer {
  const bytes = Buffer.from(blob);
  const header = bytes.subarray(0, BLOB_LENGTH_AT);
  if (header.toString('hex', 0, 4) !== '53520101') throw new Error('no blob of version 1');
  if (bytes.readUInt32BE(61) !== crc32(bytes.subarray(0, 61)))
    throw new Error('checksum of the blob');
  const length = bytes.readUInt16BE(BLOB_LENGTH_AT);
  const [ciphertext, rest] = [bytes.subarray(-length), bytes.subarray(0, -length)];
  const [tag, nonce] = [rest.subarray(-16), rest.subarray(-44, -16)];
  const entries = Object.entries(context).map(
    (entry) => entry.map((text) => Buffer.from(text)) as [Buffer, Buffer],
  );
  entries.sort(([a], [b]) => Buffer.compare(a, b));
  const additionalData = Buffer.concat([header, lengthPrefixed(...entries.flat())]);
  return deriveAndOpen(backingKey, nonce, additionalData, ciphertext, tag);
}
