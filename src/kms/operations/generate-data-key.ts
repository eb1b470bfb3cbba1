/**
 * GenerateDataKey: a random data key, in plaintext and sealed under a KMS key.
 * Source: AWS KMS API Reference, GenerateDataKey.
 */
import { defineOperation, type Operation } from '../operation.ts';
import { generateSealed, prepareDataKey, requireSymmetricKey } from './data-key.ts';
import { refuseRecipient } from './refusals.ts';

export const generateDataKey: Operation<'GenerateDataKey'> = defineOperation({
  name: 'GenerateDataKey',
  key: { alias: true, usage: 'ENCRYPT_DECRYPT' },
  action: 'kms:GenerateDataKey',
  audit: {
    readOnly: true,
    parameters: ['KeyId', 'KeySpec', 'NumberOfBytes', 'EncryptionContext', 'DryRun'],
    never: ['GrantTokens', 'Recipient'],
  },
  secrets: ['Plaintext'],
  prepare(input) {
    refuseRecipient(input.Recipient);
    return prepareDataKey(input);
  },
  check: (_input, key) => requireSymmetricKey(key),
  async run({ prepared, key, keyStore }) {
    const { blob, plaintext } = await generateSealed(prepared, key, keyStore, { reveal: true });
    if (plaintext === undefined) throw new Error('the key store kept the data key to itself');
    return {
      CiphertextBlob: blob,
      Plaintext: plaintext,
      KeyId: key.arn,
      KeyMaterialId: key.current.material.materialId,
    };
  },
});
