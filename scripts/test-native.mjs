/**
 * Builds and runs the C++ tests: token and frame against the system OpenSSL 3.0, under sanitizers.
 *
 *   node scripts/test-native.mjs [--sanitize address,undefined|thread] [gtest options, such as --gtest_filter=Drbg.*]
 *
 * Ends 77 (the old convention for "skipped") when the machine cannot build them. Each set of sanitizers has its own
 * folder under build-native/, and only what changed is compiled again.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { root } from './node-headers.mjs';

const unavailableExitCode = 77;
const compiler = process.env.CXX ?? 'c++';

function run(command, options, extra = {}) {
  return spawnSync(command, options, { cwd: root, stdio: 'inherit', ...extra }).status ?? 1;
}

const has = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

function whatIsMissing() {
  if (!has('cmake')) return 'cmake';
  if (!has(compiler)) return 'a C++ compiler';
  for (const [header, name] of [
    ['gtest/gtest.h', 'libgtest-dev'],
    ['openssl/evp.h', 'libssl-dev'],
  ]) {
    const check = { input: `#include <${header}>\n`, stdio: ['pipe', 'ignore', 'ignore'] };
    if (run(compiler, ['-std=c++20', '-fsyntax-only', '-x', 'c++', '-'], check) !== 0) return name;
  }
  return undefined;
}

/** Configures and compiles; returns the test program, or undefined when that failed. */
function build(sanitize) {
  const directory = join('build-native', sanitize.replaceAll(',', '-'));
  mkdirSync(join(root, directory), { recursive: true });
  return withLock(join(root, `${directory}.lock`), () => {
    const generator = has('ninja') ? ['-G', 'Ninja'] : [];
    const definitions = ['-DSTRONGROOM_TESTS=ON', `-DSTRONGROOM_SANITIZE=${sanitize}`];
    const quiet = { stdio: ['ignore', 'ignore', 'inherit'] };
    if (run('cmake', ['-S', '.', '-B', directory, ...generator, ...definitions], quiet) !== 0)
      return undefined;
    const jobs = String(availableParallelism());
    if (run('cmake', ['--build', directory, '--parallel', jobs]) !== 0) return undefined;
    return join(root, directory, 'strongroom_native_tests');
  });
}

const options = process.argv.slice(2);
const at = options.indexOf('--sanitize');
const sanitize = at < 0 ? 'address,undefined' : options.splice(at, 2)[1];

const missing = whatIsMissing();
if (missing) {
  console.error(`native tests unavailable: ${missing} is missing`);
  process.exit(unavailableExitCode);
}
const program = await build(sanitize);
if (program === undefined) process.exit(1);

const environment = {
  ASAN_OPTIONS: 'detect_stack_use_after_return=1:check_initialization_order=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'second_deadlock_stack=1',
  ...process.env,
};
// ThreadSanitizer of older compilers cannot map its shadow where newer kernels put random addresses.
const command = sanitize === 'thread' && has('setarch') ? ['setarch', '-R', program] : [program];
process.exitCode = run(command[0], [...command.slice(1), '--gtest_brief=1', ...options], {
  env: environment,
});
