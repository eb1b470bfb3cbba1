/**
 * What serves one Region: its records and its key store. Requests and due work see the same.
 */
import type { KeyStore, Mac } from '../keystore/key-store.ts';
import type { MetadataStore } from '../store/metadata-store.ts';
import { DueRepository } from './due/due-item.ts';
import { AliasRepository } from './keys/alias-repository.ts';
import { KeyRepository } from './keys/key-repository.ts';

/** What one Region works with. Several Regions may share a store. */
export interface RegionParts {
  readonly keyStore: KeyStore;
  /** Of the same domain as the key store: for the records of the Region's keys. */
  readonly mac: Mac;
  readonly store: MetadataStore;
}

export interface RegionService {
  readonly region: string;
  readonly keys: KeyRepository;
  readonly aliases: AliasRepository;
  readonly due: DueRepository;
  readonly keyStore: KeyStore;
}

/** By Region name. */
export function regionServices(
  regions: ReadonlyMap<string, RegionParts>,
): ReadonlyMap<string, RegionService> {
  return new Map(
    [...regions].map(([region, { keyStore, mac, store }]) => {
      const source = { region, store, mac };
      const keys = new KeyRepository(source);
      const aliases = new AliasRepository(source, keys);
      return [region, { region, keyStore, keys, aliases, due: new DueRepository(mac) }];
    }),
  );
}
