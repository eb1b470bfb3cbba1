/**
 * Entry of a worker thread that serves HTTP. Joins the main thread's application on the device, says 'ready', and
 * closes when told.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { attachDevice } from '../../link/in-process.ts';
import type { StoreDescriptor } from '../../store/protocol.ts';
import { openStoreClient } from '../../store/store-client.ts';
import { type HttpThreadOptions, openHttpThread } from './http-thread.ts';

export interface HttpWorkerData {
  readonly attachId: Uint8Array;
  readonly store: StoreDescriptor;
  readonly thread: HttpThreadOptions;
}

/** What the worker says; a worker that cannot start throws instead. */
export type FromHttpWorker = { readonly kind: 'ready'; readonly port: number };
export type ToHttpWorker = { readonly kind: 'close'; readonly graceMs: number };

if (parentPort === null) throw new Error('http-worker runs as a worker thread');
const port = parentPort;
const { attachId, store, thread: options } = workerData as HttpWorkerData;
const device = await attachDevice(attachId);
const thread = await openHttpThread(device, openStoreClient(store), options);
port.once('message', async ({ graceMs }: ToHttpWorker) => {
  await thread.close(graceMs);
  await device.close();
  port.close();
});
port.postMessage({ kind: 'ready', port: thread.port } satisfies FromHttpWorker);
