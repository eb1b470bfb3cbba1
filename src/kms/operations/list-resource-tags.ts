/**
 * ListResourceTags: the tags of a KMS key, in order of their keys, in pages.
 * Source: AWS KMS API Reference, ListResourceTags.
 * Errors beyond the shared ones: InvalidMarkerException.
 */
import { defineOperation, type Operation } from '../operation.ts';
import { pageOf, paginate } from '../pagination.ts';

export const listResourceTags: Operation<'ListResourceTags'> = defineOperation({
  name: 'ListResourceTags',
  key: { alias: false },
  action: 'kms:ListResourceTags',
  audit: { readOnly: true, parameters: ['KeyId', 'Limit', 'Marker'], never: [] },
  prepare: () => undefined,
  async run({ input, key }) {
    const { items, ...rest } = await paginate(input, {
      scope: ['ListResourceTags', key.arn],
      limitDefault: 50,
      limitMax: 50,
      list: (page) => pageOf(key.tags, ([name]) => name, page),
      placeOf: ([name]) => name,
    });
    return { Tags: items.map(([TagKey, TagValue]) => ({ TagKey, TagValue })), ...rest };
  },
});
