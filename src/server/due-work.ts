/**
 * The due work of a service: one runner for all its threads, over the Regions of the thread it is in.
 */
import type { Clock } from '../clock/clock.ts';
import { deleteKey } from '../kms/due/delete-key.ts';
import {
  type DestroyedKey,
  type DueFailure,
  type DueHandler,
  DueWork,
} from '../kms/due/due-work.ts';
import { armOldDeletions } from '../kms/due/old-deletions.ts';
import type { MetadataStore } from '../store/metadata-store.ts';
import type { OpenRegions } from './kms.ts';

/** Every kind of due work there is. */
const handlers: Readonly<Record<string, DueHandler>> = { DeleteKey: deleteKey() };

export interface DueWorkParts {
  readonly regions: OpenRegions;
  readonly store: MetadataStore;
  readonly domainClock: Clock;
  /** Tells the other threads. */
  readonly onDestroyed?: (key: DestroyedKey) => Promise<void>;
  readonly onFailure: (failure: DueFailure) => void;
}

/**
 * Opens it, before requests are served; start() begins to work.
 * @throws RecordIntegrityError, StoreUnavailableError, CkrError
 */
export async function openDueWork({ regions, ...options }: DueWorkParts): Promise<DueWork> {
  const { services } = regions;
  for (const [region, parts] of regions.parts) {
    const service = services.get(region);
    if (service !== undefined) await armOldDeletions(service, parts);
  }
  return new DueWork({ ...options, regions: services, handlers });
}

/** A failure in words, for a log. */
export function dueFailureText({
  kind,
  region,
  subject,
  dueAt,
  attempts,
  error,
}: DueFailure): string {
  const what = subject === undefined ? '' : ` of ${subject} in ${region}, due ${dueAt}`;
  return `due work: ${kind}${what} failed (try ${attempts}): ${error}`;
}
