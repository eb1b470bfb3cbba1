/**
 * Decrypt: the plaintext of a ciphertext. A blob of a symmetric key names its key; KeyId, if given, must be that
 * key. The ciphertext of RSA does not: KeyId and EncryptionAlgorithm must be given.
 * Source: AWS KMS API Reference, Decrypt.
 * Errors beyond the shared ones: InvalidCiphertextException, IncorrectKeyException, InvalidKeyUsageException
 * for an algorithm of other key specs.
 */
import { kmsException } from '../../api/exceptions.ts';
import type { Output } from '../../api/operations.ts';
import { MessageAuthenticationError } from '../../keystore/key-store.ts';
import { type Soon, upon } from '../../keystore/soon.ts';
import { canonicalContext } from '../encryption-context.ts';
import { defineOperation, type Operation } from '../operation.ts';
import {
  blobOf,
  type Ciphertext,
  checkEncryption,
  encryptedBy,
  materialIdOf,
  readCiphertext,
} from './encryption.ts';
import { refuseRecipient } from './refusals.ts';

interface Prepared {
  /** Absent only in a dry run that asks for authorization alone. */
  readonly ciphertext: Ciphertext | undefined;
  readonly context: Uint8Array;
}

export const decrypt: Operation<'Decrypt'> = defineOperation({
  name: 'Decrypt',
  key: {
    alias: true,
    usage: 'ENCRYPT_DECRYPT',
    fromCiphertext: ({ ciphertext }: Prepared) => blobOf(ciphertext),
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
    const { KeyId: keyId, EncryptionAlgorithm: algorithm } = input;
    return {
      context: canonicalContext(input.EncryptionContext),
      ciphertext: readCiphertext(input, { keyId, keyPath: 'keyId', algorithm }),
    };
  },
  check({ EncryptionAlgorithm: algorithm, EncryptionContext: context }, key) {
    checkEncryption({ algorithm, context }, key);
  },
  run({ input, prepared: { ciphertext, context }, key, keyStore }) {
    const message = encryptedBy(input.EncryptionAlgorithm, key, ciphertext, context);
    const materialId = materialIdOf(message);
    const opened: Soon<Uint8Array> =
      message.algorithm === 'SYMMETRIC_DEFAULT'
        ? keyStore.open(message.material, message.additionalData, message.sealed)
        : keyStore.decrypt(message.material, message.algorithm, message.ciphertext);
    const answer = upon(
      opened,
      (plaintext): Output<'Decrypt'> => ({
        KeyId: key.arn,
        Plaintext: plaintext,
        EncryptionAlgorithm: message.algorithm,
        ...(materialId !== undefined && { KeyMaterialId: materialId }),
      }),
    );
    return answer instanceof Promise ? answer.catch(refuse) : answer;
  },
});

function refuse(error: unknown): never {
  throw error instanceof MessageAuthenticationError
    ? kmsException('InvalidCiphertextException')
    : error;
}
