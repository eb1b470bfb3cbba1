/**
 * The running service: a foundation, the HTTP threads over it, and the admin socket beside it.
 */
import { existsSync } from 'node:fs';
import { AdminPlane, AdminServer } from '../../admin/admin-server.ts';
import {
  backUpCommand,
  clockCommand,
  configReloadCommand,
  deviceCommand,
  domainCommand,
  metricsCommand,
  statusCommand,
  stopCommand,
} from '../../admin/commands.ts';
import type { Device } from '../../hsm/index.ts';
import { probeBind } from '../../http/bind.ts';
import { deviceMemory } from '../../link/in-process.ts';
import { mergeMetrics } from '../../metrics/service-metrics.ts';
import { backUp } from '../../server/backup/back-up.ts';
import { dataDirectory } from '../../server/data-directory.ts';
import { DomainCare } from '../../server/domain-care.ts';
import { ClockControl, openDomainClock } from '../../server/domain-clock.ts';
import { dueFailureText, openDueWork } from '../../server/due-work.ts';
import {
  type DataOptions,
  type Foundation,
  openEphemeral,
  openKept,
} from '../../server/foundation.ts';
import { IdentitiesFile } from '../../server/identities.ts';
import { openRegions } from '../../server/kms.ts';
import { endpointHost } from '../../server/tls/names.ts';
import { onlySlot } from '../../server/token.ts';
import { errorText } from '../../values/unknown.ts';
import { withProgress } from '../progress.ts';
import { announce } from './announce.ts';
import { commandError } from './command-error.ts';
import { openHttpThreads } from './http-threads.ts';
import type { ServeOptions } from './options.ts';
import type { ReadyInfo } from './ready-file.ts';
import { givenCertificate, openTls } from './tls.ts';

/** A service that takes requests. */
export interface Service {
  readonly port: number;
  readonly endpoint: string;
  readonly device: Device;
  /** What its operator may ask and order. */
  readonly admin: AdminPlane;
  /** What whoever started it has to know. */
  readonly ready: ReadyInfo;
  /** Resolves once everything is closed; the first call begins it. */
  stop(): Promise<void>;
  /** Resolves when the service has ended, however it came to that. */
  readonly ended: Promise<void>;
}

/** Starts everything. @throws CommandError with the exit code that fits */
export async function startService(options: ServeOptions): Promise<Service> {
  // In the order of opening; closed in reverse, also when a later part cannot start.
  await using parts = new AsyncDisposableStack();
  try {
    if (options.port !== 0) await probeBind(options.host, options.port);
    const service = await assemble(options, parts);
    const opened = parts.move();
    let stopping: Promise<void> | undefined;
    const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
    const stop = (): Promise<void> => {
      stopping ??= opened.disposeAsync();
      stopping.then(resolve, reject);
      return stopping;
    };
    service.stopRequested.then(stop);
    return { ...service, stop, ended };
  } catch (error) {
    throw commandError(error, options.data?.directory);
  }
}

/** Stretching PINs takes seconds. */
function openData(data: DataOptions, options: ServeOptions): Promise<Foundation> {
  const isNew = !existsSync(dataDirectory(data.directory).hsm);
  return withProgress(isNew ? 'making a device, stretching its PINs' : 'opening the device', () =>
    openKept(data, options),
  );
}

