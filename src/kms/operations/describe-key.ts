/**
 * DescribeKey: what is known of a KMS key, in any of its states.
 * Source: AWS KMS API Reference, DescribeKey.
 */
import { keyMetadata } from '../keys/key-record.ts';
import { defineOperation, type Operation } from '../operation.ts';

export const describeKey: Operation<'DescribeKey'> = defineOperation({
  name: 'DescribeKey',
  key: { alias: true },
  action: 'kms:DescribeKey',
  audit: { readOnly: true, parameters: ['KeyId'], never: ['GrantTokens'] },
  prepare: () => undefined,
  run: ({ key }) => ({ KeyMetadata: keyMetadata(key) }),
});
