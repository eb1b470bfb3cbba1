/**
 * `strongroom serve`: takes the data directory, opens (or makes) the device, starts the store writer and the HTTP
 * threads, says it is ready, and ends in order on SIGTERM, SIGINT or `strongroom stop`.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { AdminServer } from '../../admin/admin-server.ts';
import { statusCommand, stopCommand } from '../../admin/commands.ts';
import { CkrError, type Device } from '../../hsm/index.ts';
import { PortInUseError, probeBind } from '../../http/bind.ts';
import { missingRegions } from '../../keystore/provision.ts';
import { RecordIntegrityError } from '../../keystore/record-mac.ts';
import { DomainError } from '../../keystore/region-domain.ts';
import { deviceMemory } from '../../link/in-process.ts';
import { loadAddon } from '../../native/load.ts';
import { DataDirectoryError, lockDataDirectory } from '../../store/data-directory.ts';
import { type StoreWriter, startStoreWriter } from '../../store/store-writer.ts';
import { workerUrl } from '../../store/worker-url.ts';
import { CommandError, EXIT } from '../exit.ts';
import { dataDirectory, hsmDirectory } from './data-directory.ts';
import { addRegions, makeDevice, onlySlot, openHsm, readPin } from './first-boot.ts';
import { type HttpThread, type HttpThreadOptions, openHttpThread } from './http-thread.ts';
import type { FromHttpWorker, HttpWorkerData, ToHttpWorker } from './http-worker.ts';
import { DEV_ACCOUNT_ID, parseServeOptions, type ServeOptions } from './options.ts';
import { rootCredential } from './root-credential.ts';

/** How long requests in flight may take to finish at the end, ms. */
const GRACE_MS = 10_000;

/** A service that takes requests. */
export interface Service {
  readonly port: number;
  readonly endpoint: string;
  readonly device: Device;
  /** The line a supervisor waits for. */
  readonly readyLine: string;
  /** Resolves once everything is closed; the first call begins it. */
  stop(): Promise<void>;
  /** Resolves when the service has ended, however it came to that. */
  readonly ended: Promise<void>;
}

/** The command: starts, waits for the end. @throws CommandError */
export async function serve(argv: readonly string[]): Promise<void> {
  const options = parseServeOptions(argv);
  if (!loadAddon().hardenProcess())
    process.stderr.write('this system does not let core dumps be forbidden\n');
  const service = await startService(options);
  // Before anybody is told that it is ready: the first thing a supervisor sends may be its end.
  let signals = 0;
  const onSignal = (): void => {
    signals += 1;
    if (signals > 1) process.exit(EXIT.failure);
    void service.stop();
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  if (options.readyFile !== undefined) {
    try {
      writeWhole(options.readyFile, `${service.readyLine}\n`);
    } catch (cause) {
      await service.stop();
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CommandError(`the ready file cannot be written: ${reason}`, EXIT.failure, {
        cause,
      });
    }
  }
  process.stdout.write(`${service.readyLine}\n`);
  await service.ended;
}

/** Whoever polls for the file finds all of it. */
function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.next`, text, { mode: 0o600 });
  renameSync(`${file}.next`, file);
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
    throw commandError(error, options);
  }
}

async function assemble(options: ServeOptions, parts: AsyncDisposableStack) {
  const lock = parts.use(lockDataDirectory(options.dataDirectory));
  const directory = dataDirectory(lock.directory);
  const isNew = await makeDevice(directory, options);
  const hsm = hsmDirectory(directory.hsm);
  const userPin = readPin(hsm.userPin);
  const device = parts.use(await openHsm(hsm, false));
  const slot = await onlySlot(device);
  const missing = isNew ? [] : await missingRegions({ slot, userPin, regions: options.regions });
  if (missing.length > 0) await addRegions(slot, missing, userPin, options.soPinFile);
  const credential = options.dev
    ? { accountId: DEV_ACCOUNT_ID, isNew: false }
    : rootCredential(directory.credentials, options.accountId, DEV_ACCOUNT_ID);
  const { serialNumber } = await slot.tokenInfo();
  const writer = parts.use(await startStoreWriter({ lock, deviceId: serialNumber }));

  const thread: Omit<HttpThreadOptions, 'store' | 'port' | 'reusePort'> = {
    host: options.host,
    regions: options.regions,
    accountId: credential.accountId,
    credentialsFile: directory.credentials,
    dev: options.dev,
    serverTiming: options.serverTiming,
    userPin,
  };
  const { promise: stopRequested, resolve: requestStop } = Promise.withResolvers<void>();
  void writer.ended.then((error) => {
    if (error !== undefined) process.stderr.write(`the store writer ended: ${error.message}\n`);
    requestStop();
  });
  const port = await openThreads(options, thread, { device, writer, parts, onLost: requestStop });
  lock.describe({ port });

  const endpoint = `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`;
  const about = {
    endpoint,
    port,
    pid: process.pid,
    regions: options.regions,
    accountId: credential.accountId,
    credentialsFile: directory.credentials,
    dataDirectory: directory.root,
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
    };
  };
  parts.use(
    await AdminServer.listen({ lock, commands: [statusCommand(status), stopCommand(requestStop)] }),
  );
  if (isNew) announceFirstBoot(options, directory.root);
  if (credential.isNew)
    announceCredential(endpoint, directory.credentials, options.regions[0] ?? '');
  return {
    port,
    endpoint,
    device,
    readyLine: JSON.stringify({ event: 'ready', ...about }),
    stopRequested,
  };
}

interface Parts {
  readonly device: Device;
  readonly writer: StoreWriter;
  readonly parts: AsyncDisposableStack;
  /** A thread ended that was not told to. */
  readonly onLost: () => void;
}

/** Opens the HTTP threads. @returns the port they listen on */
async function openThreads(
  options: ServeOptions,
  thread: Omit<HttpThreadOptions, 'store' | 'port' | 'reusePort'>,
  { device, writer, parts, onLost }: Parts,
): Promise<number> {
  if (options.threads === 1) {
    const store = writer.connect();
    const http: HttpThread = await openHttpThread(device, {
      ...thread,
      store,
      port: options.port,
      reusePort: false,
    });
    parts.defer(async () => void (await http.close(GRACE_MS)));
    return http.port;
  }
  const port = await probeBind(options.host, options.port);
  for (let index = 0; index < options.threads; index += 1) {
    const store = writer.connect();
    const data: HttpWorkerData = {
      attachId: device.attachId,
      thread: { ...thread, store, port, reusePort: true },
    };
    const worker = new Worker(workerUrl('./http-worker', import.meta.url), {
      name: `http-${index}`,
      workerData: data,
      transferList: [store.port],
    });
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    let told = false;
    void ended.then(() => {
      if (!told) onLost();
    });
    await workerReady(worker, ended);
    worker.on('error', (error) => process.stderr.write(`an HTTP thread ended: ${error.message}\n`));
    parts.defer(async () => {
      told = true;
      worker.postMessage({ kind: 'close', graceMs: GRACE_MS } satisfies ToHttpWorker);
      await ended;
    });
  }
  return port;
}

function workerReady(worker: Worker, ended: Promise<void>): Promise<FromHttpWorker> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    void ended.then(() => reject(new Error('an HTTP thread ended before it was ready')));
    worker.once('message', (message: FromHttpWorker) => {
      worker.off('error', reject);
      resolve(message);
    });
  });
}

function announceFirstBoot({ soPinFile, regions }: ServeOptions, root: string): void {
  process.stderr.write(
    `made a device for ${regions.join(', ')} in ${root}\n` +
      `the security officer's PIN is in ${soPinFile}, written once: move it to a safe place\n`,
  );
}

