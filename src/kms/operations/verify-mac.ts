/**
 * VerifyMac: whether an HMAC is that of this message under this key. A wrong one is an error, never an answer.
 * Source: AWS KMS API Reference, VerifyMac; recorded error texts.
 * Errors beyond the shared ones: KMSInvalidMacException, InvalidKeyUsageException for an algorithm of another key spec.
 */
import { kmsException } from '../../api/exceptions.ts';
import type { Output } from '../../api/operations.ts';
import { upon } from '../../keystore/soon.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { requireAlgorithm } from './algorithm.ts';

export const verifyMac: Operation<'VerifyMac'> = defineOperation({
  name: 'VerifyMac',
  key: { alias: true, usage: 'GENERATE_VERIFY_MAC' },
  action: 'kms:VerifyMac',
  audit: {
    readOnly: true,
    parameters: ['KeyId', 'MacAlgorithm', 'DryRun'],
    never: ['Message', 'Mac', 'GrantTokens'],
  },
  secrets: ['Message'],
  prepare: () => undefined,
  check: ({ MacAlgorithm }, key) => requireAlgorithm(MacAlgorithm, key),
  run({ input, key, keyStore }) {
    const { Message: message, MacAlgorithm: algorithm, Mac: mac } = input;
    return upon(
      keyStore.verifyMac(key.current.material, algorithm, message, mac),
      (isValid): Output<'VerifyMac'> => {
        if (!isValid) throw kmsException('KMSInvalidMacException');
        return { KeyId: key.arn, MacValid: true, MacAlgorithm: algorithm };
      },
    );
  },
});
