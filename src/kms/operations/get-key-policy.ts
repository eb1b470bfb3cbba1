/**
 * GetKeyPolicy: the key policy of a KMS key, as it was put there (see key-policy.ts: it is not enforced).
 * Source: AWS KMS API Reference, GetKeyPolicy.
 */
import { defineOperation, type Operation } from '../operation.ts';
import { checkPolicyName, policyName, policyText } from './key-policy.ts';

export const getKeyPolicy: Operation<'GetKeyPolicy'> = defineOperation({
  name: 'GetKeyPolicy',
  key: { alias: false },
  action: 'kms:GetKeyPolicy',
  audit: { readOnly: true, parameters: ['KeyId', 'PolicyName'], never: [] },
  prepare: () => undefined,
  check: ({ PolicyName: name }) => checkPolicyName(name),
  run: ({ key }) => ({ Policy: policyText(key), PolicyName: policyName }),
});
