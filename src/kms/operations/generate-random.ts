/**
 * GenerateRandom: bytes from the device's random bit generator.
 * Source: AWS KMS API Reference, GenerateRandom.
 * Errors beyond the shared ones: CustomKeyStoreNotFoundException (there are no custom key stores).
 */
import { kmsException } from '../../api/exceptions.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { refuseRecipient } from './refusals.ts';

export const generateRandom: Operation<'GenerateRandom'> = defineOperation({
  name: 'GenerateRandom',
  action: 'kms:GenerateRandom',
  audit: {
    readOnly: true,
    parameters: ['CustomKeyStoreId'],
    never: ['NumberOfBytes', 'Recipient'],
  },
  secrets: ['Plaintext'],
  prepare(input): number {
    if (input.NumberOfBytes === undefined)
      throw kmsException('ValidationException', 'NumberOfBytes is required.');
    refuseRecipient(input.Recipient);
    if (input.CustomKeyStoreId !== undefined) throw kmsException('CustomKeyStoreNotFoundException');
    return input.NumberOfBytes;
  },
  async run({ prepared: length, keyStore }) {
    return { Plaintext: await keyStore.random(length) };
  },
});
