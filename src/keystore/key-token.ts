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
  /** Ciphertext of the backing key (a secret's value, a private key's PKCS#8), then the 16-byte tag. */
  readonly wrapped: Uint8Array;
}

export const domainKeyIdBytes = 16;
const keyTokenTagBytes = 16;
/** An RSA key of 4,096 bits is half as long. */
const backingKeyBytesMax = 4096;
const ivBytes = 12;
const magic = 0x4b54; // 'KT'
const version = 1;
const atDomainKeyId = 3;
const atIv = atDomainKeyId + domainKeyIdBytes;
const atWrapped = atIv + ivBytes;

function isWrappedLength(length: number): boolean {
  return length > keyTokenTagBytes && length <= backingKeyBytesMax + keyTokenTagBytes;
}

export function encodeKeyToken({ domainKeyId, iv, wrapped }: KeyToken): Uint8Array {
  const lengths = domainKeyId.length === domainKeyIdBytes && iv.length === ivBytes;
  if (!lengths || !isWrappedLength(wrapped.length)) throw new TypeError('malformed key token');
  const bytes = Buffer.allocUnsafe(atWrapped + wrapped.length);
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
  const isToken = isWrappedLength(view.length - atWrapped) && view.readUInt16BE() === magic;
  if (!isToken || view[2] !== version)
    throw new KeyTokenError('not a key token of a known version');
  return {
    domainKeyId: view.subarray(atDomainKeyId, atIv),
    iv: view.subarray(atIv, atWrapped),
    wrapped: view.subarray(atWrapped),
  };
}

/** Additional data of the wrap. The usage is not among them: it decides the domain key. */
export function keyTokenAdditionalData(
  domainKeyId: Uint8Array,
  { accountId, region, keyId, materialId, keySpec }: Omit<MaterialBinding, 'keyUsage'>,
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
