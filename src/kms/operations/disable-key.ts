/**
 * DisableKey: puts a KMS key into state Disabled.
 * Source: AWS KMS API Reference, DisableKey.
 */
import { defineOperation, type Operation } from '../operation.ts';
import { setKeyState } from './set-key-state.ts';

export const disableKey: Operation<'DisableKey'> = defineOperation({
  name: 'DisableKey',
  key: { alias: false },
  action: 'kms:DisableKey',
  audit: { readOnly: false, parameters: ['KeyId'], never: [] },
  prepare: () => undefined,
  run: (request) => setKeyState(request, 'Disabled'),
});
