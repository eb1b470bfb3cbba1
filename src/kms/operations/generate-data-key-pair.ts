/**
 * GenerateDataKeyPair: a key pair for use elsewhere, its private key in plaintext (PKCS#8, DER) and sealed under a KMS key.
 * Source: AWS KMS API Reference, GenerateDataKeyPair.
 * Errors beyond the shared ones: UnsupportedOperationException for a spec that is not built.
 */
import { defineOperation, type Operation } from '../operation.ts';
import { requireSymmetricKey } from './data-key.ts';
import { generatePair, prepareDataKeyPair } from './data-key-pair.ts';
import { refuseRecipient } from './refusals.ts';

export const generateDataKeyPair: Operation<'GenerateDataKeyPair'> = defineOperation({
  name: 'GenerateDataKeyPair',
  key: { alias: true, usage: 'ENCRYPT_DECRYPT' },
  action: 'kms:GenerateDataKeyPair',
  audit: {
    readOnly: true,
    parameters: ['KeyId', 'KeyPairSpec', 'EncryptionContext', 'DryRun'],
    never: ['GrantTokens', 'Recipient'],
  },
  secrets: ['PrivateKeyPlaintext'],
  prepare(input) {
    refuseRecipient(input.Recipient);
    return prepareDataKeyPair(input);
  },
  check: (_input, key) => requireSymmetricKey(key),
  async run({ prepared, key, keyStore }) {
    const { answer, privateKey } = await generatePair(prepared, key, keyStore, { reveal: true });
    if (privateKey === undefined) throw new Error('the key store kept the private key to itself');
    return { ...answer, PrivateKeyPlaintext: privateKey };
  },
});
