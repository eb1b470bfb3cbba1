/**
 * Encrypt: up to 4,096 bytes of plaintext under one KMS key.
 * Source: AWS KMS API Reference, Encrypt.
 * Errors beyond the shared ones: InvalidKeyUsageException for an algorithm of other key specs.
 */
import { blobAdditionalData, blobHeader, encodeBlob } from '../ciphertext-blob.ts';
import { canonicalContext } from '../encryption-context.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { requireSymmetricAlgorithm } from './algorithm.ts';

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
  check(input, key) {
    requireSymmetricAlgorithm(input.EncryptionAlgorithm, key);
  },
  prepare: ({ EncryptionContext }) => canonicalContext(EncryptionContext),
  async run({ input, prepared: context, key, keyStore }) {
    const { material, blobHeader: template } = key.current;
    const header = blobHeader(template, input.Plaintext.length);
    const additionalData = blobAdditionalData(header, context);
    const sealed = await keyStore.seal(material, additionalData, input.Plaintext);
    return {
      CiphertextBlob: encodeBlob(header, sealed),
      KeyId: key.arn,
      EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
    };
  },
});
