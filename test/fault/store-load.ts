/**
 * A process that writes to a data directory as fast as it is acknowledged, and says so: one line on stdout for
 * each acknowledgement, written before the next request is made. Run by store-*.test.ts, which end it.
 *
 *   node store-load.ts DIRECTORY RUN [COUNT]    ends by itself (SIGKILL, nothing closed) after COUNT rounds
 *
 * Lines: `commit <key> <version>`, `append <eventId>`, `failed <error name>`, `ready`.
 */
import { writeSync } from 'node:fs';
import { lockDataDirectory } from '../../src/store/data-directory.ts';
import type { Change } from '../../src/store/metadata-store.ts';
import { openStoreClient } from '../../src/store/store-client.ts';
import { startStoreWriter } from '../../src/store/store-writer.ts';

const [directory = '', run = '', count = 'Infinity'] = process.argv.slice(2);
const lock = lockDataDirectory(directory);
const writer = await startStoreWriter({ lock, deviceId: 'device', auditSyncMs: 20 });
const clients = [openStoreClient(writer.connect()), openStoreClient(writer.connect())] as const;
const say = (line: string) => writeSync(1, `${line}\n`);
const event = (eventId: string) => ({
  eventId,
  requestId: run,
  timeMs: 0,
  region: 'r',
  userAgent: 'x'.repeat(200),
});

function put(key: string, version: number): Change {
  const body = Buffer.from(`${key}:${version}:${'b'.repeat((version * 37) % 900)}`);
  return { kind: 'put', table: 'keys', key, version, body, mac: new Uint8Array(32) };
}

async function attempt(line: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
    say(line);
  } catch (error) {
    say(`failed ${(error as Error).name}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function mutate(lane: number): Promise<void> {
  const key = `${run}/${lane}`;
  let version = 1;
  for (let round = 0; round < Number(count); round++) {
    const id = `m ${key} ${version}`;
    await attempt(`commit ${key} ${version}`, async () => {
      await clients[lane % 2 === 0 ? 0 : 1].commit({
        changes: [put(key, version)],
        audit: JSON.stringify(event(id)),
      });
      version++;
    });
  }
}

async function record(lane: number): Promise<void> {
  for (let round = 0; round < Number(count); round++) {
    const id = `a ${run}/${lane} ${round}`;
    await attempt(`append ${id}`, () => clients[lane % 2 === 0 ? 0 : 1].append(event(id)));
  }
}

say('ready');
await Promise.all([...[0, 1, 2].map(mutate), ...[0, 1, 2, 3].map(record)]);
process.kill(process.pid, 'SIGKILL');
