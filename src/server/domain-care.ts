/**
 * DomainCare: the domain keys of a running service. The ceremony that rotates them, the work in the background that brings
 * every key token under the new ones, and the end of those that nothing is under any more.
 */
import { randomUUID } from 'node:crypto';
import { type AuditEvent, type AuditLog, encodeAuditEvent } from '../audit/audit-log.ts';
import { type Clock, wallClock } from '../clock/clock.ts';
import type { Device } from '../hsm/index.ts';
import { type DomainKind, domainKinds } from '../keystore/algorithms.ts';
import { type DomainKey, rotated } from '../keystore/domain-ring.ts';
import { destroyDomainKeys, makeReplacements } from '../keystore/provision.ts';
import { RegionDomain } from '../keystore/region-domain.ts';
import { RewrapPass, type RewrapProgress } from '../kms/rewrap.ts';
import { openApplication } from '../link/in-process.ts';
import type { MetadataStore } from '../store/metadata-store.ts';
import { errorText } from '../values/unknown.ts';
import { withSoPin } from './so-pin.ts';
import { onlySlot } from './token.ts';

/**
 * How long a retired key is kept at least, ms: a request may have wrapped under it just before, and its record be on the
 * way to the store.
 */
const RETIRED_MIN_MS = 60_000;

/** After a pass in which a key failed: the next one, ms; then twice as long, up to the longest. */
const RETRY_MIN_MS = 10_000;
const RETRY_MAX_MS = 3_600_000;

export interface DomainCareOptions {
  readonly device: Device;
  readonly userPin: string;
  readonly regions: readonly string[];
  /** A view of the store for this thread. */
  openStore(): MetadataStore & AuditLog;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

export interface RegionDomainStatus {
  readonly region: string;
  readonly keys: readonly DomainKeyStatus[];
  /** Of the pass that runs, or of the last one since the start; absent: none was needed. */
  readonly rewrap?: RewrapProgress & {
    readonly state: 'running' | 'done' | 'waiting to try again';
  };
}

/** Times are ISO 8601. */
export interface DomainKeyStatus extends Pick<DomainKey, 'kind' | 'id' | 'state'> {
  readonly retiredAt?: string;
  readonly emptyAt?: string;
}

/** What was asked cannot be done now; the message says why. */
export class DomainCareError extends Error {
  override readonly name = 'DomainCareError';
}

export class DomainCare implements AsyncDisposable {
  readonly #options: DomainCareOptions;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  /** One each, also for callers that come while it is opened: two would both rewrap. */
  readonly #regions = new Map<string, Promise<RegionCare>>();
  #store: (MetadataStore & AuditLog) | undefined;
  #ceremony: Promise<unknown> = Promise.resolve();

  constructor(options: DomainCareOptions) {
    this.#options = options;
    this.#clock = options.clock ?? wallClock;
  }

  /** Goes on with what an earlier process did not end. Work in the background; trouble shows in status(). */
  async resume(): Promise<void> {
    for (const region of this.#options.regions) {
      const care = await this.#of(region);
      if ((await care.ring()).some(isFull)) care.begin();
    }
  }

  async status(regions?: readonly string[]): Promise<RegionDomainStatus[]> {
    const all: RegionDomainStatus[] = [];
    for (const region of this.#chosen(regions)) all.push(await (await this.#of(region)).status());
    return all;
  }

  /**
   * Makes new domain keys active; the key tokens follow in the background. When it rejects, Regions before the one of the
   * error are done.
   * @throws StartError (the PIN), CkrError, DomainCareError, StoreUnavailableError; RangeError for no such kind
   */
  rotate(
    regions: readonly string[] | undefined,
    kind: string,
    soPinFile: string,
  ): Promise<RegionDomainStatus[]> {
    return this.#alone(async () => {
      const kinds = kindsNamed(kind);
      const chosen = this.#chosen(regions);
      await withSoPin(soPinFile, 'the rotation of a domain key', async (soPin) => {
        for (const region of chosen) await this.#rotate(region, kinds, soPin);
      });
      return this.status(chosen);
    });
  }

