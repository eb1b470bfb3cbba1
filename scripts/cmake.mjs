/**
 * What the scripts that build with CMake alone share: what the machine has, and one build at a time in a folder.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { withLock } from './lock.mjs';
import { root } from './node-headers.mjs';

/** The old convention for "skipped": what such a script ends with when the machine cannot build. */
export const unavailableExitCode = 77;
const compiler = process.env.CXX ?? 'c++';

/** Exit code of a command run in the repository's root. */
export function run(command, options, extra = {}) {
  return spawnSync(command, options, { cwd: root, stdio: 'inherit', ...extra }).status ?? 1;
}

export const has = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

/** The first thing missing of CMake, a compiler and the headers of these `[header, package]`; undefined: nothing is. */
export function whatIsMissing(headers) {
  if (!has('cmake')) return 'cmake';
  if (!has(compiler)) return 'a C++ compiler';
  for (const [header, name] of headers) {
    const check = { input: `#include <${header}>\n`, stdio: ['pipe', 'ignore', 'ignore'] };
    if (run(compiler, ['-std=c++20', '-fsyntax-only', '-x', 'c++', '-'], check) !== 0) return name;
  }
  return undefined;
}

/** Configures and compiles in `directory`, relative to the root. Resolves to whether that worked. */
export function build(directory, definitions) {
  mkdirSync(join(root, dirname(directory)), { recursive: true });
  return withLock(join(root, `${directory}.lock`), () => {
    const generator = has('ninja') ? ['-G', 'Ninja'] : [];
    const configure = ['-S', '.', '-B', directory, ...generator, ...definitions];
    const quiet = { stdio: ['ignore', 'ignore', 'inherit'] };
    if (run('cmake', configure, quiet) !== 0) return false;
    const jobs = String(availableParallelism());
    return run('cmake', ['--build', directory, '--parallel', jobs]) === 0;
  });
}
