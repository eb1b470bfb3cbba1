/**
 * The ring of a Region's domain keys: one active, which wraps, and the retired ones, which only unwrap. The
 * keys are in the token; this record (table `domains`, primary key: the Region) says which of them count.
 */
import type { MetadataStore } from '../store/metadata-store.ts';
import { StoreConflictError } from '../store/metadata-store.ts';
import type { Mac } from './key-store.ts';
import { RecordIntegrityError, sealRecord, verifyRecord } from './record-mac.ts';

export interface DomainKeyState {
  /** CKA_ID, 32 lower-case hex digits; stands in every key token. */
  readonly id: string;
  /** CKA_UNIQUE_ID: made by the token, so no look-alike can take the key's place. */
  readonly uniqueId: string;
  readonly state: 'active' | 'retired';
}

export interface DomainRing {
  readonly region: string;
  /** Exactly one is active. */
  readonly keys: readonly DomainKeyState[];
}

const format = 1;

/**
 * The stored ring, or `first()` stored as the first one. Several threads may start at once: one of them writes.
 * @throws RecordIntegrityError
 */
export async function loadDomainRing(
  store: MetadataStore,
  mac: Mac,
  region: string,
  first: () => Promise<DomainRing>,
): Promise<DomainRing> {
  for (;;) {
    const record = await store.get('domains', region);
    if (record !== undefined) {
      await verifyRecord(mac, record);
      return decode(record.body, region);
    }
    const ring = await first();
    const body = Buffer.from(JSON.stringify({ format, ...ring }));
    const sealed = await sealRecord(mac, { table: 'domains', key: region, version: 1, body });
    try {
      await store.commit({ changes: [{ kind: 'put', ...sealed }] });
      return ring;
    } catch (error) {
      if (!(error instanceof StoreConflictError)) throw error;
    }
  }
}

function decode(body: Uint8Array, region: string): DomainRing {
  const text = Buffer.from(body).toString('utf8');
  const ring = JSON.parse(text) as DomainRing & { readonly format: number };
  const refuse = (reason: string): Error =>
    new RecordIntegrityError({ table: 'domains', key: region }, reason);
  if (ring.format !== format) throw refuse(`unknown body format ${ring.format}`);
  if (ring.region !== region) throw refuse('body names another Region');
  if (ring.keys.filter(({ state }) => state === 'active').length !== 1)
    throw refuse('not exactly one active domain key');
  return ring;
}
