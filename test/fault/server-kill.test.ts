/**
 * kill -9 of a KMS under a mixed load, round after round in one data directory: the next start finds all that was
 * acknowledged, in store, device and audit log.
 *
 * STRONGROOM_KILL_ROUNDS sets their number (50), STRONGROOM_SEED the seed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { generator, seed } from '../support/random.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { readMarks, whatIsLost } from './crash/marks.ts';

const rounds = Number(process.env.STRONGROOM_KILL_ROUNDS ?? 50);
/** Of waiting before the kill, ms: from the start of the process, or from its first acknowledgement. */
const LONGEST_MS = 700;
const load = join(import.meta.dirname, 'crash', 'load.ts');

const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

describe('a KMS that is killed', () => {
  it(`keeps what it acknowledged, ${rounds} times (seed ${seed}, set STRONGROOM_SEED to repeat)`, {
    timeout: 120_000 + rounds * 10_000,
  }, async () => {
    const random = generator(seed);
    const root = join(scratchDirectory(), 'disk');
    mkdirSync(root);
    const marks = join(root, 'marks');
    let inLoad = 0;
    for (let round = 0; round < rounds; round++) {
      const before = read(marks).length;
      const child = spawn(process.execPath, [load, root, `round${round}`], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const ended = once(child, 'exit');
      // Some at any moment from the start on, most under load.
      if (random() < 0.7) while (read(marks).length === before) await sleep(5);
      await sleep(random() * LONGEST_MS);
      child.kill('SIGKILL');
      expect(await ended).toEqual([null, 'SIGKILL']);
      const said = read(marks);
      if (said.length > before) inLoad++;
      // Older rounds' keys were looked at then; what this one left, and all that the log tells of, is looked at now.
      const all = readMarks(said);
      const recent = all.filter(({ lane }) => lane.startsWith(`round${round}-`));
      expect(await whatIsLost(join(root, 'data'), recent), `round ${round}`).toEqual([]);
    }
    // A lane's last key may have been on its way to deletion, which later rounds' clocks then brought about.
    const all = readMarks(read(marks));
    const lastKeys = new Set(new Map(all.map(({ lane, key }) => [lane, key])).values());
    const settled = all.filter(({ key }) => !lastKeys.has(key));
    expect(await whatIsLost(join(root, 'data'), settled)).toEqual([]);
    process.stdout.write(
      `seed ${seed}: ${rounds} kills, ${inLoad} of them under load, ${all.length} acknowledgements, all there\n`,
    );
    expect(inLoad).toBeGreaterThan(rounds / 4);
  });
});
