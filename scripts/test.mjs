/**
 * `npm test`: every check there is, in one go, and a last line with the counts.
 *
 *   npm test -- [--vectors DIR] [--shared DIR] [--require-tools]
 *
 *   --vectors DIR     published test vectors (Wycheproof and the like); tests find them in STRONGROOM_VECTORS
 *   --shared DIR      files the project gets from outside; STRONGROOM_SHARED
 *   --require-tools   a tool that is not installed is a failure, not a skipped check; STRONGROOM_REQUIRE_TOOLS=1
 *
 * All steps run even when one fails: one run shows everything that is wrong.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { handWrittenFiles } from './native-sources.mjs';
import { root } from './node-headers.mjs';

/** clang-format's output changes with its version; this is the one the code was formatted with (Debian 12). */
const clangFormatMajor = 14;
/** What scripts/test-native.mjs ends with when the machine cannot build the tests. */
const unavailableExitCode = 77;

const counts = { passed: 0, failed: 0, skipped: 0 };
const troubles = [];

function readOptions() {
  const options = { vectors: { type: 'string' }, shared: { type: 'string' } };
  const { values } = parseArgs({ options: { ...options, 'require-tools': { type: 'boolean' } } });
  for (const name of Object.keys(options)) {
    if (values[name] === undefined) continue;
    // npm moves to the package's folder; a relative path means the folder the user stood in.
    values[name] = resolve(process.env.INIT_CWD ?? '.', values[name]);
    if (!existsSync(values[name])) throw new Error(`--${name}: there is no ${values[name]}`);
  }
  return values;
}

let options;
try {
  options = readOptions();
} catch (error) {
  console.error(`npm test: ${error.message}`);
  process.exit(2);
}
const results = mkdtempSync(join(tmpdir(), 'strongroom-test-'));
const gtestResults = join(results, 'gtest.json');
const vitestResults = join(results, 'vitest.json');
const environment = {
  ...process.env,
  ...(options.vectors && { STRONGROOM_VECTORS: options.vectors }),
  ...(options.shared && { STRONGROOM_SHARED: options.shared }),
  ...(options['require-tools'] && { STRONGROOM_REQUIRE_TOOLS: '1' }),
};

const run = (command, ...rest) =>
  spawnSync(command, rest, { cwd: root, env: environment, stdio: 'inherit' }).status ?? 1;
const tool = (name, ...rest) => run(join(root, 'node_modules', '.bin', name), ...rest);

/** One step. `check` returns true, false, or the name of a tool it lacks. */
function step(name, check) {
  console.log(`\n=== ${name}`);
  const startedAtMs = Date.now();
  const failedBefore = counts.failed;
  const outcome = check();
  if (typeof outcome === 'string') {
    console.log(`unavailable: ${outcome}`);
    if (options['require-tools']) troubles.push(`${name} (unavailable: ${outcome})`);
    if (options['require-tools']) counts.failed += 1;
  } else if (!outcome) {
    troubles.push(name);
    // A linter, or a suite that never got to its tests, has no failed test to show.
    if (counts.failed === failedBefore) counts.failed += 1;
  }
  console.log(`(${name}: ${((Date.now() - startedAtMs) / 1000).toFixed(1)} s)`);
}

function checkNodeVersion() {
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  if (process.version === `v${devDependencies.node}`) return true;
  console.error(
    `this is Node ${process.version}, package.json pins ${devDependencies.node}: npm ci`,
  );
  return false;
}

function checkNativeFormat() {
  const wanted = `clang-format ${clangFormatMajor}`;
  const { stdout } = spawnSync('clang-format', ['--version'], { encoding: 'utf8' });
  if (!stdout?.includes(`version ${clangFormatMajor}.`)) return wanted;
  return run('clang-format', '--dry-run', '-Werror', ...handWrittenFiles()) === 0;
}

function testNative() {
  const output = `--gtest_output=json:${gtestResults}`;
  const status = run(process.execPath, 'scripts/test-native.mjs', output);
  if (status === unavailableExitCode) return 'cmake, a compiler, libgtest-dev or libssl-dev';
  if (!existsSync(gtestResults)) return false;
  const { testsuites } = JSON.parse(readFileSync(gtestResults, 'utf8'));
  for (const test of testsuites.flatMap((suite) => suite.testsuite)) {
    if (test.failures) counts.failed += 1;
    else if (test.status === 'RUN' && test.result === 'COMPLETED') counts.passed += 1;
    else counts.skipped += 1;
  }
  return status === 0;
}

function testTypeScript() {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${vitestResults}`];
  const status = tool('vitest', 'run', ...reporters);
  if (!existsSync(vitestResults)) return false;
  const report = JSON.parse(readFileSync(vitestResults, 'utf8'));
  counts.passed += report.numPassedTests;
  counts.failed += report.numFailedTests;
  counts.skipped += report.numPendingTests + report.numTodoTests;
  return status === 0;
}

try {
  step('node version', checkNodeVersion);
  step('addon', () => run(process.execPath, 'scripts/build-addon.mjs') === 0);
  step('lint', () => tool('biome', 'check', '--error-on-warnings', '.') === 0);
  step('types', () => {
    const statuses = ['tsconfig.json', 'tsconfig.test.json'].map((file) => tool('tsc', '-p', file));
    return statuses.every((status) => status === 0);
  });
  step('native format', checkNativeFormat);
  step('native tests', testNative);
  step('tests', testTypeScript);
} finally {
  rmSync(results, { recursive: true, force: true });
}
if (troubles.length > 0) console.log(`\nFailed: ${troubles.join(', ')}`);
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = troubles.length > 0 || counts.failed > 0 ? 1 : 0;
