/**
 * The ring of a Region's domain keys: of each kind one that is active and wraps, and the retired ones, which only
 * unwrap. The keys are in the token; this record (table `domains`, primary key: the Region) says which of them count.
 */
import type { MetadataStore, StoredRecord } from '../store/metadata-store.ts';
import { StoreConflictError } from '../store/metadata-store.ts';
import { type DomainKind, domainKinds } from './algorithms.ts';
import type { Mac } from './key-store.ts';
import { RecordIntegrityError, sealRecord, verifyRecord } from './record-mac.ts';

/** What names a domain key. */
export interface DomainKeyName {
  readonly kind: DomainKind;
  /** CKA_ID, 32 lower-case hex digits: stands in every key token. Keys of different kinds may share one. */
  readonly id: string;
  /** CKA_UNIQUE_ID: made by the token, so no look-alike can take the key's place. */
  readonly uniqueId: string;
}

export interface DomainKey extends DomainKeyName {
  readonly state: 'active' | 'retired';
  /** When another took its place: wall clock, milliseconds since the epoch. */
  readonly retiredAtMs?: number;
  /** When no key token under it was found any more. */
  readonly emptyAtMs?: number;
}

export interface DomainRing {
  readonly region: string;
  /** Exactly one of each kind is active. */
  readonly keys: readonly DomainKey[];
}

/** A ring as it lies in the store. */
export interface StoredRing extends DomainRing {
  /** Of the record. */
  readonly version: number;
}

/** Finds, in the token, the one key of a kind that the ceremony left, for a ring that names none. */
export type DomainKeyFinder = (kind: DomainKind) => Promise<DomainKeyName>;

const format = 3;
/** Had the keys in generations: one id, and one key of each kind, active together. */
const formatOfGenerations = 2;
/** Had one key in a generation: kind `seal`. */
const formatOfOneKind = 1;

/**
 * The stored ring; one that lacks kinds, as the first one does and those of older versions, is completed and stored.
 * Several threads may start at once: one of them writes.
 * @throws RecordIntegrityError
 */
export async function loadDomainRing(
  store: MetadataStore,
  mac: Mac,
  region: string,
  find: DomainKeyFinder,
): Promise<StoredRing> {
  for (;;) {
    const record = await store.get('domains', region);
    if (record !== undefined) await verifyRecord(mac, record);
    const keys = record === undefined ? [] : decode(record, region);
    const version = record?.version ?? 0;
    const missing = domainKinds.filter((wanted) => !keys.some(({ kind }) => kind === wanted));
    if (missing.length === 0) return { region, keys, version };
    const found: DomainKey[] = [];
    for (const kind of missing) found.push({ ...(await find(kind)), state: 'active' });
    try {
      return await storeDomainRing(store, mac, { region, keys: [...keys, ...found], version });
    } catch (error) {
      if (!(error instanceof StoreConflictError)) throw error;
    }
  }
}

/**
 * Stores a changed ring over the version that it was read with.
 * @param audit event of the change
 * @throws StoreConflictError when another change came first
 */
export async function storeDomainRing(
  store: MetadataStore,
  mac: Mac,
  { region, keys, version: before }: StoredRing,
  audit?: string,
): Promise<StoredRing> {
  const body = Buffer.from(JSON.stringify({ format, region, keys }));
  const version = before + 1;
  const sealed = await sealRecord(mac, { table: 'domains', key: region, version, body });
  const changes = [{ kind: 'put', ...sealed }] as const;
  await store.commit(audit === undefined ? { changes } : { changes, audit });
  return { region, keys, version };
}

/** Keys that take the place of the active ones of their kinds. */
export function rotated(
  keys: readonly DomainKey[],
  replacements: readonly DomainKeyName[],
  retiredAtMs: number,
): DomainKey[] {
  const kinds = new Set(replacements.map(({ kind }) => kind));
  const old = keys.map(
    (key): DomainKey =>
      key.state === 'active' && kinds.has(key.kind)
        ? { ...key, state: 'retired', retiredAtMs }
        : key,
  );
  return [...old, ...replacements.map((name): DomainKey => ({ ...name, state: 'active' }))];
}

/** A generation as a ring of formatOfGenerations has it. */
interface Generation {
  readonly id: string;
  readonly uniqueIds: Readonly<Record<DomainKind, string>>;
  readonly state: DomainKey['state'];
}

/** And as one of formatOfOneKind has it. */
interface GenerationOfOneKind {
  readonly id: string;
  readonly uniqueId: string;
  readonly state: DomainKey['state'];
}

interface RingBody {
  readonly format: number;
  readonly region: string;
  readonly keys: readonly unknown[];
}

function decode({ body }: StoredRecord, region: string): DomainKey[] {
  const ring = JSON.parse(Buffer.from(body).toString('utf8')) as RingBody;
  const refuse = (reason: string): Error =>
    new RecordIntegrityError({ table: 'domains', key: region }, reason);
  const read = readers[ring.format];
  if (read === undefined) throw refuse(`unknown body format ${ring.format}`);
  if (ring.region !== region) throw refuse('body names another Region');
  const keys = read(ring.keys);
  for (const { kind: wanted } of keys.length === 0 ? [{ kind: 'seal' }] : keys) {
    const active = keys.filter(({ kind, state }) => kind === wanted && state === 'active');
    if (active.length !== 1) throw refuse(`not exactly one active domain key of kind ${wanted}`);
  }
  if (!keys.every(({ id, uniqueId }) => id && uniqueId))
    throw refuse('a domain key without a name');
  return keys;
}

/** By format. */
const readers: Readonly<Record<number, (keys: readonly unknown[]) => DomainKey[]>> = {
  [format]: (keys) => keys as DomainKey[],
  [formatOfGenerations]: (keys) => (keys as readonly Generation[]).flatMap(ofGeneration),
  [formatOfOneKind]: (keys) =>
    (keys as readonly GenerationOfOneKind[]).map((key) => ({ kind: 'seal', ...key })),
};

function ofGeneration({ id, uniqueIds, state }: Generation): DomainKey[] {
  return domainKinds.map((kind) => ({ kind, id, uniqueId: uniqueIds[kind], state }));
}
