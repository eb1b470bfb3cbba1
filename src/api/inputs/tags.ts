/** Inputs of the operations on tags. */
import type {
  ListResourceTagsRequest,
  ListResourceTagsResponse,
  TagResourceRequest,
  UntagResourceRequest,
} from '@aws-sdk/client-kms';
import type { Inputs, RequestInput } from '../shapes.ts';
import { KeyId, pagination, TagKeyType, TagList } from './members.ts';

export interface TagOperations {
  TagResource: { input: RequestInput<TagResourceRequest, 'KeyId' | 'Tags'>; output: undefined };
  UntagResource: {
    input: RequestInput<UntagResourceRequest, 'KeyId' | 'TagKeys'>;
    output: undefined;
  };
  ListResourceTags: {
    input: RequestInput<ListResourceTagsRequest, 'KeyId'>;
    output: ListResourceTagsResponse;
  };
}

export const tagInputs: Inputs<TagOperations> = {
  TagResource: {
    type: 'structure',
    members: { KeyId, Tags: { shape: TagList, required: true } },
  },
  UntagResource: {
    type: 'structure',
    members: { KeyId, TagKeys: { shape: { type: 'list', member: TagKeyType }, required: true } },
  },
  ListResourceTags: { type: 'structure', members: { KeyId, ...pagination } },
};