async function assemble(options: ServeOptions, parts: AsyncDisposableStack) {
  const { host, regions, dev, serverTiming } = options;
  const given = givenCertificate(options);
  const foundation: Foundation = parts.use(
    options.data === undefined
      ? await openEphemeral(options)
      : await openData(options.data, options),
  );
  const { device, userPin, credential, sessionKey, data } = foundation;
  const identities =
    options.config === undefined
      ? undefined
      : new IdentitiesFile(options.config, data?.directory.accessKeys);
  const tls = openTls(options, given, foundation, parts);
  const { promise: stopRequested, resolve: requestStop } = Promise.withResolvers<void>();
  void data?.writer.ended.then((error) => {
    if (error !== undefined) process.stderr.write(`the store writer ended: ${error.message}\n`);
    requestStop();
  });
  const domainClock = openDomainClock(data?.directory.clock);
  const store = parts.use(foundation.openStore());
  const dueWork = parts.use(
    await openDueWork({
      regions: parts.use(await openRegions({ regions, userPin }, { device, store })),
      store,
      domainClock,
      onDestroyed: (key) => http.forget(key),
      onFailure: (failure) => void process.stderr.write(`${dueFailureText(failure)}\n`),
    }),
  );
  const http = await openHttpThreads({
    count: options.threads,
    thread: {
      ...{ host, port: options.port, regions, credential, dev, userPin, serverTiming },
      sessionKey,
      identities: identities?.current,
      tls: tls?.identity,
      domainClock: domainClock.shared,
    },
    foundation,
    due: () => dueWork.load(),
    parts,
    onLost: requestStop,
  });
  const { port } = http;
  if (identities !== undefined) {
    parts.use(identities);
    identities.follow({
      apply: (next) => http.identify(next),
      onTaken: (summary) => void process.stderr.write(`${summary}\n`),
      onRefused: (reason) => void process.stderr.write(`${reason}\n`),
    });
  }
  data?.lock.describe({ port });
  dueWork.start();
  const domainCare = parts.use(
    new DomainCare({ device, userPin, regions, openStore: foundation.openStore }),
  );
  // In the background: a service is ready without it, and what is wrong shows in its status.
  domainCare.resume().catch((error) => {
    process.stderr.write(`domain keys cannot be looked after: ${errorText(error)}\n`);
  });
  const clock = new ClockControl({
    clock: domainClock,
    file: data?.directory.clock,
    store,
    region: regions[0] ?? '',
    settle: () => dueWork.settle(),
  });

  const { accountId, accessKeyId, secretAccessKey } = credential;
  const about = {
    endpoint: `${tls === undefined ? 'http' : 'https'}://${endpointHost(host, tls?.x509)}:${port}`,
    port,
    pid: process.pid,
    region: regions[0] ?? '',
    regions,
    accountId,
    ephemeral: data === undefined,
    ...(data !== undefined && { dataDirectory: data.directory.root }),
    ...(data !== undefined && !dev && { credentialsFile: data.directory.credentials }),
    ...(tls?.authority !== undefined && { caFile: tls.authority.file }),
  };
  const startedMs = Date.now();
  const status = async () => {
    const { arena, secureHeap } = deviceMemory(device.attachId);
    const range = ({ start, length }: typeof arena) => ({
      start: `0x${start.toString(16)}`,
      length,
    });
    return {
      ...about,
      threads: options.threads,
      uptimeMs: Date.now() - startedMs,
      device: await device.status(),
      memory: { arena: range(arena), secureHeap: range(secureHeap) },
      clock: clock.show(),
      dueWork: dueWork.status(),
    };
  };
  const { serialNumber: deviceId } = await (await onlySlot(device)).tokenInfo();
  const admin = new AdminPlane([
    statusCommand(status),
    metricsCommand(async () => mergeMetrics(await http.metrics())),
    stopCommand(requestStop),
    clockCommand(clock),
    domainCommand(domainCare),
    ...(identities === undefined ? [] : [configReloadCommand(() => identities.reload())]),
    deviceCommand(device),
    ...(data === undefined ? [] : [backUpCommand((file) => backUp({ ...data, deviceId, file }))]),
  ]);
  if (data !== undefined) parts.use(await AdminServer.listen({ lock: data.lock, plane: admin }));
  announce(foundation, options, tls?.authority, about.endpoint);
  return {
    port,
    endpoint: about.endpoint,
    device,
    admin,
    ready: { event: 'ready', ...about, credentials: { accessKeyId, secretAccessKey } } as const,
    stopRequested,
  };
}
