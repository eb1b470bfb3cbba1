/** No room for files to grow: requests fail closed, the process lives, and goes on when there is room again. */
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scratchDirectory } from '../support/scratch.ts';
import { checkDirectory, ended, listen, nothing, startLoad } from './store-check.ts';

const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0;
if (!hasPrlimit) process.stdout.write('store-full: skipped, no prlimit (util-linux) here\n');

describe.skipIf(!hasPrlimit)('files that may not grow', () => {
  // The limit is on every file of the process: 200 kB stop the audit log and the write-ahead log alike.
  it('fail requests until they may, and lose nothing', async () => {
    const directory = join(scratchDirectory(), 'data');
    const acknowledged = nothing();
    const child = startLoad([directory, 'full'], ['prlimit', '--fsize=200000:unlimited', '--']);
    listen(child.stdout, acknowledged);
    const end = ended(child);
    await once(child.stdout, 'data');
    await expect.poll(() => acknowledged.failures, { timeout: 10_000 }).toBeGreaterThan(40);
    expect(child.exitCode).toBeNull();
    expect(statSync(join(directory, 'audit.jsonl')).size).toBeLessThanOrEqual(200_000);
    const before = acknowledged.events.size;
    expect(before).toBeGreaterThan(100);

    execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited:unlimited']);
    await expect
      .poll(() => acknowledged.events.size, { timeout: 10_000 })
      .toBeGreaterThan(before + 200);
    child.kill('SIGKILL');
    await end;
    await checkDirectory(directory, acknowledged);
    process.stdout.write(
      `store-full: ${acknowledged.failures} requests refused, ${acknowledged.events.size} acknowledged, all there\n`,
    );
  });
});
