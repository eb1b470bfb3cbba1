/**
 * Entry of a worker thread that serves HTTP. Joins the main thread's application on the device, says 'ready', lets go of
 * destroyed keys, tells its metrics and closes when told.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { DestroyedKey } from '../../kms/due/due-work.ts';
import { attachDevice } from '../../link/in-process.ts';
import type { MetricsSnapshot } from '../../metrics/service-metrics.ts';
import type { Identities } from '../../server/identities.ts';
import type { StoreDescriptor } from '../../store/protocol.ts';
import { openStoreClient } from '../../store/store-client.ts';
import { type HttpThreadOptions, openHttpThread } from './http-thread.ts';

export interface HttpWorkerData {
  readonly attachId: Uint8Array;
  readonly store: StoreDescriptor;
  readonly thread: HttpThreadOptions;
}

/** What the worker says; a worker that cannot start throws instead. */
export type FromHttpWorker =
  | { readonly kind: 'ready'; readonly port: number }
  /** Of the order of 'forget'. */
  | { readonly kind: 'forgotten' }
  /** Of the order of 'identify'. */
  | { readonly kind: 'identified' }
  /** Of the order of 'metrics'. */
  | { readonly kind: 'metrics'; readonly snapshot: MetricsSnapshot };
export type ToHttpWorker =
  | { readonly kind: 'close'; readonly graceMs: number }
  | { readonly kind: 'forget'; readonly key: DestroyedKey }
  | { readonly kind: 'identify'; readonly identities: Identities }
  | { readonly kind: 'metrics' };

if (parentPort === null) throw new Error('http-worker runs as a worker thread');
const port = parentPort;
const { attachId, store, thread: options } = workerData as HttpWorkerData;
const device = await attachDevice(attachId);
const thread = await openHttpThread(device, openStoreClient(store), options);
const say = (message: FromHttpWorker): void => port.postMessage(message);
port.on('message', async (message: ToHttpWorker) => {
  if (message.kind === 'forget') {
    await thread.forget(message.key);
    say({ kind: 'forgotten' });
    return;
  }
  if (message.kind === 'identify') {
    thread.identify(message.identities);
    say({ kind: 'identified' });
    return;
  }
  if (message.kind === 'metrics') {
    say({ kind: 'metrics', snapshot: await thread.metrics() });
    return;
  }
  await thread.close(message.graceMs);
  await device.close();
  port.close();
});
say({ kind: 'ready', port: thread.port });
