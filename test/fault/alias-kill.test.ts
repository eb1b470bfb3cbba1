/** kill -9 while aliases change: each alias's key lists it, and each key's aliases point to it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { lockDataDirectory } from '../../src/store/data-directory.ts';
import type { StoredRecord } from '../../src/store/metadata-store.ts';
import { openStoreClient } from '../../src/store/store-client.ts';
import { startStoreWriter } from '../../src/store/store-writer.ts';
import { scratchDirectory } from '../support/scratch.ts';

const rounds = 6;

const bodyOf = ({ body }: StoredRecord) => JSON.parse(Buffer.from(body).toString());

async function read(directory: string) {
  using lock = lockDataDirectory(directory);
  const writer = await startStoreWriter({ lock, deviceId: 'device' });
  const store = openStoreClient(writer.connect());
  const keys = await store.list('keys', { limit: 100 });
  const aliases = await store.list('aliases', { limit: 100 });
  const changeCount = store.sequence();
  await store[Symbol.asyncDispose]();
  await writer.close();
  return { keys: keys.map(bodyOf), aliases: aliases.map(bodyOf), changeCount };
}

it('aliases and their keys agree after every kill', { timeout: 60_000 }, async () => {
  const directory = join(scratchDirectory(), 'data');
  let changes = 0;
  let withAliases = 0;
  for (let round = 0; round < rounds; round++) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'alias-load.ts'), directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const end = once(child, 'exit');
    await once(child.stdout, 'data');
    await sleep(50 + Math.random() * 250);
    child.kill('SIGKILL');
    // Not by itself: an error in there is one of the repositories'.
    expect(await end).toEqual([null, 'SIGKILL']);
    const { keys, aliases, changeCount } = await read(directory);
    const listed = keys.flatMap(({ keyId, aliases: names }) =>
      names.map((name: string) => `${name} ${keyId}`),
    );
    const pointing = aliases.map(({ aliasName, targetKeyId }) => `${aliasName} ${targetKeyId}`);
    expect(listed.sort()).toEqual(pointing.sort());
    for (const { aliases: names } of keys) expect(names).toEqual([...names].sort());
    expect(changeCount).toBeGreaterThan(changes);
    changes = changeCount;
    withAliases += aliases.length > 0 ? 1 : 0;
  }
  process.stdout.write(`${rounds} kills, ${changes} transactions over aliases and keys\n`);
  expect(withAliases).toBeGreaterThan(0);
});
