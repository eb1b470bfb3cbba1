/**
 * npm run soak -- [--only NAME] [--scale X]: what takes too long for every change, run by hand. Each part prints its seed and
 * its result; the exit code is 1 if one failed.
 *
 *   fuzz     each fuzz target for an hour
 *   images   5,000 crash images of a whole KMS
 *   kills    2,000 kill -9 of a KMS under load
 *   load     10 minutes of full load on 64 connections, after its warm-up
 *
 * --scale 0.01 runs a hundredth of each, to see that it works.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './node-headers.mjs';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    scale: { type: 'string', default: '1' },
  },
});
const scale = Number(values.scale);
if (!(scale > 0)) throw new Error('--scale takes a number above 0');
const scaled = (count) => String(Math.max(1, Math.round(count * scale)));

const vitest = (project, file) => [
  join(root, 'node_modules', '.bin', 'vitest'),
  ['run', '--project', project, file],
];
const parts = {
  fuzz: { command: [process.execPath, ['scripts/fuzz.mjs', '--seconds', scaled(3600)]] },
  images: {
    command: vitest('fault', 'test/fault/crash-images.test.ts'),
    environment: { STRONGROOM_CRASH_IMAGES: scaled(5000) },
  },
  kills: {
    command: vitest('fault', 'test/fault/server-kill.test.ts'),
    environment: { STRONGROOM_KILL_ROUNDS: scaled(2000) },
  },
  load: {
    command: vitest('fault', 'test/fault/load.test.ts'),
    environment: { STRONGROOM_LOAD_SECONDS: scaled(600) },
  },
};

const failed = [];
for (const [name, { command, environment }] of Object.entries(parts)) {
  if (!name.includes(values.only)) continue;
  console.log(`##### ${name}`);
  const [program, options] = command;
  const done = spawnSync(program, options, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  });
  if (done.status !== 0) failed.push(name);
}
console.log(failed.length === 0 ? 'soak: nothing failed' : `soak: failed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
