/**
 * Where the sources of libsecp256k1 are: a copy that a package of ours carries, or the npm package `secp256k1`. Nothing
 * else of that package is used, and nothing of it runs. Without sources OpenSSL does secp256k1, more slowly.
 *
 * Run as a program it prints the folder relative to the current one, for binding.gyp and CMakeLists.txt; an empty line
 * when there is none.
 */

import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './node-headers.mjs';

// The copy comes second: while `npm pack` has it in a checkout, the addon there is no other.
const candidates = ['node_modules/secp256k1/src/secp256k1', 'native/third_party/secp256k1'];

/** The folder that holds `src/secp256k1.c`, relative to the repository; undefined when there is none. */
export function secp256k1Directory() {
  return candidates.find((path) => existsSync(join(root, path, 'src', 'secp256k1.c')));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const directory = secp256k1Directory();
  console.log(directory ? relative(process.cwd(), join(root, directory)) : '');
}
