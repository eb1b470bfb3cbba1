/**
 * UntagResource: takes tags from a KMS key. One that it does not have is no error.
 * Source: AWS KMS API Reference, UntagResource.
 */
import { defineOperation, type Operation } from '../operation.ts';
import { changeKey } from './change.ts';

export const untagResource: Operation<'UntagResource'> = defineOperation({
  name: 'UntagResource',
  key: { alias: false },
  action: 'kms:UntagResource',
  audit: { readOnly: false, parameters: ['KeyId', 'TagKeys'], never: [] },
  prepare: ({ TagKeys: names }) => new Set(names),
  run: (request) =>
    changeKey(request, ({ tags }) => ({
      tags: tags.filter(([name]) => !request.prepared.has(name)),
    })),
});