  /**
   * Takes retired domain keys that no key token is under out of ring and token, for good.
   * @throws DomainCareError when one is still needed, StoreUnavailableError, CkrError
   */
  retire(regions: readonly string[] | undefined, kind: string): Promise<RegionDomainStatus[]> {
    return this.#alone(async () => {
      const kinds = kindsNamed(kind);
      const chosen = this.#chosen(regions);
      for (const region of chosen) await this.#retire(region, kinds);
      return this.status(chosen);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new DomainCareError('the service is stopping'));
    await this.#ceremony;
    for (const opening of this.#regions.values())
      await (await opening.catch(() => undefined))?.[Symbol.asyncDispose]();
    await this.#store?.[Symbol.asyncDispose]();
  }

  async #rotate(region: string, kinds: readonly DomainKind[], soPin: Uint8Array): Promise<void> {
    const { device, userPin } = this.#options;
    const care = await this.#of(region);
    // A login of its own: the service's application, its sessions and its keys stay as they are.
    await using application = await openApplication(device.attachId);
    const slot = await onlySlot(application);
    const made = await makeReplacements({ slot, soPin, userPin, region, kinds });
    const event = this.#event('RotateDomainKey', region, { kinds, domainKeyId: made[0]?.id });
    const nowMs = this.#clock.nowMs();
    await care.domain.changeRing((keys) => rotated(keys, made, nowMs), event);
    care.begin();
  }

  async #retire(region: string, kinds: readonly DomainKind[]): Promise<void> {
    const { device, userPin } = this.#options;
    const care = await this.#of(region);
    const isChosen = ({ kind, state }: DomainKey) => state === 'retired' && kinds.includes(kind);
    const old = (await care.ring()).filter(isChosen);
    if (old.length === 0) return;
    const nowMs = this.#clock.nowMs();
    if (old.some(({ retiredAtMs = 0 }) => nowMs - retiredAtMs < RETIRED_MIN_MS)) {
      const seconds = RETIRED_MIN_MS / 1000;
      throw new DomainCareError(
        `${region}: a domain key was rotated less than ${seconds} s ago; requests may still be on their way`,
      );
    }
    // Once more over everything: a record may have come from a back-up.
    await care.rest();
    if (!(await care.pass())) {
      throw new DomainCareError(
        `${region}: key tokens under a retired domain key could not be moved: ${care.lastError}`,
      );
    }
    const ids = old.map(({ id }) => id);
    const event = this.#event('RetireDomainKey', region, { kinds, domainKeyIds: ids });
    const gone = new Set(old.map(({ uniqueId }) => uniqueId));
    await care.domain.changeRing(
      (keys) => keys.filter(({ uniqueId }) => !gone.has(uniqueId)),
      event,
    );
    // After the ring: a ring that names a key that is gone would be the worse half.
    await using application = await openApplication(device.attachId);
    await destroyDomainKeys({ slot: await onlySlot(application), userPin, keys: old });
  }

  /** One ceremony at a time. */
  #alone<T>(ceremony: () => Promise<T>): Promise<T> {
    const mine = this.#ceremony.then(() => {
      this.#stopping.signal.throwIfAborted();
      return ceremony();
    });
    this.#ceremony = mine.catch(() => undefined);
    return mine;
  }

  #chosen(regions: readonly string[] = this.#options.regions): readonly string[] {
    for (const region of regions)
      if (!this.#options.regions.includes(region))
        throw new DomainCareError(`${region} is not a Region that is served here`);
    return regions;
  }

  #of(region: string): Promise<RegionCare> {
    let care = this.#regions.get(region);
    if (care === undefined) {
      care = this.#open(region);
      this.#regions.set(region, care);
      // The next one that asks tries again.
      care.catch(() => this.#regions.delete(region));
    }
    return care;
  }

  async #open(region: string): Promise<RegionCare> {
    const { device, userPin } = this.#options;
    this.#store ??= this.#options.openStore();
    const store = this.#store;
    const slot = await onlySlot(device);
    const domain = await RegionDomain.open({ slot, userPin, region, store, laneCountMax: 1 });
    const done = (ids: readonly string[]) =>
      this.#event('RewrapKeyTokens', region, { domainKeyIds: ids });
    return new RegionCare(region, domain, store, this.#clock, this.#stopping.signal, done);
  }

  #event(operation: string, region: string, parameters: Readonly<Record<string, unknown>>): string {
    const event: AuditEvent = {
      eventId: randomUUID(),
      requestId: randomUUID(),
      timeMs: this.#clock.nowMs(),
      region,
      operation: `hsm:${operation}`,
      readOnly: false,
      parameters,
    };
    return encodeAuditEvent(event);
  }
}

