/**
 * Key cache: key tokens that are unwrapped at the moment, as handles of session objects in the device.
 *
 * Bounded, least recently used first; each key is unwrapped once however many callers wait for it; a key in
 * use is never destroyed. Generic over the handle, so that it can be tested without a device.
 */
import type { KeyMaterial } from './key-store.ts';
import { lengthPrefixed } from './length-prefixed.ts';

export interface KeyCacheOptions<Handle> {
  /** Keys kept while nobody uses them, at least 1. */
  readonly countMax: number;
  /** Unwraps a key token. */
  load(material: KeyMaterial): Promise<Handle>;
  /** Destroys a session object. Nobody waits for it, so it reports its own trouble. */
  destroy(handle: Handle): void;
}

interface Entry<Handle> {
  readonly identity: string;
  handle: Handle | undefined;
  loading: Promise<Handle> | undefined;
  /** Callers using the handle or waiting for it. */
  pinCount: number;
  /** No longer in the cache: destroyed when the last pin goes. */
  dropped: boolean;
}

export class KeyCache<Handle> {
  readonly #options: KeyCacheOptions<Handle>;
  /** In order of last use. */
  readonly #entries = new Map<string, Entry<Handle>>();
  /** The last of them. */
  #newest: Entry<Handle> | undefined;
  /** Material objects never change, so what identifies one is made once. */
  readonly #identities = new WeakMap<KeyMaterial, string>();

  constructor(options: KeyCacheOptions<Handle>) {
    if (!(options.countMax >= 1)) throw new RangeError('countMax must be at least 1');
    this.#options = options;
  }

  /** Uses that found the key unwrapped, or being so. */
  hitCount = 0;
  /** Uses that had to unwrap it. */
  missCount = 0;

  /** Keys in the cache, those being unwrapped included. */
  get count(): number {
    return this.#entries.size;
  }

  /** Runs `work` with the key's handle, which stays valid until the promise that `work` returns settles. */
  async use<T>(material: KeyMaterial, work: (handle: Handle) => T | Promise<T>): Promise<T> {
    const entry = this.#take(material);
    entry.pinCount += 1;
    try {
      return await work(entry.handle ?? (await (entry.loading as Promise<Handle>)));
    } finally {
      entry.pinCount -= 1;
      this.#destroyIfUnused(entry);
    }
  }

  /** The key's handle where it is at hand: valid until the caller's turn ends. Counts as a use. */
  peek(material: KeyMaterial): Handle | undefined {
    const entry = this.#entries.get(this.#identity(material));
    if (entry?.handle !== undefined) {
      this.hitCount += 1;
      this.#renew(entry);
    }
    return entry?.handle;
  }

  /** Drops one key: its handle turned out to be dead. */
  drop(material: KeyMaterial): void {
    const entry = this.#entries.get(this.#identity(material));
    if (entry !== undefined) this.#remove(entry);
  }

  /** Drops every version of a KMS key's material; one that is being unwrapped is destroyed as soon as it is there. */
  forget({ accountId, region, keyId }: Pick<KeyMaterial, 'accountId' | 'region' | 'keyId'>): void {
    const prefix = text([accountId, region, keyId]);
    for (const entry of [...this.#entries.values()])
      if (entry.identity.startsWith(prefix)) this.#remove(entry);
  }

  /**
   * Makes room in the device: drops the least recently used half of the keys that nobody uses.
   * @returns whether any was dropped
   */
  shrink(): boolean {
    const unused = [...this.#entries.values()].filter(({ pinCount }) => pinCount === 0);
    for (const entry of unused.slice(0, Math.ceil(unused.length / 2))) this.#remove(entry);
    return unused.length > 0;
  }

  /** Drops all keys. */
  clear(): void {
    for (const entry of [...this.#entries.values()]) this.#remove(entry);
  }

  #take(material: KeyMaterial): Entry<Handle> {
    const identity = this.#identity(material);
    const known = this.#entries.get(identity);
    if (known !== undefined) {
      this.hitCount += 1;
      this.#renew(known);
      return known;
    }
    this.missCount += 1;
    const entry: Entry<Handle> = {
      identity,
      handle: undefined,
      loading: undefined,
      pinCount: 0,
      dropped: false,
    };
    this.#renew(entry);
    entry.loading = this.#load(entry, material);
    if (this.#entries.size > this.#options.countMax) this.#removeOldest();
    return entry;
  }

  /** Makes it the last in the order of use. */
  #renew(entry: Entry<Handle>): void {
    if (entry === this.#newest) return;
    this.#newest = entry;
    this.#entries.delete(entry.identity);
    this.#entries.set(entry.identity, entry);
  }

  async #load(entry: Entry<Handle>, material: KeyMaterial): Promise<Handle> {
    try {
      entry.handle = await this.#options.load(material);
      return entry.handle;
    } catch (error) {
      this.#remove(entry);
      throw error;
    } finally {
      entry.loading = undefined;
    }
  }

  #removeOldest(): void {
    const [oldest] = this.#entries.values();
    if (oldest !== undefined) this.#remove(oldest);
  }

  #remove(entry: Entry<Handle>): void {
    if (entry.dropped) return;
    entry.dropped = true;
    if (entry === this.#newest) this.#newest = undefined;
    this.#entries.delete(entry.identity);
    this.#destroyIfUnused(entry);
  }

  #destroyIfUnused(entry: Entry<Handle>): void {
    if (!entry.dropped || entry.pinCount > 0 || entry.handle === undefined) return;
    const { handle } = entry;
    entry.handle = undefined;
    this.#options.destroy(handle);
  }

  /** Everything that makes the key what it is: a changed copy is another key. */
  #identity(material: KeyMaterial): string {
    const known = this.#identities.get(material);
    if (known !== undefined) return known;
    const { accountId, region, keyId, materialId, keySpec, keyUsage, keyToken } = material;
    const names = [accountId, region, keyId, materialId, keySpec, keyUsage];
    const fields = [...names, keyToken, material.publicKey ?? ''];
    const identity = text(fields);
    this.#identities.set(material, identity);
    return identity;
  }
}

/** Length-prefixed fields as a Map's key: the text of the first fields begins that of all. */
function text(fields: readonly (string | Uint8Array)[]): string {
  return Buffer.from(lengthPrefixed(fields)).toString('latin1');
}
