/**
 * TagResource: adds tags to a KMS key, or gives those it has another value.
 * Source: AWS KMS API Reference, TagResource.
 * Errors beyond the shared ones: TagException.
 */
import { defineOperation, type Operation } from '../operation.ts';
import { changeKey } from './change.ts';
import { joinTags, readTags } from './tags.ts';

export const tagResource: Operation<'TagResource'> = defineOperation({
  name: 'TagResource',
  key: { alias: false },
  action: 'kms:TagResource',
  audit: { readOnly: false, parameters: ['KeyId', 'Tags'], never: [] },
  prepare: ({ Tags: tags }) => readTags(tags),
  run: (request) => changeKey(request, ({ tags }) => ({ tags: joinTags(tags, request.prepared) })),
});
