/**
 * UpdateKeyDescription: another description for a KMS key.
 * Source: AWS KMS API Reference, UpdateKeyDescription.
 */
import { defineOperation, type Operation } from '../operation.ts';
import { changeKey } from './change.ts';

export const updateKeyDescription: Operation<'UpdateKeyDescription'> = defineOperation({
  name: 'UpdateKeyDescription',
  key: { alias: false },
  action: 'kms:UpdateKeyDescription',
  audit: { readOnly: false, parameters: ['KeyId', 'Description'], never: [] },
  prepare: () => undefined,
  run: (request) => changeKey(request, () => ({ description: request.input.Description })),
});
