/**
 * Decrypt: the plaintext of a ciphertext blob. The blob names its key; KeyId, if given, must be that key.
 * Source: AWS KMS API Reference, Decrypt.
 * Errors beyond the shared ones: InvalidCiphertextException, IncorrectKeyException, InvalidKeyUsageException
 * for an algorithm of other key specs.
 */
import { kmsException } from '../../api/exceptions.ts';
import type { Input } from '../../api/operations.ts';
import { MessageAuthenticationError } from '../../keystore/key-store.ts';
import { blobAdditionalData, type CiphertextBlob, parseBlob } from '../ciphertext-blob.ts';
import { canonicalContext } from '../encryption-context.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { requireSymmetricAlgorithm } from './algorithm.ts';
import { missingMember, refuseRecipient } from './refusals.ts';

interface Prepared {
  /** Absent only in a dry run that asks for authorization alone. */
  readonly blob: CiphertextBlob | undefined;
  readonly context: Uint8Array;
}

export const decrypt: Operation<'Decrypt'> = defineOperation({
  name: 'Decrypt',
  key: {
    alias: true,
    usage: 'ENCRYPT_DECRYPT',
    fromCiphertext: ({ blob }: Prepared) => blob,
  },
  action: 'kms:Decrypt',
  audit: {
    readOnly: true,
    parameters: ['KeyId', 'EncryptionAlgorithm', 'EncryptionContext', 'DryRun', 'DryRunModifiers'],
    never: ['CiphertextBlob', 'GrantTokens', 'Recipient'],
  },
  secrets: ['Plaintext'],
  prepare(input): Prepared {
    refuseRecipient(input.Recipient);
    return { context: canonicalContext(input.EncryptionContext), blob: readBlob(input) };
  },
  check(input, key) {
    requireSymmetricAlgorithm(input.EncryptionAlgorithm, key);
  },
  async run({ prepared: { blob, context }, key, keyStore }) {
    if (blob === undefined) throw new Error('authorization was all that was asked for');
    const material = key.materialsById.get(blob.materialId)?.material;
    if (material === undefined) throw kmsException('InvalidCiphertextException');
    const additionalData = blobAdditionalData(blob.header, context);
    try {
      return {
        KeyId: key.arn,
        Plaintext: await keyStore.open(material, additionalData, blob),
        EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
        KeyMaterialId: material.materialId,
      };
    } catch (error) {
      if (error instanceof MessageAuthenticationError)
        throw kmsException('InvalidCiphertextException');
      throw error;
    }
  },
});

function readBlob(input: Input<'Decrypt'>): CiphertextBlob | undefined {
  const isAuthorizationOnly = input.DryRunModifiers?.includes('IGNORE_CIPHERTEXT') ?? false;
  if (isAuthorizationOnly && input.DryRun !== true)
    throw kmsException(
      'ValidationException',
      'DryRunModifiers can be specified only when DryRun is true.',
    );
  if (isAuthorizationOnly && input.KeyId !== undefined) return undefined;
  if (input.CiphertextBlob === undefined)
    throw missingMember(isAuthorizationOnly ? 'keyId' : 'ciphertextBlob');
  const blob = parseBlob(input.CiphertextBlob);
  if (blob === undefined) throw kmsException('InvalidCiphertextException');
  return blob;
}
