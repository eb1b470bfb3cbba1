/**
 * What one audit record costs the thread that serves requests: `node bench/audit-append.ts`.
 * A closed loop of 16 requests in flight, each a turn of the event loop and one append(); printed are CPU
 * microseconds of this thread and throughput, with the append and without, in turns.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditEvent } from '../src/audit/audit-log.ts';
import { lockDataDirectory } from '../src/store/data-directory.ts';
import { openStoreClient } from '../src/store/store-client.ts';
import { startStoreWriter } from '../src/store/store-writer.ts';

const inFlight = Number(process.argv[2] ?? 16);
const roundMs = 1000;
const rounds = 5;

const event: AuditEvent = {
  eventId: 'f3a1c2d4-0000-4000-8000-000000000001',
  requestId: 'f3a1c2d4-0000-4000-8000-000000000002',
  timeMs: 1_750_000_000_000,
  region: 'eu-west-1',
  operation: 'Encrypt',
  principal: {
    type: 'Root',
    arn: 'arn:aws:iam::000000000000:root',
    accountId: '000000000000',
    accessKeyId: 'AKIAEXAMPLE0000000',
  },
  sourceAddress: '127.0.0.1',
  userAgent: 'aws-sdk-js/3.1164.0 ua/2.1 os/linux lang/js md/nodejs#24.21.0 api/kms#3.1164.0',
  readOnly: true,
  parameters: {
    keyId: '1234abcd-12ab-34cd-56ef-1234567890ab',
    encryptionAlgorithm: 'SYMMETRIC_DEFAULT',
    encryptionContext: { purpose: 'bench' },
  },
  resources: ['arn:aws:kms:eu-west-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab'],
};

const directory = mkdtempSync(join(tmpdir(), 'sr-bench-'));
{
  using lock = lockDataDirectory(directory);
  await using writer = await startStoreWriter({ lock, deviceId: 'bench' });
  await using client = openStoreClient(writer.connect());
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  const results: Record<string, [number, number][]> = { without: [], append: [] };
  for (let round = 0; round <= rounds; round++) {
    for (const [name, work] of [
      ['without', turn],
      ['append', () => client.append(event)],
    ] as const) {
      const until = performance.now() + roundMs;
      const before = process.threadCpuUsage();
      const started = performance.now();
      let count = 0;
      await Promise.all(
        Array.from({ length: inFlight }, async () => {
          while (performance.now() < until) {
            await turn();
            await work();
            count++;
          }
        }),
      );
      const { user, system } = process.threadCpuUsage(before);
      if (round > 0)
        results[name]?.push([
          (user + system) / count,
          (count * 1000) / (performance.now() - started),
        ]);
    }
  }
  const median = (values: number[]) =>
    values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
  for (const [name, samples] of Object.entries(results)) {
    const cpu = median(samples.map(([us]) => us));
    const rate = median(samples.map(([, perSecond]) => perSecond));
    console.log(
      `${name.padEnd(8)} ${inFlight} in flight: ${cpu.toFixed(2)} us CPU of the thread, ${rate.toFixed(0)} /s`,
    );
  }
}
rmSync(directory, { recursive: true });
