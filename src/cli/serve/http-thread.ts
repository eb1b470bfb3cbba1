/**
 * One HTTP thread: its share of the device, its store client, the KMS service and the HTTP server. The main thread
 * is one when it serves alone; otherwise each worker is one.
 */
import { CredentialStore } from '../../access/credential-store.ts';
import { readAccessKey } from '../../access/credentials-file.ts';
import { devAuthenticator } from '../../access/dev-authenticator.ts';
import type { Authenticator } from '../../access/principal.ts';
import { sigV4Authenticator } from '../../access/sigv4.ts';
import { wallClock } from '../../clock/clock.ts';
import type { Device } from '../../hsm/index.ts';
import { startHttpServer } from '../../http/server.ts';
import { RegionDomain } from '../../keystore/region-domain.ts';
import { createKmsService, type RegionParts } from '../../kms/service.ts';
import type { StoreDescriptor } from '../../store/protocol.ts';
import { openStoreClient } from '../../store/store-client.ts';
import { onlySlot } from './first-boot.ts';

/** What a thread is given; survives structured cloning. */
export interface HttpThreadOptions {
  readonly host: string;
  readonly port: number;
  /** Several threads listen on the one port. */
  readonly reusePort: boolean;
  readonly regions: readonly string[];
  readonly accountId: string;
  readonly credentialsFile: string;
  readonly dev: boolean;
  readonly serverTiming: boolean;
  readonly userPin: string;
  readonly store: StoreDescriptor;
}

export interface HttpThread {
  readonly port: number;
  /** Stops accepting, finishes what is in flight within `graceMs`, lets go of store and device. */
  close(graceMs: number): Promise<void>;
}

/** @throws CkrError, DomainError, RecordIntegrityError, StoreUnavailableError; errors of listen(2) */
export async function openHttpThread(
  device: Device,
  options: HttpThreadOptions,
): Promise<HttpThread> {
  const store = openStoreClient(options.store);
  const slot = await onlySlot(device);
  const domains: RegionDomain[] = [];
  const regions = new Map<string, RegionParts>();
  for (const region of options.regions) {
    const domain = await RegionDomain.open({ slot, userPin: options.userPin, region, store });
    domains.push(domain);
    regions.set(region, { keyStore: domain, mac: domain.recordMac, store });
  }
  const handler = createKmsService({
    authenticate: authenticator(options),
    regions,
    audit: store,
    serverTiming: options.serverTiming,
    onFault: ({ requestId, operation, error }) => {
      const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      process.stderr.write(`fault in ${operation ?? 'a request'} ${requestId}: ${what}\n`);
    },
  });
  const server = await startHttpServer({
    handler,
    host: options.host,
    port: options.port,
    reusePort: options.reusePort,
  });
  return {
    port: server.port,
    async close(graceMs) {
      await server.close(graceMs);
      for (const domain of domains) await domain[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

function authenticator(options: HttpThreadOptions): Authenticator {
  const regions = new Set(options.regions);
  if (options.dev) return devAuthenticator({ accountId: options.accountId, regions });
  const credentials = new CredentialStore();
  credentials.addRoot(options.accountId, readAccessKey(options.credentialsFile));
  return sigV4Authenticator({ credentials, regions, clock: wallClock });
}
