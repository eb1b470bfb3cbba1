/**
 * `npm run build:pkcs11`: libstrongroom-pkcs11.so with its digest, in build-pkcs11/, and beside it the programs that test
 * it (where libgtest-dev is installed). Needs CMake, a C++ compiler and a static libcrypto (libssl-dev).
 *
 * Ends 77 (the old convention for "skipped") when the machine cannot build it.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build, unavailableExitCode, whatIsMissing } from './cmake.mjs';
import { root } from './node-headers.mjs';

const missing = existsSync(join(root, 'CMakeLists.txt'))
  ? whatIsMissing([['openssl/evp.h', 'libssl-dev']])
  : 'CMakeLists.txt';
if (missing) {
  console.error(`libstrongroom-pkcs11.so unavailable: ${missing} is missing`);
  process.exit(unavailableExitCode);
}
const built = await build('build-pkcs11', ['-DSTRONGROOM_PKCS11=ON']);
if (built) console.log('build-pkcs11/libstrongroom-pkcs11.so');
process.exitCode = built ? 0 : 1;
