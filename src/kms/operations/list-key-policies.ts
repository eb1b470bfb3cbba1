/**
 * ListKeyPolicies: the names of a KMS key's policies, of which there is one.
 * Source: AWS KMS API Reference, ListKeyPolicies.
 * Errors beyond the shared ones: InvalidMarkerException.
 */
import { defineOperation, type Operation } from '../operation.ts';
import { pageOf, paginate } from '../pagination.ts';
import { policyName } from './key-policy.ts';

export const listKeyPolicies: Operation<'ListKeyPolicies'> = defineOperation({
  name: 'ListKeyPolicies',
  key: { alias: false },
  action: 'kms:ListKeyPolicies',
  audit: { readOnly: true, parameters: ['KeyId', 'Limit', 'Marker'], never: [] },
  prepare: () => undefined,
  async run({ input, key }) {
    const { items, ...rest } = await paginate(input, {
      scope: ['ListKeyPolicies', key.arn],
      limitDefault: 100,
      limitMax: 1000,
      list: (page) => pageOf([policyName], (name) => name, page),
      placeOf: (name) => name,
    });
    return { PolicyNames: [...items], ...rest };
  },
});
