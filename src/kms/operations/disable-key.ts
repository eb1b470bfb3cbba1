/**
 * DisableKey: puts a KMS key into state Disabled. A key that is in it already is left alone, which is no error.
 * Source: AWS KMS API Reference, DisableKey.
 */
import { defineOperation, type Operation } from '../operation.ts';
import { changeKey } from './change.ts';

export const disableKey: Operation<'DisableKey'> = defineOperation({
  name: 'DisableKey',
  key: { alias: false },
  action: 'kms:DisableKey',
  audit: { readOnly: false, parameters: ['KeyId'], never: [] },
  prepare: () => undefined,
  run: (request) =>
    changeKey(request, ({ keyState }) =>
      keyState === 'Disabled' ? undefined : { keyState: 'Disabled' },
    ),
});
