/** kill -9 under load: what was acknowledged is there, numbered without a gap, round after round. */
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { generator, seed } from '../support/random.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { checkDirectory, ended, listen, nothing, startLoad } from './store-check.ts';

const rounds = 10;

describe('a server killed while it writes', () => {
  it(`loses nothing it acknowledged (seed ${seed}, set STRONGROOM_SEED to repeat)`, async () => {
    const random = generator(seed);
    const directory = join(scratchDirectory(), 'data');
    const acknowledged = nothing();
    let restored = 0;
    let torn = 0;
    for (let round = 0; round < rounds; round++) {
      const child = startLoad([directory, `r${round}`]);
      listen(child.stdout, acknowledged);
      const end = ended(child);
      await once(child.stdout, 'data');
      await sleep(random() * 300);
      child.kill('SIGKILL');
      await end;
      const recovery = await checkDirectory(directory, acknowledged);
      restored += recovery.restoredRecords;
      torn += recovery.tornBytes > 0 ? 1 : 0;
    }
    const commits = [...acknowledged.versions.values()].reduce((sum, version) => sum + version, 0);
    process.stdout.write(
      `seed ${seed}: ${rounds} kills, ${commits} commits and ${acknowledged.events.size} audit records acknowledged, all there; ` +
        `${restored} audit lines restored from the store, ${torn} torn lines cut\n`,
    );
    expect(commits).toBeGreaterThan(rounds);
    expect(acknowledged.failures).toBe(0);
  });
});
