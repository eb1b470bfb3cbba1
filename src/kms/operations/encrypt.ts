/**
 * Encrypt: up to 4,096 bytes of plaintext under one KMS key; under an RSA key as many as the padding leaves.
 * Source: AWS KMS API Reference, Encrypt; recorded error texts.
 * Errors beyond the shared ones: InvalidKeyUsageException for an algorithm of other key specs.
 */
import type { Output } from '../../api/operations.ts';
import { upon } from '../../keystore/soon.ts';
import { encodeBlob } from '../ciphertext-blob.ts';
import { canonicalContext } from '../encryption-context.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { checkEncryption, encryptionKey, plaintextLengthMax, tooLong } from './encryption.ts';

export const encrypt: Operation<'Encrypt'> = defineOperation({
  name: 'Encrypt',
  key: { alias: true, usage: 'ENCRYPT_DECRYPT' },
  action: 'kms:Encrypt',
  audit: {
    readOnly: true,
    parameters: ['KeyId', 'EncryptionAlgorithm', 'EncryptionContext', 'DryRun'],
    never: ['Plaintext', 'GrantTokens'],
  },
  secrets: ['Plaintext'],
  prepare: ({ EncryptionContext }) => canonicalContext(EncryptionContext),
  check({ EncryptionAlgorithm: asked, EncryptionContext: context, Plaintext: plaintext }, key) {
    checkEncryption({ algorithm: asked, context }, key);
    if (plaintext.length > plaintextLengthMax(asked, key)) throw tooLong(asked, key);
  },
  run({ input, prepared: context, key, keyStore }) {
    const by = encryptionKey(input.EncryptionAlgorithm, key, context);
    const answer = (ciphertext: Uint8Array): Output<'Encrypt'> => ({
      CiphertextBlob: ciphertext,
      KeyId: key.arn,
      EncryptionAlgorithm: by.algorithm,
    });
    if (by.algorithm !== 'SYMMETRIC_DEFAULT')
      return keyStore.encrypt(by.material, by.algorithm, input.Plaintext).then(answer);
    return upon(keyStore.seal(by.material, by.additionalData, input.Plaintext), (sealed) =>
      answer(encodeBlob(key.current.blobHeader, sealed)),
    );
  },
});
