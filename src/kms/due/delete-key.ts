/**
 * DeleteKey: the end of a KMS key whose waiting period is over. Its material is destroyed in the device first, for good
 * and for every copy of its key tokens; then the key and its aliases go from the store, with the audit event.
 * Source: AWS KMS Developer Guide, "Deleting AWS KMS keys"; CloudTrail's DeleteKey event.
 */
import { randomUUID } from 'node:crypto';
import type { AuditEvent } from '../../audit/audit-log.ts';
import { type Clock, wallClock } from '../../clock/clock.ts';
import type { KmsKey } from '../keys/key-record.ts';
import type { DueItem } from './due-item.ts';
import type { DueHandler } from './due-work.ts';

const kind = 'DeleteKey';

/** The item of a key that is to be deleted then. */
export function deletionOf(
  { region, accountId, keyId }: Pick<KmsKey, 'region' | 'accountId' | 'keyId'>,
  dueAtMs: number,
): DueItem {
  return { dueAtMs, kind, region, accountId, subject: keyId };
}

/** @param wall audit times */
export function deleteKey(wall: Clock = wallClock): DueHandler {
  return {
    async run({ dueAtMs, accountId, subject }, { keys, aliases, keyStore }) {
      const found = await keys.find(accountId, subject);
      // Called off, or for another date: that has an item of its own.
      if (found?.keyState !== 'PendingDeletion' || found.deletionAtMs !== dueAtMs)
        return { changes: [] };
      // There is no way back from what the device does next, so from here on nobody calls it off.
      const key = await keys.markDestroying(found);
      const materials = [...key.materialsById.values()].map(({ material }) => material);
      await keyStore.destroy(materials);
      const { region, keyId } = key;
      return {
        changes: [keys.removed(key), ...(await aliases.removedOf(key))],
        audit: deletionEvent(key, dueAtMs, wall.nowMs()),
        destroyed: { accountId, region, keyId },
      };
    },
  };
}

function deletionEvent({ region, accountId, keyId, arn }: KmsKey, dueAtMs: number, timeMs: number) {
  return {
    eventType: 'AwsServiceEvent',
    eventId: randomUUID(),
    timeMs,
    dueAtMs,
    region,
    operation: kind,
    readOnly: false,
    principal: { accountId, invokedBy: 'AWS Internal' },
    sourceAddress: 'AWS Internal',
    userAgent: 'AWS Internal',
    resources: [arn],
    serviceEventDetails: { keyId },
  } as const satisfies AuditEvent;
}
