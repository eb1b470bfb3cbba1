/**
 * Ciphertext blob of symmetric keys: what Encrypt, ReEncrypt and GenerateDataKey* return and Decrypt takes.
 * Format: docs/formats/blob.md. As long as the blob AWS returns for the same plaintext, so that whoever sized
 * a column for AWS's fits ours; nothing else of it is shared, and neither service accepts the other's.
 */
import { crc32 } from 'node:zlib';
import { isAccountId } from '../access/principal.ts';
import { type SealedMessage, sealedNonceBytes, sealedTagBytes } from '../keystore/key-store.ts';
import { isKeyId } from './keys/key-arn.ts';

/** Which key and which version of its material sealed a message. */
export interface BlobSource {
  /** 12 digits. */
  readonly accountId: string;
  /** A lower-case UUID, or `mrk-` and 32 lower-case hex digits. */
  readonly keyId: string;
  /** 64 lower-case hex digits. */
  readonly materialId: string;
}

export interface CiphertextBlob extends BlobSource, SealedMessage {
  /** Authenticated with the message; see `blobHeader`. Bytes of the blob itself. */
  readonly header: Uint8Array;
}

const plaintextBytesMax = 4096;

// Offsets of the header's fields, bytes.
const atMagic = 0; // 'SR'
const atVersion = 2;
const atAlgorithm = 3;
const atKeyIdForm = 4;
const atAccountId = 5; // 12 decimal digits, two a byte
const atKeyId = 11; // 16 bytes
const atMaterialId = 27; // 32 bytes
const atLength = 59; // plaintext length, big-endian
const atChecksum = 61; // CRC-32 of all before it, big-endian
const atFiller = 65;

const magic = 0x5352;
const version = 1;
/** AES-256-GCM under a key derived for this message alone (CKM_STRONGROOM_DERIVE_AES_GCM). */
const algorithmDerivedGcm = 1;
const keyIdForms = { uuid: 0, multiRegion: 1 } as const;

/**
 * Length of the blob of a plaintext, both in bytes. AWS's structure: 58 bytes, then a DER ContentInfo of
 * CMS EncryptedData whose encrypted content is 27 bytes longer than the plaintext.
 */
export function blobLength(plaintextLength: number): number {
  const der = (contentLength: number): number =>
    contentLength + (contentLength < 0x80 ? 2 : contentLength < 0x100 ? 3 : 4);
  const typeOid = 11; // id-data as well as id-encryptedData
  const algorithmIdentifier = der(11 + der(14 + 3)); // OID, then nonce and tag length
  const encryptedContentInfo = der(typeOid + algorithmIdentifier + der(plaintextLength + 27));
  const encryptedData = der(3 + encryptedContentInfo); // version
  return 58 + der(typeOid + der(encryptedData));
}

/** Header of all blobs of one key material: everything before the length. Made once per material. */
export function blobHeader(source: BlobSource): Uint8Array {
  if (!isKeyId(source.keyId)) throw new TypeError('malformed key id');
  const isMultiRegion = source.keyId.startsWith('mrk-');
  const header = Buffer.alloc(atLength);
  header.writeUInt16BE(magic, atMagic);
  header[atVersion] = version;
  header[atAlgorithm] = algorithmDerivedGcm;
  header[atKeyIdForm] = isMultiRegion ? keyIdForms.multiRegion : keyIdForms.uuid;
  const fields: [at: number, hex: string, length: number][] = [
    [atAccountId, source.accountId, 6],
    [atKeyId, source.keyId.replace('mrk-', '').replaceAll('-', ''), 16],
    [atMaterialId, source.materialId, 32],
  ];
  for (const [at, hex, length] of fields)
    if (hex.length !== 2 * length || header.write(hex, at, 'hex') !== length)
      throw new TypeError('malformed blob source');
  return header;
}

/**
 * Additional data of the message: header, then canonical encryption context. The header has a fixed length. The plaintext's
 * length is not among them: the mode authenticates it, and who makes the plaintext inside the device need not know it before.
 */
export function blobAdditionalData(header: Uint8Array, context: Uint8Array): Uint8Array {
  return context.length === 0 ? header : Buffer.concat([header, context]);
}

/** @throws RangeError for a plaintext of another length than 1 to 4,096 bytes */
export function encodeBlob(header: Uint8Array, sealed: SealedMessage): Uint8Array {
  const { nonce, tag, ciphertext } = sealed;
  if (nonce.length !== sealedNonceBytes || tag.length !== sealedTagBytes)
    throw new TypeError('malformed sealed message');
  if (!isPlaintextLength(ciphertext.length))
    throw new RangeError(`plaintext length must be 1 to ${plaintextBytesMax} bytes`);
  const length = blobLength(ciphertext.length);
  const blob = Buffer.allocUnsafe(length);
  const atNonce = length - ciphertext.length - sealedTagBytes - sealedNonceBytes;
  blob.set(header);
  blob.writeUInt16BE(ciphertext.length, atLength);
  blob.writeUInt32BE(crc32(blob.subarray(0, atChecksum)), atChecksum);
  blob.fill(0, atFiller, atNonce);
  blob.set(nonce, atNonce);
  blob.set(tag, atNonce + sealedNonceBytes);
  blob.set(ciphertext, length - ciphertext.length);
  return blob;
}

function isPlaintextLength(length: number): boolean {
  return length >= 1 && length <= plaintextBytesMax;
}

/**
 * Reads a blob; undefined when it is not one, or was changed in a part that no key authenticates. The
 * result's arrays are views of `blob`.
 */
export function parseBlob(blob: Uint8Array): CiphertextBlob | undefined {
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
  if (bytes.length < atFiller) return undefined;
  if (bytes.readUInt16BE(atMagic) !== magic || bytes[atVersion] !== version) return undefined;
  if (bytes[atAlgorithm] !== algorithmDerivedGcm) return undefined;
  // Not a security measure. It tells a damaged key id (no blob of ours) from the id of a key not known here,
  // which AWS answers differently, and refuses before the device is asked.
  if (bytes.readUInt32BE(atChecksum) !== crc32(bytes.subarray(0, atChecksum))) return undefined;
  const plaintextLength = bytes.readUInt16BE(atLength);
  if (!isPlaintextLength(plaintextLength)) return undefined;
  if (bytes.length !== blobLength(plaintextLength)) return undefined;
  const atNonce = bytes.length - plaintextLength - sealedTagBytes - sealedNonceBytes;
  for (let at = atFiller; at < atNonce; at++) if (bytes[at] !== 0) return undefined;

  const accountId = bytes.toString('hex', atAccountId, atKeyId);
  const keyId = parseKeyId(bytes[atKeyIdForm], bytes.toString('hex', atKeyId, atMaterialId));
  if (keyId === undefined || !isAccountId(accountId)) return undefined;
  return {
    accountId,
    keyId,
    materialId: bytes.toString('hex', atMaterialId, atLength),
    header: bytes.subarray(0, atLength),
    nonce: bytes.subarray(atNonce, atNonce + sealedNonceBytes),
    tag: bytes.subarray(atNonce + sealedNonceBytes, atNonce + sealedNonceBytes + sealedTagBytes),
    ciphertext: bytes.subarray(bytes.length - plaintextLength),
  };
}

function parseKeyId(form: number | undefined, hex: string): string | undefined {
  if (form === keyIdForms.multiRegion) return `mrk-${hex}`;
  if (form !== keyIdForms.uuid) return undefined;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
