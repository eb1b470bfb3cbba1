/**
 * PutKeyPolicy: another key policy for a KMS key: checked and stored, not enforced (see key-policy.ts).
 * Source: AWS KMS API Reference, PutKeyPolicy.
 * Errors beyond the shared ones: MalformedPolicyDocumentException, LimitExceededException.
 */
import { defineOperation, type Operation } from '../operation.ts';
import { changeKey } from './change.ts';
import { checkLockout, checkPolicyName, readPolicy } from './key-policy.ts';

export const putKeyPolicy: Operation<'PutKeyPolicy'> = defineOperation({
  name: 'PutKeyPolicy',
  key: { alias: false },
  action: 'kms:PutKeyPolicy',
  audit: {
    readOnly: false,
    parameters: ['KeyId', 'PolicyName', 'Policy', 'BypassPolicyLockoutSafetyCheck'],
    never: [],
  },
  prepare: ({ Policy: text }) => readPolicy(text),
  check: ({ PolicyName: name }) => checkPolicyName(name),
  run(request) {
    const { input, prepared: policy, principal, key } = request;
    if (input.BypassPolicyLockoutSafetyCheck !== true) checkLockout(policy, principal, key.arn);
    return changeKey(request, () => ({ policy: input.Policy }));
  },
});
