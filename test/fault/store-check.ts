/** What a data directory must hold after store-load.ts was ended there, whatever ended it. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { expect } from 'vitest';
import { verifyAuditFile } from '../../src/audit/verify.ts';
import { lockDataDirectory } from '../../src/store/data-directory.ts';
import { openStoreClient } from '../../src/store/store-client.ts';
import { type StoreWriter, startStoreWriter } from '../../src/store/store-writer.ts';

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What was acknowledged: newest version of each key, ids of audit events. */
export interface Acknowledged {
  readonly versions: Map<string, number>;
  readonly events: Set<string>;
  failures: number;
}

export const nothing = (): Acknowledged => ({
  versions: new Map(),
  events: new Set(),
  failures: 0,
});

/** Reads the lines of a load process into `acknowledged`; an incomplete last line counts as not said. */
export function listen(stdout: Readable, acknowledged: Acknowledged): void {
  let rest = '';
  stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [kind = '', first = '', second = ''] = line.split(' ');
      if (kind === 'commit') {
        acknowledged.versions.set(first, Number(second));
        acknowledged.events.add(`m ${first} ${second}`);
      } else if (kind === 'append') acknowledged.events.add(line.slice('append '.length));
      else if (kind === 'failed') acknowledged.failures++;
    }
  });
}

/** Starts a load process. @param wrap a command to run it under. */
export function startLoad(
  args: readonly string[],
  wrap: readonly string[] = [],
): ChildProcessByStdio<null, Readable, null> {
  const [command = process.execPath, ...before] = [...wrap, process.execPath];
  const program = join(import.meta.dirname, 'store-load.ts');
  return spawn(command, [...before, program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
}

export async function ended(child: ChildProcessByStdio<null, Readable, null>): Promise<void> {
  await Promise.all([once(child, 'exit'), once(child.stdout, 'end')]);
}

/** Opens the directory and finds everything acknowledged, and of everything else all or nothing. */
export async function checkDirectory(
  directory: string,
  acknowledged: Acknowledged,
): Promise<StoreWriter['recovery']> {
  using lock = lockDataDirectory(directory);
  const writer = await startStoreWriter({ lock, deviceId: 'device' });
  const store = openStoreClient(writer.connect());
  try {
    const records = await store.list('keys', { limit: 100_000 });
    const ids: string[] = [];
    // Numbers without gaps and an unbroken chain are part of the verification.
    await verifyAuditFile(lock.path('audit'), sha256, (line) =>
      ids.push(JSON.parse(line).event.eventId),
    );
    expect(new Set(ids).size).toBe(ids.length);
    const logged = new Set(ids);
    expect([...acknowledged.events].filter((id) => !logged.has(id))).toEqual([]);

    const versions = new Map(records.map(({ key, version }) => [key, version]));
    for (const [key, version] of acknowledged.versions)
      expect(versions.get(key) ?? 0).toBeGreaterThanOrEqual(version);
    for (const { key, version, body } of records) {
      expect(Buffer.from(body).toString()).toMatch(new RegExp(`^${key}:${version}:b*$`));
    }
    const mutations = records.flatMap(({ key, version }) =>
      Array.from({ length: version }, (_, i) => `m ${key} ${i + 1}`),
    );
    expect(ids.filter((id) => id.startsWith('m ')).sort()).toEqual(mutations.sort());
    expect(store.sequence()).toBe(mutations.length);
    return writer.recovery;
  } finally {
    await store[Symbol.asyncDispose]();
    await writer.close();
  }
}
