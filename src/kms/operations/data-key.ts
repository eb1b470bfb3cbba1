/**
 * What GenerateDataKey and GenerateDataKeyWithoutPlaintext share: random bytes that the device draws and
 * seals in one step.
 */
import type { DataKeySpec } from '@aws-sdk/client-kms';
import { kmsException } from '../../api/exceptions.ts';
import type { Entries } from '../../api/shapes.ts';
import type { KeyStore } from '../../keystore/key-store.ts';
import { blobAdditionalData, encodeBlob } from '../ciphertext-blob.ts';
import { canonicalContext } from '../encryption-context.ts';
import type { KmsKey } from '../keys/key-record.ts';

export interface DataKeyRequest {
  /** Bytes. */
  readonly length: number;
  /** Canonical encryption context. */
  readonly context: Uint8Array;
}

/** @throws ValidationException unless exactly one of NumberOfBytes and KeySpec is given */
export function prepareDataKey(input: {
  readonly NumberOfBytes?: number | undefined;
  readonly KeySpec?: DataKeySpec | undefined;
  readonly EncryptionContext?: Entries | undefined;
}): DataKeyRequest {
  const { NumberOfBytes: numberOfBytes, KeySpec: spec } = input;
  if ((numberOfBytes === undefined) === (spec === undefined))
    throw kmsException('ValidationException', 'Please specify either number of bytes or key spec.');
  const length = numberOfBytes ?? (spec === 'AES_128' ? 16 : 32);
  return { length, context: canonicalContext(input.EncryptionContext) };
}

/** @throws InvalidKeyUsageException for a key that encrypts, but not data keys */
export function requireSymmetricKey({ keySpec }: KmsKey): void {
  if (keySpec !== 'SYMMETRIC_DEFAULT')
    throw kmsException(
      'InvalidKeyUsageException',
      'You cannot generate a data key with an asymmetric CMK',
    );
}

/** @param reveal false: the plaintext never leaves the device */
export async function generateSealed(
  { length, context }: DataKeyRequest,
  key: KmsKey,
  keyStore: KeyStore,
  { reveal }: { readonly reveal: boolean },
): Promise<{ readonly blob: Uint8Array; readonly plaintext?: Uint8Array }> {
  const { material, blobHeader } = key.current;
  const additionalData = blobAdditionalData(blobHeader, context);
  const { sealed, plaintext } = await keyStore.sealRandom(material, additionalData, length, {
    reveal,
  });
  return { blob: encodeBlob(blobHeader, sealed), ...(plaintext && { plaintext }) };
}
