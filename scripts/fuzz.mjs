/**
 * Builds the fuzz targets of native/fuzz with clang and runs them side by side, each from its corpus.
 *
 *   node scripts/fuzz.mjs [--seconds 60] [--only NAME] [--seed N] [--grow]
 *
 * A new input that breaks a promise is left in build-fuzz/found/, and the exit code is 1; with --grow what reached
 * something new is added to the corpus. Ends 77 (the old convention for "skipped") when the machine cannot build them.
 */

import { spawn } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, has, run, unavailableExitCode, whatIsMissing } from './cmake.mjs';
import { root } from './node-headers.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    grow: { type: 'boolean', default: false },
  },
});
const directory = 'build-fuzz';
const found = join(root, directory, 'found');
const quiet = { stdio: 'ignore' };
/** Characters of a log, from its end, that are printed for a target that found something. */
const LOG_SHOWN = 8000;

const missing = has('clang++')
  ? whatIsMissing([['openssl/evp.h', 'libssl-dev']])
  : 'clang++ (Debian package clang)';
if (missing) {
  console.error(`fuzz targets unavailable: ${missing} is missing`);
  process.exit(unavailableExitCode);
}
const clang = ['-DCMAKE_C_COMPILER=clang', '-DCMAKE_CXX_COMPILER=clang++'];
if (!(await build(directory, ['-DSTRONGROOM_FUZZ=ON', ...clang]))) process.exit(1);
mkdirSync(found, { recursive: true });

/** Resolves to the exit code of a target that ran for its time. */
function fuzz(target) {
  const corpus = join(root, 'native', 'fuzz', 'corpus', target);
  const growing = mkdtempSync(join(tmpdir(), `strongroom-${target}-`));
  const options = [
    `-max_total_time=${values.seconds}`,
    `-seed=${values.seed}`,
    '-timeout=25',
    '-rss_limit_mb=4096',
    '-max_len=4096',
    '-print_final_stats=1',
    '-print_funcs=0',
    '-verbosity=0',
    `-artifact_prefix=${found}/${target}-`,
  ];
  const log = join(root, directory, `${target}.log`);
  const output = openSync(log, 'w');
  const child = spawn(join(root, directory, target), [...options, growing, corpus], {
    stdio: ['ignore', output, output],
  });
  return new Promise((resolve) => {
    child.once('close', (code) => {
      if (values.grow && code === 0)
        run(join(root, directory, target), ['-merge=1', '-verbosity=0', corpus, growing], quiet);
      rmSync(growing, { recursive: true, force: true });
      closeSync(output);
      const said = readFileSync(log, 'utf8');
      const inputs = /number_of_executed_units: (\d+)/.exec(said)?.[1] ?? 'no';
      const verdict = code === 0 ? 'nothing found' : `ended ${code}`;
      console.log(
        `${target}: ${inputs} inputs in ${values.seconds} s, seed ${values.seed}: ${verdict}`,
      );
      if (code !== 0) console.log(said.slice(-LOG_SHOWN));
      resolve(code ?? 1);
    });
  });
}

const targets = readdirSync(join(root, 'native', 'fuzz'))
  .filter((name) => name.endsWith('_fuzzer.cc') && name.includes(values.only))
  .map((name) => name.replace('.cc', ''));
const codes = await Promise.all(targets.map(fuzz));
process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
