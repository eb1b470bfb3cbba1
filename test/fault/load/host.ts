/**
 * Hosts a service that is put under load, and measures it when asked. Its parent starts it with --expose-gc.
 *
 *   argv: flags of `strongroom serve`; -> {kind: 'ready', ...}; <- 'measure' -> {kind: 'measured', ...}; <- 'stop'
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseServeOptions } from '../../../src/cli/serve/options.ts';
import type { ReadyInfo } from '../../../src/cli/serve/ready-file.ts';
import { startService } from '../../../src/cli/serve/service.ts';

export interface Measured {
  readonly kind: 'measured';
  /** After a forced collection: what JavaScript keeps, and what it keeps outside its heap. */
  readonly usedBytes: number;
  /** Of the whole process, after the same. */
  readonly rssBytes: number;
  /** Since the last time: how late timers of the main thread were. */
  readonly delayP99Ms: number;
}
export type FromLoadHost = { readonly kind: 'ready'; readonly ready: ReadyInfo } | Measured;

const RESOLUTION_MS = 1;
/** The collector frees what finalizers let go of only the next time. */
const COLLECTIONS = 4;

const collect = (globalThis as { readonly gc?: () => void }).gc;
if (collect === undefined) throw new Error('started without --expose-gc');
const send = (message: FromLoadHost): void => void process.send?.(message);
const service = await startService(parseServeOptions(process.argv.slice(2)));
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();

async function measure(): Promise<void> {
  const delayP99Ms = delay.percentile(99) / 1e6 - RESOLUTION_MS;
  for (let turn = 0; turn < COLLECTIONS; turn++) {
    collect?.();
    await sleep(20);
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  delay.reset();
  send({ kind: 'measured', usedBytes: heapUsed + external, rssBytes: rss, delayP99Ms });
}

process.on('message', (order) => {
  if (order === 'measure') void measure();
  else void service.stop().then(() => process.disconnect());
});
send({ kind: 'ready', ready: service.ready });
