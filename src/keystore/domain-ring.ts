/**
 * The ring of a Region's domain keys: one active generation, which wraps, and the retired ones, which only
 * unwrap. A generation has one key for each kind. The keys are in the token; this record (table `domains`,
 * primary key: the Region) says which of them count.
 */
import type { MetadataStore, StoredRecord } from '../store/metadata-store.ts';
import { StoreConflictError } from '../store/metadata-store.ts';
import { type DomainKind, domainKinds } from './algorithms.ts';
import type { Mac } from './key-store.ts';
import { RecordIntegrityError, sealRecord, verifyRecord } from './record-mac.ts';

export interface DomainGeneration {
  /** CKA_ID of all its keys, 32 lower-case hex digits; stands in every key token. */
  readonly id: string;
  /** CKA_UNIQUE_ID by kind: made by the token, so no look-alike can take a key's place. */
  readonly uniqueIds: Readonly<Record<DomainKind, string>>;
  readonly state: 'active' | 'retired';
}

export interface DomainRing {
  readonly region: string;
  /** Exactly one is active. */
  readonly keys: readonly DomainGeneration[];
}

/** What finds domain keys in the token, for a ring that does not name them yet. */
export interface DomainKeyFinder {
  /** The generation that the ceremony left; there is only one. */
  first(): Promise<Omit<DomainGeneration, 'state'>>;
  /** CKA_UNIQUE_ID of a generation's key of this kind. */
  uniqueId(id: string, kind: DomainKind): Promise<string>;
}

const format = 2;
/** Had one key in a generation: kind `seal`. */
const formatOfOneKind = 1;

/**
 * The stored ring; the first one, or one of a format without kinds, is completed and stored. Several threads
 * may start at once: one of them writes.
 * @throws RecordIntegrityError
 */
export async function loadDomainRing(
  store: MetadataStore,
  mac: Mac,
  region: string,
  finder: DomainKeyFinder,
): Promise<DomainRing> {
  for (;;) {
    const record = await store.get('domains', region);
    if (record !== undefined) await verifyRecord(mac, record);
    const stored = record && decode(record, region);
    if (stored?.isComplete) return stored.ring;
    const ring = await complete(stored?.ring ?? region, finder);
    const body = Buffer.from(JSON.stringify({ format, ...ring }));
    const version = (record?.version ?? 0) + 1;
    const sealed = await sealRecord(mac, { table: 'domains', key: region, version, body });
    try {
      await store.commit({ changes: [{ kind: 'put', ...sealed }] });
      return ring;
    } catch (error) {
      if (!(error instanceof StoreConflictError)) throw error;
    }
  }
}

/** A generation as an old ring has it. */
type GenerationOfOneKind = Omit<DomainGeneration, 'uniqueIds'> & { readonly uniqueId: string };

type Stored =
  | { readonly isComplete: true; readonly ring: DomainRing }
  | { readonly isComplete: false; readonly ring: OldRing };
interface OldRing {
  readonly region: string;
  readonly keys: readonly GenerationOfOneKind[];
}

async function complete(from: OldRing | string, finder: DomainKeyFinder): Promise<DomainRing> {
  if (typeof from === 'string')
    return { region: from, keys: [{ ...(await finder.first()), state: 'active' }] };
  const keys = from.keys.map(async ({ id, uniqueId: seal, state }) => {
    const find = (kind: DomainKind) => finder.uniqueId(id, kind);
    const [mac, sign, decrypt] = await Promise.all([find('mac'), find('sign'), find('decrypt')]);
    return { id, uniqueIds: { seal, mac, sign, decrypt }, state };
  });
  return { region: from.region, keys: await Promise.all(keys) };
}

function decode({ body }: StoredRecord, region: string): Stored {
  const text = Buffer.from(body).toString('utf8');
  const { format: written, ...ring } = JSON.parse(text) as (DomainRing | OldRing) & {
    readonly format: number;
  };
  const refuse = (reason: string): Error =>
    new RecordIntegrityError({ table: 'domains', key: region }, reason);
  if (written !== format && written !== formatOfOneKind)
    throw refuse(`unknown body format ${written}`);
  if (ring.region !== region) throw refuse('body names another Region');
  if (ring.keys.filter(({ state }) => state === 'active').length !== 1)
    throw refuse('not exactly one active domain key');
  if (written === formatOfOneKind) return { isComplete: false, ring: ring as OldRing };
  const complete = ring as DomainRing;
  if (!complete.keys.every(({ uniqueIds }) => domainKinds.every((kind) => uniqueIds[kind])))
    throw refuse('a domain key without a name');
  return { isComplete: true, ring: complete };
}
