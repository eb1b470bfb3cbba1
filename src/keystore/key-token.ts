/**
 * Key token: a backing key as it lies in the store, wrapped under a Region's domain key. Format:
 * docs/formats/key-token.md. This file only reads and writes the bytes; the wrap is the token's work.
 */
import { KeyTokenError, type MaterialBinding } from './key-store.ts';
import { lengthPrefixed } from './length-prefixed.ts';

export interface KeyToken {
  /** Which domain key wrapped it: its CKA_ID, 16 bytes. */
  readonly domainKeyId: Uint8Array;
  /** 12 bytes. */
  readonly iv: Uint8Array;
  /** Ciphertext of the 32-byte backing key, then the 16-byte tag. */
  readonly wrapped: Uint8Array;
}

export const backingKeyBytes = 32;
export const domainKeyIdBytes = 16;
export const keyTokenTagBytes = 16;
const ivBytes = 12;
const magic = 0x4b54; // 'KT'
const version = 1;
const atDomainKeyId = 3;
const atIv = atDomainKeyId + domainKeyIdBytes;
const atWrapped = atIv + ivBytes;
const keyTokenBytes = atWrapped + backingKeyBytes + keyTokenTagBytes;

export function encodeKeyToken({ domainKeyId, iv, wrapped }: KeyToken): Uint8Array {
  const lengths = domainKeyId.length === domainKeyIdBytes && iv.length === ivBytes;
  if (!lengths || wrapped.length !== backingKeyBytes + keyTokenTagBytes)
    throw new TypeError('malformed key token');
  const bytes = Buffer.allocUnsafe(keyTokenBytes);
  bytes.writeUInt16BE(magic);
  bytes[2] = version;
  bytes.set(domainKeyId, atDomainKeyId);
  bytes.set(iv, atIv);
  bytes.set(wrapped, atWrapped);
  return bytes;
}

/** @throws KeyTokenError when the bytes are no key token of a known version. */
export function parseKeyToken(bytes: Uint8Array): KeyToken {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length !== keyTokenBytes || view.readUInt16BE() !== magic || view[2] !== version)
    throw new KeyTokenError('not a key token of a known version');
  return {
    domainKeyId: view.subarray(atDomainKeyId, atIv),
    iv: view.subarray(atIv, atWrapped),
    wrapped: view.subarray(atWrapped),
  };
}

/** Additional data of the wrap: everything a key token is bound to. */
export function keyTokenAdditionalData(
  domainKeyId: Uint8Array,
  { accountId, region, keyId, materialId, keySpec }: MaterialBinding,
): Uint8Array {
  return lengthPrefixed([
    'strongroom key token v1',
    domainKeyId,
    accountId,
    region,
    keyId,
    materialId,
    keySpec,
  ]);
}
