/**
 * ListKeys: ids and ARNs of the account's keys in the Region, in order of their ids, in pages.
 * Source: AWS KMS API Reference, ListKeys.
 * Errors beyond the shared ones: InvalidMarkerException.
 */
import { defineOperation, type Operation } from '../operation.ts';
import { paginate } from '../pagination.ts';

export const listKeys: Operation<'ListKeys'> = defineOperation({
  name: 'ListKeys',
  action: 'kms:ListKeys',
  audit: { readOnly: true, parameters: ['Limit', 'Marker'], never: [] },
  prepare: () => undefined,
  async run({ input, keys, accountId, region }) {
    const { items, ...rest } = await paginate(input, {
      scope: ['ListKeys', region, accountId],
      limitDefault: 100,
      limitMax: 1000,
      list: (page) => keys.list(accountId, page),
      placeOf: ({ keyId }) => keyId,
    });
    return { Keys: items.map(({ keyId, arn }) => ({ KeyId: keyId, KeyArn: arn })), ...rest };
  },
});
