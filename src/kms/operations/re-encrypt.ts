/**
 * ReEncrypt: what one KMS key encrypted, encrypted under another, or under the same with another encryption context.
 * The plaintext never leaves the device. Both keys may be symmetric or RSA keys.
 * Source: AWS KMS API Reference, ReEncrypt.
 * Errors beyond the shared ones: InvalidCiphertextException and IncorrectKeyException of the source,
 * InvalidKeyUsageException for an algorithm of other key specs, ValidationException for a plaintext too long for the
 * destination.
 */
import { kmsException } from '../../api/exceptions.ts';
import { MessageAuthenticationError, PlaintextLengthError } from '../../keystore/key-store.ts';
import { canonicalContext } from '../encryption-context.ts';
import { defineOperation, type Operation } from '../operation.ts';
import {
  blobOf,
  type Ciphertext,
  checkEncryption,
  ciphertextOf,
  encryptedBy,
  encryptionKey,
  materialIdOf,
  readCiphertext,
  tooLong,
} from './encryption.ts';

interface Prepared {
  /** Absent only in a dry run that asks for authorization alone. */
  readonly ciphertext: Ciphertext | undefined;
  readonly sourceContext: Uint8Array;
  readonly destinationContext: Uint8Array;
}

export const reEncrypt: Operation<'ReEncrypt'> = defineOperation({
  name: 'ReEncrypt',
  key: {
    member: 'SourceKeyId',
    alias: true,
    usage: 'ENCRYPT_DECRYPT',
    action: 'kms:ReEncryptFrom',
    fromCiphertext: ({ ciphertext }: Prepared) => blobOf(ciphertext),
  },
  destination: {
    member: 'DestinationKeyId',
    alias: true,
    usage: 'ENCRYPT_DECRYPT',
    action: 'kms:ReEncryptTo',
  },
  action: 'kms:ReEncrypt',
  audit: {
    readOnly: true,
    parameters: [
      'SourceEncryptionContext',
      'SourceKeyId',
      'DestinationKeyId',
      'DestinationEncryptionContext',
      'SourceEncryptionAlgorithm',
      'DestinationEncryptionAlgorithm',
      'DryRun',
      'DryRunModifiers',
    ],
    never: ['CiphertextBlob', 'GrantTokens'],
  },
  prepare(input): Prepared {
    const { SourceKeyId: keyId, SourceEncryptionAlgorithm: algorithm } = input;
    return {
      sourceContext: canonicalContext(input.SourceEncryptionContext),
      destinationContext: canonicalContext(input.DestinationEncryptionContext),
      ciphertext: readCiphertext(input, { keyId, keyPath: 'sourceKeyId', algorithm }),
    };
  },
  check(input, source, destination) {
    const { SourceEncryptionAlgorithm: from, DestinationEncryptionAlgorithm: to } = input;
    checkEncryption({ algorithm: from, context: input.SourceEncryptionContext }, source);
    checkEncryption({ algorithm: to, context: input.DestinationEncryptionContext }, destination);
  },
  async run({ input, prepared, key: source, destination, keyStore }) {
    const { SourceEncryptionAlgorithm: from, DestinationEncryptionAlgorithm: to } = input;
    const message = encryptedBy(from, source, prepared.ciphertext, prepared.sourceContext);
    const target = encryptionKey(to, destination, prepared.destinationContext);
    try {
      const encrypted = await keyStore.reEncrypt(message, target);
      // Who encrypted for an RSA key may have encrypted nothing at all; a blob holds something.
      if (encrypted.algorithm === 'SYMMETRIC_DEFAULT' && encrypted.sealed.ciphertext.length === 0)
        throw kmsException('InvalidCiphertextException');
      const [sourceMaterialId, destinationMaterialId] = [message, target].map(materialIdOf);
      return {
        CiphertextBlob: ciphertextOf(encrypted, destination),
        SourceKeyId: source.arn,
        KeyId: destination.arn,
        SourceEncryptionAlgorithm: message.algorithm,
        DestinationEncryptionAlgorithm: target.algorithm,
        ...(sourceMaterialId !== undefined && { SourceKeyMaterialId: sourceMaterialId }),
        ...(destinationMaterialId !== undefined && {
          DestinationKeyMaterialId: destinationMaterialId,
        }),
      };
    } catch (error) {
      if (error instanceof MessageAuthenticationError)
        throw kmsException('InvalidCiphertextException');
      if (error instanceof PlaintextLengthError) throw tooLong(to, destination);
      throw error;
    }
  },
});
