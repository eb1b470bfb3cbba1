/**
 * GenerateDataKeyWithoutPlaintext: a random data key, sealed under a KMS key. Its plaintext stays in the device.
 * Source: AWS KMS API Reference, GenerateDataKeyWithoutPlaintext.
 */
import { defineOperation, type Operation } from '../operation.ts';
import { generateSealed, prepareDataKey, requireSymmetricKey } from './data-key.ts';

export const generateDataKeyWithoutPlaintext: Operation<'GenerateDataKeyWithoutPlaintext'> =
  defineOperation({
    name: 'GenerateDataKeyWithoutPlaintext',
    key: { alias: true, usage: 'ENCRYPT_DECRYPT' },
    action: 'kms:GenerateDataKeyWithoutPlaintext',
    audit: {
      readOnly: true,
      parameters: ['KeyId', 'KeySpec', 'NumberOfBytes', 'EncryptionContext', 'DryRun'],
      never: ['GrantTokens'],
    },
    prepare: prepareDataKey,
    check: (_input, key) => requireSymmetricKey(key),
    async run({ prepared, key, keyStore }) {
      const { blob } = await generateSealed(prepared, key, keyStore, { reveal: false });
      return {
        CiphertextBlob: blob,
        KeyId: key.arn,
        KeyMaterialId: key.current.material.materialId,
      };
    },
  });
