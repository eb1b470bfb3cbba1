/**
 * GenerateMac: the HMAC of a message of up to 4,096 bytes.
 * Source: AWS KMS API Reference, GenerateMac; recorded error texts.
 * Errors beyond the shared ones: InvalidKeyUsageException for an algorithm of another key spec.
 */
import type { Output } from '../../api/operations.ts';
import { upon } from '../../keystore/soon.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { requireAlgorithm } from './algorithm.ts';

export const generateMac: Operation<'GenerateMac'> = defineOperation({
  name: 'GenerateMac',
  key: { alias: true, usage: 'GENERATE_VERIFY_MAC' },
  action: 'kms:GenerateMac',
  audit: {
    readOnly: true,
    parameters: ['KeyId', 'MacAlgorithm', 'DryRun'],
    never: ['Message', 'GrantTokens'],
  },
  secrets: ['Message'],
  prepare: () => undefined,
  check: ({ MacAlgorithm }, key) => requireAlgorithm(MacAlgorithm, key),
  run({ input: { Message: message, MacAlgorithm: algorithm }, key, keyStore }) {
    return upon(
      keyStore.generateMac(key.current.material, algorithm, message),
      (mac): Output<'GenerateMac'> => ({ Mac: mac, MacAlgorithm: algorithm, KeyId: key.arn }),
    );
  },
});