/** One Region: its domain, and the passes over its keys. */
class RegionCare implements AsyncDisposable {
  readonly domain: RegionDomain;
  readonly #region: string;
  readonly #store: MetadataStore;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #doneEvent: (ids: readonly string[]) => string;
  #pass: RewrapPass | undefined;
  #state: 'running' | 'done' | 'waiting to try again' = 'done';
  /** Another pass is wanted after the one that runs. */
  #again = false;
  #running: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MIN_MS;
  #trouble: string | undefined;

  constructor(
    region: string,
    domain: RegionDomain,
    store: MetadataStore,
    clock: Clock,
    signal: AbortSignal,
    doneEvent: (ids: readonly string[]) => string,
  ) {
    this.#region = region;
    this.domain = domain;
    this.#store = store;
    this.#clock = clock;
    this.#signal = signal;
    this.#doneEvent = doneEvent;
  }

  get lastError(): string | undefined {
    return this.#trouble ?? this.#pass?.progress.lastError;
  }

  async ring(): Promise<readonly DomainKey[]> {
    return (await this.domain.ring()).keys;
  }

  async status(): Promise<RegionDomainStatus> {
    const keys = (await this.ring()).map(
      ({ kind, id, state, retiredAtMs, emptyAtMs }): DomainKeyStatus => ({
        kind,
        id,
        state,
        ...(retiredAtMs !== undefined && { retiredAt: new Date(retiredAtMs).toISOString() }),
        ...(emptyAtMs !== undefined && { emptyAt: new Date(emptyAtMs).toISOString() }),
      }),
    );
    if (this.#pass === undefined) return { region: this.#region, keys };
    const { lastError } = this;
    const rewrap = {
      state: this.#state,
      ...this.#pass.progress,
      ...(lastError !== undefined && { lastError }),
    };
    return { region: this.#region, keys, rewrap };
  }

  /** Begins a pass in the background, or sees to it that another follows the one that runs. */
  begin(): void {
    clearTimeout(this.#retry);
    this.#again = true;
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when no pass runs. */
  async rest(): Promise<void> {
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#retry);
    await this.rest();
    await this.domain[Symbol.asyncDispose]();
  }

  /**
   * One pass; where every key token is under an active domain key, the ring says so of the retired ones.
   * @throws StoreUnavailableError, CkrError; the reason of the signal
   */
  async pass(): Promise<boolean> {
    const before = (await this.ring()).filter(isFull);
    this.#trouble = undefined;
    this.#pass = new RewrapPass({
      region: this.#region,
      store: this.#store,
      mac: this.domain.recordMac,
      rewrap: (material) => this.domain.rewrap(material),
    });
    if (!(await this.#pass.run(this.#signal))) return false;
    if (before.length === 0) return true;
    const emptied = new Set(before.map(({ uniqueId }) => uniqueId));
    const emptyAtMs = this.#clock.nowMs();
    await this.domain.changeRing(
      (keys) => keys.map((key) => (emptied.has(key.uniqueId) ? { ...key, emptyAtMs } : key)),
      this.#doneEvent(before.map(({ id }) => id)),
    );
    return true;
  }

  async #work(): Promise<void> {
    this.#state = 'running';
    let isDone = true;
    while (this.#again && !this.#signal.aborted) {
      this.#again = false;
      try {
        isDone = await this.pass();
      } catch (error) {
        isDone = false;
        this.#trouble = errorText(error);
      }
    }
    this.#state = isDone ? 'done' : 'waiting to try again';
    if (isDone) this.#retryMs = RETRY_MIN_MS;
    else if (!this.#signal.aborted) this.#tryLater();
  }

  #tryLater(): void {
    this.#retry = setTimeout(() => this.begin(), this.#retryMs);
    this.#retry.unref();
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX_MS);
  }
}

/** Retired, and perhaps with key tokens under it. */
function isFull({ state, emptyAtMs }: DomainKey): boolean {
  return state === 'retired' && emptyAtMs === undefined;
}

/** One kind by its name, or all of them. @throws RangeError */
function kindsNamed(name: string): readonly DomainKind[] {
  if (name === 'all') return domainKinds;
  const kind = domainKinds.find((each) => each === name);
  if (kind === undefined) throw new RangeError(`kind is one of: ${domainKinds.join(', ')}, all`);
  return [kind];
}
