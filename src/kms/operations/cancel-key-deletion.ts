/**
 * CancelKeyDeletion: a KMS key that was to be deleted stays, in state Disabled.
 * Source: AWS KMS API Reference, CancelKeyDeletion.
 */
import { defineOperation, type Operation } from '../operation.ts';
import { retried } from './change.ts';

export const cancelKeyDeletion: Operation<'CancelKeyDeletion'> = defineOperation({
  name: 'CancelKeyDeletion',
  key: { alias: false },
  action: 'kms:CancelKeyDeletion',
  audit: { readOnly: false, parameters: ['KeyId'], never: [] },
  prepare: () => undefined,
  run: (request) =>
    retried(request, async ({ key, keys, commit }) => {
      const answer = { KeyId: key.arn };
      await commit({ responseElements: answer }, (audit) =>
        keys.update(key, { keyState: 'Disabled', deletionAtMs: undefined }, audit),
      );
      return answer;
    }),
});
