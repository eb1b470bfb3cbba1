/**
 * CancelKeyDeletion: a KMS key that was to be deleted stays, in state Disabled. One whose material is being destroyed
 * is gone.
 * Source: AWS KMS API Reference, CancelKeyDeletion.
 */
import { deletionOf } from '../due/delete-key.ts';
import { keyNotFound } from '../keys/key-arn.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { retried } from './change.ts';

export const cancelKeyDeletion: Operation<'CancelKeyDeletion'> = defineOperation({
  name: 'CancelKeyDeletion',
  key: { alias: false },
  action: 'kms:CancelKeyDeletion',
  audit: { readOnly: false, parameters: ['KeyId'], never: [] },
  prepare: () => undefined,
  run: (request) =>
    retried(request, async ({ key, keys, due, commit }) => {
      const { deletionAtMs } = key;
      if (key.destroying || deletionAtMs === undefined) throw keyNotFound(key.region, key);
      const answer = { KeyId: key.arn };
      await commit({ responseElements: answer }, (audit) =>
        keys.update(key, { keyState: 'Disabled', deletionAtMs: undefined }, audit, [
          due.disarm(deletionOf(key, deletionAtMs)),
        ]),
      );
      return answer;
    }),
});
