/**
 * Builds build/Release/strongroom.node with node-gyp; this is what `npm ci` runs.
 *
 *   node scripts/build-addon.mjs [--force]
 *
 * In a checkout nothing happens when the addon is newer than every file it is made of and was made for the same Node. An
 * installed package has nothing to build when the addon that came with it loads. `--force` asks make in any case, which
 * then compiles only what changed.
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
import { nodeTrouble } from '../bin/node-version.mjs';
import { withLock } from './lock.mjs';
import { nativeFiles } from './native-sources.mjs';
import { findNodeGyp, runNodeGyp } from './node-gyp.mjs';
import { requireHeaders, root, targetNode } from './node-headers.mjs';
import { secp256k1Directory } from './secp256k1-sources.mjs';
import { writeIntegrity } from './write-integrity.mjs';

const addon = join(root, 'build', 'Release', 'strongroom.node');
/** The version of Node whose headers the objects in build/ were compiled with, finished or not. */
const builtFor = join(root, 'build', 'strongroom.node-version');
/** Written after a good build: what it was built for and of. Its own age is the build's age. */
const stamp = join(root, 'build', 'strongroom.stamp');

class BuildError extends Error {}

const has = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

function stampText(node) {
  const what = `${node.version} ${process.platform}-${process.arch}`;
  const curve = `secp256k1 of ${secp256k1Directory() ?? 'OpenSSL'}`;
  return [what, curve, ...nativeFiles('.cc'), ''].join('\n');
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
  const names = ['build-addon', 'node-gyp', 'secp256k1-sources', 'write-integrity'];
  const scripts = names.map((name) => join('scripts', `${name}.mjs`));
  const settings = ['binding.gyp', 'native/flags.gypi', 'native/secp256k1.gypi'];
  const inputs = [...settings, ...scripts, ...nativeFiles('.cc', '.h')];
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
  if (findNodeGyp() === undefined)
    throw new BuildError(
      'node-gyp was not found, neither here nor in an npm: npm install node-gyp',
    );
}

/** True in an installed package that needs no build; a checkout is not one. */
async function comesWithAddon() {
  if (existsSync(join(root, 'src', 'native', 'load.ts'))) return false;
  // The compiled addon would be for the Node that is too old; the one that came with the package will do for the next.
  const trouble = nodeTrouble();
  if (trouble !== undefined) {
    console.error(trouble);
    return true;
  }
  try {
    const { loadAddon } = await import('../dist/native/load.js');
    loadAddon();
    return true;
  } catch {
    return false;
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
  // The linker leaves what it does not find to Node, so a missing source shows here and not before.
  const load = ['-e', 'require(process.argv[1])', addon];
  const { status, stderr } = spawnSync(node.path, load, { encoding: 'utf8' });
  if (status !== 0) throw new BuildError(`it was compiled and does not load: ${stderr}`);
}

if (process.env.npm_config_package_lock_only) process.exit(0);
const node = targetNode();
const force = process.argv.includes('--force');
if (!force && (await comesWithAddon())) process.exit(0);
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