function announceCredential(endpoint: string, credentials: string, region: string): void {
  process.stderr.write(
    `\npaste to use it:\n` +
      `  export AWS_SHARED_CREDENTIALS_FILE=${credentials} AWS_REGION=${region}\n` +
      `  aws kms list-keys --endpoint-url ${endpoint}\n\n`,
  );
}

/** What went wrong, in words and with the exit code of docs/operations.md. */
function commandError(error: unknown, { dataDirectory: directory }: ServeOptions): unknown {
  if (error instanceof CommandError) return error;
  const options = { cause: error };
  if (error instanceof DataDirectoryError) {
    const code = error.code === 'IN_USE' ? EXIT.dataDirectoryInUse : EXIT.dataDirectoryRefused;
    return new CommandError(error.message, code, options);
  }
  if (error instanceof PortInUseError)
    return new CommandError(error.message, EXIT.portTaken, options);
  if (error instanceof CkrError) {
    return new CommandError(
      `the device in ${directory}/hsm: ${DEVICE_TROUBLE[error.ckr] ?? error.ckr}`,
      EXIT.dataDirectoryRefused,
      options,
    );
  }
  if (error instanceof DomainError || error instanceof RecordIntegrityError) {
    return new CommandError(
      `data directory ${directory}: ${error.message}`,
      EXIT.dataDirectoryRefused,
      options,
    );
  }
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code !== undefined && syscall !== undefined) {
    const exit =
      syscall === 'listen' || syscall === 'getaddrinfo' ? EXIT.failure : EXIT.dataDirectoryRefused;
    return new CommandError((error as Error).message, exit, options);
  }
  return error;
}

const DEVICE_TROUBLE: Readonly<Record<string, string>> = {
  CKR_STRONGROOM_FLASH_IN_USE: 'its flash is in use by another process',
  CKR_STRONGROOM_FLASH_VERSION: 'its flash was written by a newer version',
  CKR_STRONGROOM_FLASH_INTEGRITY: 'its flash is cut, altered, rolled back or of another device',
  CKR_TOKEN_NOT_PRESENT: 'its flash or its root secret is missing',
  CKR_PIN_INCORRECT: 'the PIN in user-pin is not its own',
  CKR_PIN_LOCKED: 'its user PIN is locked; the security officer can set a new one',
  CKR_DEVICE_ERROR: 'its files cannot be read or written',
  CKR_FIPS_SELF_TEST_FAILED: 'a self-test failed, so it does no cryptography',
};
