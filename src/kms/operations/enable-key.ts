/**
 * EnableKey: puts a KMS key into state Enabled. A key that is in it already is left alone, which is no error.
 * Source: AWS KMS API Reference, EnableKey.
 */
import { defineOperation, type Operation } from '../operation.ts';
import { changeKey } from './change.ts';

export const enableKey: Operation<'EnableKey'> = defineOperation({
  name: 'EnableKey',
  key: { alias: false },
  action: 'kms:EnableKey',
  audit: { readOnly: false, parameters: ['KeyId'], never: [] },
  prepare: () => undefined,
  run: (request) =>
    changeKey(request, ({ keyState }) =>
      keyState === 'Enabled' ? undefined : { keyState: 'Enabled' },
    ),
});
