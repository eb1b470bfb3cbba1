/**
 * The HTTP threads of a server: the main thread alone, or workers that share its port, its device and its store.
 */
import { Worker } from 'node:worker_threads';
import { probeBind } from '../../http/bind.ts';
import type { DestroyedKey, DueLoad } from '../../kms/due/due-work.ts';
import {
  type MetricsSnapshot,
  ServiceMetrics,
  type ServiceReadings,
} from '../../metrics/service-metrics.ts';
import type { Foundation } from '../../server/foundation.ts';
import type { Identities } from '../../server/identities.ts';
import { deviceReadings, noReadings } from '../../server/readings.ts';
import { workerUrl } from '../../store/worker-url.ts';
import { type HttpThreadOptions, openHttpThread } from './http-thread.ts';
import type { FromHttpWorker, HttpWorkerData, ToHttpWorker } from './http-worker.ts';

/** How long requests in flight may take to finish at the end, ms. */
const GRACE_MS = 10_000;

export interface HttpThreadsOptions {
  /** 1: the calling thread serves. */
  readonly count: number;
  readonly thread: Omit<HttpThreadOptions, 'reusePort' | 'name'>;
  readonly foundation: Foundation;
  /** For metrics. */
  readonly due: () => Promise<DueLoad>;
  /** What is opened goes here; it closes before the foundation. */
  readonly parts: AsyncDisposableStack;
  /** A thread ended that was not told to. */
  readonly onLost: () => void;
}

export interface HttpThreads {
  readonly port: number;
  /** Lets go of a key that was destroyed, in all of them. */
  forget(key: DestroyedKey): Promise<void>;
  /** Resolves when all of them go by these identities. */
  identify(identities: Identities): Promise<void>;
  /** Of all of them. */
  metrics(): Promise<MetricsSnapshot[]>;
}

/** Opens the threads. */
export async function openHttpThreads(options: HttpThreadsOptions): Promise<HttpThreads> {
  const { count, thread, foundation, parts, due } = options;
  const ofService = async (): Promise<ServiceReadings> => ({
    device: await deviceReadings(foundation.device),
    due: await due(),
  });
  if (count > 1) return openWorkers(options, ofService);
  const store = foundation.openStore();
  const settings = { ...thread, reusePort: false, name: 'main' };
  const http = await openHttpThread(foundation.device, store, settings, ofService);
  parts.defer(() => http.close(GRACE_MS));
  return {
    port: http.port,
    forget: (key) => http.forget(key),
    identify: async (identities) => http.identify(identities),
    metrics: async () => [await http.metrics()],
  };
}

async function openWorkers(
  { count, thread, foundation, parts, onLost }: HttpThreadsOptions,
  ofService: () => Promise<ServiceReadings>,
): Promise<HttpThreads> {
  const port = await probeBind(thread.host, thread.port);
  const workers: { readonly worker: Worker; readonly ended: Promise<void> }[] = [];
  for (let index = 0; index < count; index += 1) {
    const store = foundation.connect();
    const data: HttpWorkerData = {
      attachId: foundation.device.attachId,
      store,
      thread: { ...thread, port, reusePort: true, name: `http-${index}` },
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
    workers.push({ worker, ended });
    parts.defer(async () => {
      told = true;
      worker.postMessage({ kind: 'close', graceMs: GRACE_MS } satisfies ToHttpWorker);
      await ended;
    });
  }
  const main = new ServiceMetrics('main', async () => ({
    ...noReadings,
    hsmCommands: foundation.device.commandCount,
    ...(await ofService()),
  }));
  return {
    port,
    async forget(key) {
      const order: ToHttpWorker = { kind: 'forget', key };
      await Promise.all(workers.map((each) => answer(each, order, 'forgotten')));
    },
    async identify(identities) {
      const order: ToHttpWorker = { kind: 'identify', identities };
      await Promise.all(workers.map((each) => answer(each, order, 'identified')));
    },
    async metrics() {
      const answers = await Promise.all(
        workers.map((each) => answer(each, { kind: 'metrics' }, 'metrics')),
      );
      const snapshots = answers.flatMap((each) => (each === undefined ? [] : [each.snapshot]));
      return [await main.snapshot(), ...snapshots];
    },
  };
}

type Answer<Kind> = Extract<FromHttpWorker, { readonly kind: Kind }>;

/** Gives a worker an order. @returns its answer; undefined when it has ended */
function answer<Kind extends FromHttpWorker['kind']>(
  { worker, ended }: { readonly worker: Worker; readonly ended: Promise<void> },
  order: ToHttpWorker,
  kind: Kind,
): Promise<Answer<Kind> | undefined> {
  const answered = new Promise<Answer<Kind>>((resolve) => {
    const listen = (message: FromHttpWorker): void => {
      if (message.kind !== kind) return;
      worker.off('message', listen);
      resolve(message as Answer<Kind>);
    };
    worker.on('message', listen);
  });
  worker.postMessage(order);
  return Promise.race([answered, ended.then(() => undefined)]);
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
