/**
 * Sign: a signature over a message of up to 4,096 bytes, or over its digest.
 * Source: AWS KMS API Reference, Sign; recorded error texts.
 * Errors beyond the shared ones: InvalidKeyUsageException for an algorithm of other key specs, ValidationException for a
 * digest of another length than the algorithm's.
 */
import type { Output } from '../../api/operations.ts';
import { upon } from '../../keystore/soon.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { checkMessage, messageTypeOf } from './message.ts';

export const sign: Operation<'Sign'> = defineOperation({
  name: 'Sign',
  key: { alias: true, usage: 'SIGN_VERIFY' },
  action: 'kms:Sign',
  audit: {
    readOnly: true,
    parameters: ['KeyId', 'MessageType', 'SigningAlgorithm', 'DryRun'],
    never: ['Message', 'GrantTokens'],
  },
  secrets: ['Message'],
  prepare: () => undefined,
  check: checkMessage,
  run({ input, key, keyStore }) {
    const { Message: message, SigningAlgorithm: algorithm } = input;
    const { material } = key.current;
    return upon(
      keyStore.sign(material, algorithm, message, messageTypeOf(input)),
      (signature): Output<'Sign'> => ({
        KeyId: key.arn,
        Signature: signature,
        SigningAlgorithm: algorithm,
      }),
    );
  },
});
