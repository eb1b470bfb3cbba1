/**
 * GenerateDataKeyPairWithoutPlaintext: a key pair for use elsewhere, its private key sealed under a KMS key. The plaintext of
 * that stays in the device.
 * Source: AWS KMS API Reference, GenerateDataKeyPairWithoutPlaintext.
 * Errors beyond the shared ones: UnsupportedOperationException for a spec that is not built.
 */
import { defineOperation, type Operation } from '../operation.ts';
import { requireSymmetricKey } from './data-key.ts';
import { generatePair, prepareDataKeyPair } from './data-key-pair.ts';

export const generateDataKeyPairWithoutPlaintext: Operation<'GenerateDataKeyPairWithoutPlaintext'> =
  defineOperation({
    name: 'GenerateDataKeyPairWithoutPlaintext',
    key: { alias: true, usage: 'ENCRYPT_DECRYPT' },
    action: 'kms:GenerateDataKeyPairWithoutPlaintext',
    audit: {
      readOnly: true,
      parameters: ['KeyId', 'KeyPairSpec', 'EncryptionContext', 'DryRun'],
      never: ['GrantTokens'],
    },
    prepare: prepareDataKeyPair,
    check: (_input, key) => requireSymmetricKey(key),
    async run({ prepared, key, keyStore }) {
      return (await generatePair(prepared, key, keyStore, { reveal: false })).answer;
    },
  });
