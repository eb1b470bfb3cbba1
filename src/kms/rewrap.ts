/**
 * Rewrap: brings the key tokens of a Region under its active domain keys, one KMS key after the other, while requests go
 * on. What is done is in the records, so a pass that was cut off is made again and finds it done.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyMaterial, Mac } from '../keystore/key-store.ts';
import {
  type MetadataStore,
  StoreConflictError,
  type StoredRecord,
} from '../store/metadata-store.ts';
import { errorText } from '../values/unknown.ts';
import type { KmsKey, MaterialRecord } from './keys/key-record.ts';
import { KeyRepository } from './keys/key-repository.ts';
import { recordName } from './keys/record-table.ts';

export interface RewrapOptions {
  readonly region: string;
  readonly store: MetadataStore;
  readonly mac: Mac;
  /** As of RegionDomain: the material itself where there is nothing to do. */
  rewrap(material: KeyMaterial): Promise<KeyMaterial>;
  /** KMS keys between two pauses. Default 32. */
  readonly batchCount?: number;
}

/** Of one pass over the Region. Counts are of KMS keys. */
export interface RewrapProgress {
  /** When the pass began. */
  readonly totalCount: number;
  readonly doneCount: number;
  /** Those of them whose record was changed. */
  readonly movedCount: number;
  /** Those of them that could not be: their key tokens are left as they are. */
  readonly failedCount: number;
  readonly perSecond: number;
  /** Of the newest failure; never holds key material. */
  readonly lastError?: string;
}

/** Keys counted at a time. */
const countedAtOnce = 1000;
/** Records kept decoded: each is looked at once. */
const cacheCountMax = 64;
/** Of changes by requests that come first. */
const attemptsMax = 16;
/** A pause is as long as the batch before it took, and never shorter: half of the thread at most is taken, ms. */
const pauseMinMs = 2;

export class RewrapPass {
  readonly #options: RewrapOptions;
  readonly #keys: KeyRepository;
  readonly #startedMs = performance.now();
  #endedMs: number | undefined;
  #totalCount = 0;
  #doneCount = 0;
  #movedCount = 0;
  #failedCount = 0;
  #lastError: string | undefined;

  constructor(options: RewrapOptions) {
    const { region, store, mac } = options;
    this.#options = options;
    this.#keys = new KeyRepository({ region, store, mac, cacheCountMax });
  }

  get progress(): RewrapProgress {
    const seconds = ((this.#endedMs ?? performance.now()) - this.#startedMs) / 1000;
    return {
      totalCount: Math.max(this.#totalCount, this.#doneCount),
      doneCount: this.#doneCount,
      movedCount: this.#movedCount,
      failedCount: this.#failedCount,
      perSecond: seconds > 0 ? Math.round(this.#doneCount / seconds) : 0,
      ...(this.#lastError !== undefined && { lastError: this.#lastError }),
    };
  }

  /**
   * Goes over all keys. A key that fails is counted and left.
   * @returns whether every key token is under an active domain key now
   * @throws StoreUnavailableError; the reason of the signal
   */
  async run(signal: AbortSignal): Promise<boolean> {
    const { batchCount = 32 } = this.#options;
    try {
      this.#totalCount = await this.#count(signal);
      for await (const batch of this.#batches(batchCount, signal)) {
        const startedMs = performance.now();
        await Promise.all(batch.map((record) => this.#visit(record)));
        await pause(performance.now() - startedMs, signal);
      }
    } finally {
      this.#endedMs = performance.now();
    }
    return this.#failedCount === 0;
  }

  async #count(signal: AbortSignal): Promise<number> {
    let count = 0;
    for await (const batch of this.#batches(countedAtOnce, signal)) {
      count += batch.length;
      await pause(0, signal);
    }
    return count;
  }

  async *#batches(limit: number, signal: AbortSignal): AsyncGenerator<StoredRecord[]> {
    const { store, region } = this.#options;
    const prefix = `${region}/`;
    let after: string | undefined;
    for (;;) {
      signal.throwIfAborted();
      const from = after === undefined ? {} : { after };
      const batch = await store.list('keys', { prefix, limit, ...from });
      if (batch.length > 0) yield batch;
      after = batch.at(-1)?.key;
      if (batch.length < limit) return;
    }
  }

  async #visit({ key: primaryKey }: StoredRecord): Promise<void> {
    const { accountId, name } = recordName(this.#options.region, primaryKey);
    try {
      if (await this.#move(accountId, name)) this.#movedCount += 1;
    } catch (error) {
      this.#failedCount += 1;
      this.#lastError = `key ${name}: ${errorText(error)}`;
    }
    this.#doneCount += 1;
  }

  /** @returns whether there was something to do */
  async #move(accountId: string, keyId: string): Promise<boolean> {
    for (let attempt = 1; ; attempt += 1) {
      const key = await this.#keys.find(accountId, keyId);
      const materials = key && (await this.#rewrapped(key));
      if (key === undefined || materials === undefined) return false;
      try {
        const change = await this.#keys.changed(key, { materials });
        await this.#options.store.commit({ changes: [change] });
        return true;
      } catch (error) {
        if (!(error instanceof StoreConflictError) || attempt === attemptsMax) throw error;
      }
    }
  }

  /** @returns undefined where nothing changes */
  async #rewrapped(key: KmsKey): Promise<KmsKey['materials'] | undefined> {
    let isChanged = false;
    const materials: MaterialRecord[] = [];
    for (const record of key.materials) {
      const material = key.materialsById.get(record.materialId)?.material;
      const anew = material && (await this.#options.rewrap(material));
      if (anew === undefined || anew === material) materials.push(record);
      else {
        isChanged = true;
        materials.push({ ...record, keyToken: Buffer.from(anew.keyToken).toString('base64') });
      }
    }
    const [first, ...others] = materials;
    return isChanged && first !== undefined ? [first, ...others] : undefined;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(ms, pauseMinMs), undefined, { signal });
}
