/**
 * Verify: whether a signature is one of this key over this message. A wrong one is an error, never an answer.
 * Source: AWS KMS API Reference, Verify; recorded error texts.
 * Errors beyond the shared ones: KMSInvalidSignatureException, InvalidKeyUsageException for an algorithm of other key
 * specs, ValidationException for a digest of another length than the algorithm's.
 */
import { kmsException } from '../../api/exceptions.ts';
import type { Output } from '../../api/operations.ts';
import { upon } from '../../keystore/soon.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { checkMessage, messageTypeOf } from './message.ts';

export const verify: Operation<'Verify'> = defineOperation({
  name: 'Verify',
  key: { alias: true, usage: 'SIGN_VERIFY' },
  action: 'kms:Verify',
  audit: {
    readOnly: true,
    parameters: ['KeyId', 'MessageType', 'SigningAlgorithm', 'DryRun'],
    never: ['Message', 'Signature', 'GrantTokens'],
  },
  secrets: ['Message'],
  prepare: () => undefined,
  check: checkMessage,
  run({ input, key, keyStore }) {
    const { Message: message, SigningAlgorithm: algorithm, Signature: signature } = input;
    const { material } = key.current;
    const type = messageTypeOf(input);
    return upon(
      keyStore.verify(material, algorithm, message, type, signature),
      (isValid): Output<'Verify'> => {
        if (!isValid) throw kmsException('KMSInvalidSignatureException');
        return { KeyId: key.arn, SignatureValid: true, SigningAlgorithm: algorithm };
      },
    );
  },
});
