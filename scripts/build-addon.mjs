/**
 * Builds build/Release/strongroom.node with node-gyp; this is what `npm ci` runs.
 *
 *   node scripts/build-addon.mjs [--force]
 *
 * Nothing happens when the addon is newer than every file it is made of and was made for the same Node. `--force` asks
 * make in any case, which then compiles only what changed.
 */

import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { nativeFiles } from './native-sources.mjs';
import { runNodeGyp } from './node-gyp.mjs';
import { requireHeaders, root, targetNode } from './node-headers.mjs';
import { writeIntegrity } from './write-integrity.mjs';

const addon = join(root, 'build', 'Release', 'strongroom.node');
/** The version of Node whose headers the objects in build/ were compiled with, finished or not. */
const builtFor = join(root, 'build', 'strongroom.node-version');
/** Written after a good build: what it was built for and of. Its own age is the build's age. */
const stamp = join(root, 'build', 'strongroom.stamp');

class BuildError extends Error {}

const has = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

function stampText(node) {
  return [`${node.version} ${process.platform}-${process.arch}`, ...nativeFiles('.cc'), ''].join(
    '\n',
  );
}

function isFresh(node) {
  if (
    !existsSync(addon) ||
    !existsSync(`${addon}.hmac`) ||
    !existsSync(stamp) ||
    readFileSync(stamp, 'utf8') !== stampText(node)
  )
    return false;
  const builtAtMs = statSync(stamp).mtimeMs;
  const scripts = ['build-addon.mjs', 'node-gyp.mjs', 'write-integrity.mjs'].map((name) =>
    join('scripts', name),
  );
  const inputs = ['binding.gyp', 'native/flags.gypi', ...scripts, ...nativeFiles('.cc', '.h')];
  return inputs.every((path) => statSync(join(root, path)).mtimeMs < builtAtMs);
}

function requireTools() {
  const compilers = process.env.CXX ? [process.env.CXX.split(' ')[0]] : ['g++', 'clang++', 'c++'];
  const needs = [
    ['a C++20 compiler', compilers, 'g++'],
    ['make', ['make'], 'make'],
    ['python3, for node-gyp', [process.env.PYTHON || 'python3'], 'python3'],
  ];
  for (const [what, commands, debianPackage] of needs) {
    if (commands.some(has)) continue;
    const advice = `On Debian or Ubuntu: apt-get install ${debianPackage}`;
    throw new BuildError(`${what} was not found (tried ${commands.join(', ')}). ${advice}`);
  }
}

function build(node) {
  requireTools();
  // make does not look at system headers, so it would keep objects that were compiled for another Node.
  const sameNode = existsSync(builtFor) && readFileSync(builtFor, 'utf8') === node.version;
  if (!sameNode) rmSync(join(root, 'build'), { recursive: true, force: true });
  mkdirSync(join(root, 'build'), { recursive: true });
  writeFileSync(builtFor, node.version);

  if (!runNodeGyp(root, node, headers))
    throw new BuildError('the compiler or node-gyp stopped with the error above.');
}

if (process.env.npm_config_package_lock_only) process.exit(0);
const node = targetNode();
const force = process.argv.includes('--force');
const headers = requireHeaders(node); // even for a fresh addon: the next build may be one without network
if (!force && isFresh(node)) process.exit(0);

try {
  await withLock(join(root, '.build-addon.lock'), () => {
    if (!force && isFresh(node)) return; // whoever held the lock built it for us
    const text = stampText(node);
    const startedAt = new Date();
    build(node);
    writeIntegrity(addon);
    writeFileSync(stamp, text);
    utimesSync(stamp, startedAt, startedAt); // a source saved while the compiler ran is newer than this build
  });
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(`\nThe native addon was not built: ${error.message}\n`);
  process.exitCode = 1;
}
