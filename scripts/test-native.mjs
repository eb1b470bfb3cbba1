/**
 * Builds and runs the C++ tests: token and frame against the system OpenSSL 3.0, under sanitizers.
 *
 *   node scripts/test-native.mjs [--sanitize address,undefined|thread] [gtest options, such as --gtest_filter=Drbg.*]
 *
 * Ends 77 (the old convention for "skipped") when the machine cannot build them. Each set of sanitizers has its own
 * folder under build-native/, and only what changed is compiled again.
 */

import { join } from 'node:path';
import { build, has, run, unavailableExitCode, whatIsMissing } from './cmake.mjs';
import { root } from './node-headers.mjs';

const options = process.argv.slice(2);
const at = options.indexOf('--sanitize');
const sanitize = at < 0 ? 'address,undefined' : options.splice(at, 2)[1];

const missing = whatIsMissing([
  ['gtest/gtest.h', 'libgtest-dev'],
  ['openssl/evp.h', 'libssl-dev'],
]);
if (missing) {
  console.error(`native tests unavailable: ${missing} is missing`);
  process.exit(unavailableExitCode);
}
const directory = join('build-native', sanitize.replaceAll(',', '-'));
const definitions = ['-DSTRONGROOM_TESTS=ON', `-DSTRONGROOM_SANITIZE=${sanitize}`];
if (!(await build(directory, definitions))) process.exit(1);
const program = join(root, directory, 'strongroom_native_tests');

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
