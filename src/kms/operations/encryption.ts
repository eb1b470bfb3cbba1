/** What Encrypt, Decrypt and ReEncrypt share: keys of both kinds, what is asked of them, and their ciphertexts. */
import type { DryRunModifierType, EncryptionAlgorithmSpec } from '@aws-sdk/client-kms';
import { kmsException } from '../../api/exceptions.ts';
import { keySpecs } from '../../api/key-specs.ts';
import type { Entries } from '../../api/shapes.ts';
import type { Encrypted, EncryptionKey } from '../../keystore/key-store.ts';
import {
  blobAdditionalData,
  type CiphertextBlob,
  encodeBlob,
  parseBlob,
} from '../ciphertext-blob.ts';
import type { KmsKey, ReadyMaterial } from '../keys/key-record.ts';
import { encryptionAlgorithm } from './algorithm.ts';
import { missingMember } from './refusals.ts';

/** What a request says of one key that encrypts, or encrypted. */
interface EncryptionRequest {
  readonly algorithm: EncryptionAlgorithmSpec | undefined;
  readonly context: Entries | undefined;
}

/** @throws InvalidKeyUsageException, ValidationException for a context where there is nothing to bind it to */
export function checkEncryption({ algorithm, context }: EncryptionRequest, key: KmsKey): void {
  const isSymmetric = encryptionAlgorithm(algorithm, key) === 'SYMMETRIC_DEFAULT';
  if (!isSymmetric && context !== undefined && context.length > 0)
    throw kmsException(
      'ValidationException',
      'EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.',
    );
}

/** The key store's form of key and way. @param context canonical */
export function encryptionKey(
  asked: EncryptionAlgorithmSpec | undefined,
  key: KmsKey,
  context: Uint8Array,
  { material, blobHeader }: ReadyMaterial = key.current,
): EncryptionKey {
  const algorithm = encryptionAlgorithm(asked, key);
  if (algorithm !== 'SYMMETRIC_DEFAULT') return { algorithm, material };
  return { algorithm, material, additionalData: blobAdditionalData(blobHeader, context) };
}

/** What the caller gets: a blob, or the bare ciphertext of RSA. */
export function ciphertextOf(encrypted: Encrypted, { current }: KmsKey): Uint8Array {
  return encrypted.algorithm === 'SYMMETRIC_DEFAULT'
    ? encodeBlob(current.blobHeader, encrypted.sealed)
    : encrypted.ciphertext;
}

/** Bytes of the longest plaintext that an algorithm takes with a key. @throws InvalidKeyUsageException */
export function plaintextLengthMax(
  asked: EncryptionAlgorithmSpec | undefined,
  key: KmsKey,
): number {
  const algorithm = encryptionAlgorithm(asked, key);
  return keySpecs[key.keySpec].plaintextLengthMax?.[algorithm] ?? Number.POSITIVE_INFINITY;
}

/** What the caller is told who wants to encrypt more than the algorithm can. */
export function tooLong(asked: EncryptionAlgorithmSpec | undefined, key: KmsKey): Error {
  const algorithm = encryptionAlgorithm(asked, key);
  return kmsException(
    'ValidationException',
    `Algorithm ${algorithm} and key spec ${key.keySpec} cannot encrypt data larger than ${plaintextLengthMax(asked, key)} bytes.`,
  );
}

/** A ciphertext that came in. */
export type Ciphertext =
  | { readonly isBlob: true; readonly blob: CiphertextBlob }
  | { readonly isBlob: false; readonly bytes: Uint8Array };

/** The source of a blob, which names its key; the ciphertext of RSA does not. */
export function blobOf(ciphertext: Ciphertext | undefined): CiphertextBlob | undefined {
  return ciphertext?.isBlob ? ciphertext.blob : undefined;
}

/**
 * Reads the ciphertext of a request; undefined where a dry run asks for authorization alone.
 * @param keyPath the member that names the key, in the spelling of validation messages
 * @throws InvalidCiphertextException, ValidationException
 */
export function readCiphertext(
  request: {
    readonly CiphertextBlob?: Uint8Array;
    readonly DryRun?: boolean;
    readonly DryRunModifiers?: readonly DryRunModifierType[];
  },
  {
    keyId,
    keyPath,
    algorithm,
  }: {
    readonly keyId: string | undefined;
    readonly keyPath: string;
    readonly algorithm: EncryptionAlgorithmSpec | undefined;
  },
): Ciphertext | undefined {
  const { CiphertextBlob: bytes, DryRun: isDryRun, DryRunModifiers: modifiers = [] } = request;
  const isAuthorizationOnly = modifiers.includes('IGNORE_CIPHERTEXT');
  if (isAuthorizationOnly && isDryRun !== true)
    throw kmsException(
      'ValidationException',
      'DryRunModifiers can be specified only when DryRun is true.',
    );
  if (isAuthorizationOnly && keyId !== undefined) return undefined;
  if (bytes === undefined) throw missingMember(isAuthorizationOnly ? keyPath : 'ciphertextBlob');
  if (algorithm !== undefined && algorithm !== 'SYMMETRIC_DEFAULT') {
    if (keyId === undefined) throw missingMember(keyPath);
    return { isBlob: false, bytes };
  }
  const blob = parseBlob(bytes);
  if (blob === undefined) throw kmsException('InvalidCiphertextException');
  return { isBlob: true, blob };
}

/** The ciphertext with its key, as the key store takes them. @throws InvalidCiphertextException */
export function encryptedBy(
  asked: EncryptionAlgorithmSpec | undefined,
  key: KmsKey,
  ciphertext: Ciphertext | undefined,
  context: Uint8Array,
): EncryptionKey & Encrypted {
  if (ciphertext === undefined) throw new Error('authorization was all that was asked for');
  const algorithm = encryptionAlgorithm(asked, key);
  if (algorithm !== 'SYMMETRIC_DEFAULT') {
    if (ciphertext.isBlob) throw new Error('a blob was read for an RSA key');
    return { algorithm, material: key.current.material, ciphertext: ciphertext.bytes };
  }
  if (!ciphertext.isBlob) throw new Error('no blob was read for a symmetric key');
  const { blob } = ciphertext;
  const ready = key.materialsById.get(blob.materialId);
  if (ready === undefined) throw kmsException('InvalidCiphertextException');
  const additionalData = blobAdditionalData(blob.header, context);
  return { algorithm, material: ready.material, additionalData, sealed: blob };
}

/** Symmetric keys alone have more than one version of their material, and tell which one worked. */
export function materialIdOf({ algorithm, material }: EncryptionKey): string | undefined {
  return algorithm === 'SYMMETRIC_DEFAULT' ? material.materialId : undefined;
}
