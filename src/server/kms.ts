/**
 * A KMS over a device and a store: its Regions opened, its callers known, and one handler for any transport.
 */
import { CredentialStore } from '../access/credential-store.ts';
import type { RootCredential } from '../access/credentials-file.ts';
import { devAuthenticator } from '../access/dev-authenticator.ts';
import type { Directory } from '../access/directory.ts';
import { type Authenticator, rootPrincipal } from '../access/principal.ts';
import { SessionTokens } from '../access/session-token.ts';
import { sigV4Authenticator } from '../access/sigv4.ts';
import type { ServiceHandler } from '../api/transport.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { type Clock, wallClock } from '../clock/clock.ts';
import type { Device } from '../hsm/index.ts';
import { RegionDomain } from '../keystore/region-domain.ts';
import type { DestroyedKey } from '../kms/due/due-work.ts';
import { type RegionParts, type RegionService, regionServices } from '../kms/region-service.ts';
import { type Answered, createKmsService, type Fault } from '../kms/service.ts';
import { withQueryServices } from '../services/service.ts';
import type { MetadataStore } from '../store/metadata-store.ts';
import { type Identities, identityDirectory } from './identities.ts';
import { onlySlot } from './token.ts';

/** What a KMS is told, the same for each thread that runs one; survives structured cloning. */
export interface KmsSettings {
  /** At least one. Each is in the device already. */
  readonly regions: readonly string[];
  /** Whose signatures are taken. */
  readonly credential: RootCredential;
  /** Signatures are not checked: whoever sends one is that root. */
  readonly dev: boolean;
  /** What session tokens are sealed under. */
  readonly sessionKey: Uint8Array;
  /** Who else there is, by a declarative file; undefined: there is none. */
  readonly identities?: Identities | undefined;
  readonly userPin: string;
  /** Answers carry a Server-Timing header. */
  readonly serverTiming: boolean;
}

export interface KmsParts {
  readonly device: Device;
  /** Closed with the KMS. */
  readonly store: MetadataStore & AuditLog;
  /** Dates of keys. Default: the machine's clock. */
  readonly domainClock?: Clock;
  readonly onFault: (fault: Fault) => void;
  readonly onAnswer?: (answer: Answered) => void;
}

export interface Kms extends AsyncDisposable {
  readonly handler: ServiceHandler;
  readonly regions: OpenRegions;
  /** Lets go of a key that was destroyed: of its record, and of its material in the device. */
  forget(key: DestroyedKey): Promise<void>;
  /** From the next request on these are the identities there are, besides the root. */
  identify(identities: Identities): void;
}

/** The Regions of a device, as one thread has them. */
export interface OpenRegions extends AsyncDisposable {
  readonly parts: ReadonlyMap<string, RegionParts>;
  readonly services: ReadonlyMap<string, RegionService>;
}

/** @throws CkrError, DomainError, RecordIntegrityError, StoreUnavailableError */
export async function openRegions(
  { regions: names, userPin }: Pick<KmsSettings, 'regions' | 'userPin'>,
  { device, store }: Pick<KmsParts, 'device' | 'store'>,
): Promise<OpenRegions> {
  await using opened = new AsyncDisposableStack();
  const slot = await onlySlot(device);
  const parts = new Map<string, RegionParts>();
  for (const region of names) {
    const domain = opened.use(await RegionDomain.open({ slot, userPin, region, store }));
    parts.set(region, { keyStore: domain, mac: domain.recordMac, store });
  }
  const kept = opened.move();
  return {
    parts,
    services: regionServices(parts),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** @throws CkrError, DomainError, RecordIntegrityError, StoreUnavailableError; the store is closed then */
export async function openKms(
  settings: KmsSettings,
  { device, store, domainClock = wallClock, onFault, onAnswer }: KmsParts,
): Promise<Kms> {
  const { serverTiming } = settings;
  await using opened = new AsyncDisposableStack();
  opened.use(store);
  const regions = opened.use(await openRegions(settings, { device, store }));
  const { services } = regions;
  let directory = settings.identities && identityDirectory(settings.identities);
  const callers: Callers = {
    get: (accessKeyId) => directory?.get(accessKeyId),
    exists: (arn) => directory?.exists(arn) ?? false,
  };
  const sessions = new SessionTokens(settings.sessionKey);
  const authenticate = authenticator(settings, callers, sessions);
  const kms = createKmsService({
    authenticate,
    regions: services,
    audit: store,
    domainClock,
    serverTiming,
    onFault,
    ...(onAnswer && { onAnswer }),
  });
  const handler = withQueryServices(kms, {
    authenticate,
    directory: () => directory,
    sessions,
    audit: store,
    wallClock,
    onFault,
  });
  const parts = opened.move();
  return {
    handler,
    regions,
    async forget(key) {
      const service = services.get(key.region);
      service?.keyStore.forget(key);
      // What cannot be refreshed now is at the next request.
      await service?.keys.refresh().catch(() => undefined);
    },
    identify(identities) {
      directory = identityDirectory(identities);
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** A fault in words, for a log. */
export function faultText({ requestId, operation, error }: Fault): string {
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `fault in ${operation ?? 'a request'} ${requestId}: ${what}`;
}

/** Who there is besides the root. */
type Callers = Pick<Directory, 'get' | 'exists'>;

/** @param callers the root goes first */
function authenticator(
  { regions: names, credential, dev }: KmsSettings,
  callers: Callers,
  sessions: SessionTokens,
): Authenticator {
  const regions = new Set(names);
  if (dev) return devAuthenticator({ accountId: credential.accountId, regions });
  const root = new CredentialStore();
  root.addRoot(credential.accountId, credential);
  const { arn: rootArn } = rootPrincipal(credential.accountId, credential.accessKeyId);
  return sigV4Authenticator({
    credentials: { get: (accessKeyId) => root.get(accessKeyId) ?? callers.get(accessKeyId) },
    sessions,
    exists: (arn) => arn === rootArn || callers.exists(arn),
    regions,
    clock: wallClock,
  });
}
