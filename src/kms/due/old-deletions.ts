/**
 * Deletions that a version without due work scheduled: each gets its item, once in the life of a Region's records.
 */
import { sealRecord, verifyRecord } from '../../keystore/record-mac.ts';
import type { RegionParts, RegionService } from '../region-service.ts';
import { deletionOf } from './delete-key.ts';

const pageLength = 1000;

/** Before anybody can change keys. @throws RecordIntegrityError, StoreUnavailableError, CkrError */
export async function armOldDeletions(
  { region, keys, due }: RegionService,
  { mac, store }: RegionParts,
): Promise<void> {
  const table = 'settings';
  const key = `due-work/${region}`;
  const marker = await store.get(table, key);
  if (marker !== undefined) return verifyRecord(mac, marker);
  let after: string | undefined;
  do {
    const page = await keys.listAll({ after, limit: pageLength });
    const changes = page.flatMap((found) =>
      found.keyState === 'PendingDeletion' && found.deletionAtMs !== undefined
        ? [due.arm(deletionOf(found, found.deletionAtMs))]
        : [],
    );
    if (changes.length > 0) await store.commit({ changes: await Promise.all(changes) });
    const last = page.at(-1);
    after = page.length < pageLength ? undefined : last && `${last.accountId}/${last.keyId}`;
  } while (after !== undefined);
  const body = Buffer.from(JSON.stringify({ format: 1 }));
  const sealed = await sealRecord(mac, { table, key, version: 1, body });
  await store.commit({ changes: [{ kind: 'put', ...sealed }] });
}
