/**
 * One HTTP thread: a KMS over its share of the device and of the store, and the HTTP server in front of it. The main
 * thread is one when it serves alone; otherwise each worker is one.
 */
import type { AuditLog } from '../../audit/audit-log.ts';
import { DomainClock, wallClock } from '../../clock/clock.ts';
import type { Device } from '../../hsm/index.ts';
import { startHttpServer, type TlsIdentity } from '../../http/server.ts';
import type { DestroyedKey } from '../../kms/due/due-work.ts';
import {
  type MetricsSnapshot,
  ServiceMetrics,
  type ServiceReadings,
} from '../../metrics/service-metrics.ts';
import type { Identities } from '../../server/identities.ts';
import { faultText, type KmsSettings, openKms } from '../../server/kms.ts';
import { kmsReadings } from '../../server/readings.ts';
import type { MetadataStore } from '../../store/metadata-store.ts';

/** What a thread is given; survives structured cloning. */
export interface HttpThreadOptions extends KmsSettings {
  /** For metrics. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Several threads listen on the one port. */
  readonly reusePort: boolean;
  /** Undefined: HTTP without TLS. */
  readonly tls: TlsIdentity | undefined;
  /** Of the service's domain clock. */
  readonly domainClock: SharedArrayBuffer;
}

export interface HttpThread {
  readonly port: number;
  /** Lets go of a key that was destroyed. */
  forget(key: DestroyedKey): Promise<void>;
  /** From now on these are the identities there are, besides the root. */
  identify(identities: Identities): void;
  metrics(): Promise<MetricsSnapshot>;
  /** Stops accepting, finishes what is in flight within `graceMs`, lets go of store and device. */
  close(graceMs: number): Promise<void>;
}

/**
 * @param store closed with the thread
 * @param ofService what the metrics of the one thread tell of the whole service
 * @throws CkrError, DomainError, RecordIntegrityError, StoreUnavailableError; errors of listen(2)
 */
export async function openHttpThread(
  device: Device,
  store: MetadataStore & AuditLog,
  options: HttpThreadOptions,
  ofService?: () => Promise<ServiceReadings>,
): Promise<HttpThread> {
  await using opened = new AsyncDisposableStack();
  const metrics = new ServiceMetrics(options.name, async () => ({
    ...kmsReadings(device, kms.regions),
    ...(await ofService?.()),
  }));
  const kms = opened.use(
    await openKms(options, {
      device,
      store,
      domainClock: new DomainClock(wallClock, options.domainClock),
      onFault: (fault) => void process.stderr.write(`${faultText(fault)}\n`),
      onAnswer: (answer) => metrics.count(answer),
    }),
  );
  const { host, port, reusePort, tls } = options;
  const server = await startHttpServer({ handler: kms.handler, host, port, reusePort, tls });
  const parts = opened.move();
  return {
    port: server.port,
    forget: (key) => kms.forget(key),
    identify: (identities) => kms.identify(identities),
    metrics: () => metrics.snapshot(),
    async close(graceMs) {
      await server.close(graceMs);
      await parts.disposeAsync();
    },
  };
}
