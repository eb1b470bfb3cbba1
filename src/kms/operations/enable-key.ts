/**
 * EnableKey: puts a KMS key into state Enabled.
 * Source: AWS KMS API Reference, EnableKey.
 */
import { defineOperation, type Operation } from '../operation.ts';
import { setKeyState } from './set-key-state.ts';

export const enableKey: Operation<'EnableKey'> = defineOperation({
  name: 'EnableKey',
  key: { alias: false },
  action: 'kms:EnableKey',
  audit: { readOnly: false, parameters: ['KeyId'], never: [] },
  prepare: () => undefined,
  run: (request) => setKeyState(request, 'Enabled'),
});
