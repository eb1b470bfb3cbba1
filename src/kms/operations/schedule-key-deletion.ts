/**
 * ScheduleKeyDeletion: the KMS key cannot be used from now on, and is destroyed when the waiting period is over
 * (due/delete-key.ts).
 * Source: AWS KMS API Reference, ScheduleKeyDeletion.
 */
import { kmsException } from '../../api/exceptions.ts';
import { deletionOf } from '../due/delete-key.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { retried } from './change.ts';

const dayMs = 24 * 60 * 60 * 1000;
const daysMin = 7;
const daysMax = 30;

export const scheduleKeyDeletion: Operation<'ScheduleKeyDeletion'> = defineOperation({
  name: 'ScheduleKeyDeletion',
  key: { alias: false },
  action: 'kms:ScheduleKeyDeletion',
  audit: { readOnly: false, parameters: ['KeyId', 'PendingWindowInDays'], never: [] },
  prepare({ PendingWindowInDays: days = daysMax }) {
    if (days < daysMin || days > daysMax)
      throw kmsException(
        'ValidationException',
        `PendingWindowInDays must be between ${daysMin} and ${daysMax}.`,
      );
    return days;
  },
  run: (request) =>
    retried(request, async ({ prepared: days, key, keys, due, nowMs, commit }) => {
      const keyState = 'PendingDeletion';
      const deletionAtMs = nowMs + days * dayMs;
      const answer = {
        KeyId: key.arn,
        DeletionDate: new Date(deletionAtMs),
        KeyState: keyState,
        PendingWindowInDays: days,
      } as const;
      await commit({ responseElements: answer }, (audit) =>
        keys.update(key, { keyState, deletionAtMs }, audit, [
          due.arm(deletionOf(key, deletionAtMs)),
        ]),
      );
      return answer;
    }),
});
