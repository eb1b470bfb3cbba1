/**
 * Which Node the addon is for, and where that Node's own headers are.
 *
 * The addon uses OpenSSL through the symbols of the node binary, so the headers must be those of exactly this version. A
 * `nodedir` in the user's npmrc (say /usr, with the headers of an older Node) is therefore never believed.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const pinned = join(
  root,
  'node_modules',
  'node',
  'bin',
  process.platform === 'win32' ? 'node.exe' : 'node',
);

/** The Node to build for: the one pinned in package.json when it is installed, else the running one. */
export function targetNode() {
  if (!existsSync(pinned))
    return { path: realpathSync(process.execPath), version: process.version };
  const { stdout } = spawnSync(pinned, ['-p', 'process.version'], { encoding: 'utf8' });
  return { path: pinned, version: stdout?.trim() ?? '' };
}

/** The version a header folder says it is for, as `v24.21.0`; undefined when there is no such folder. */
function headersVersion(directory) {
  const file = join(directory, 'include', 'node', 'node_version.h');
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  const part = (name) => text.match(new RegExp(`#define NODE_${name}_VERSION (\\d+)`))?.[1];
  return `v${part('MAJOR')}.${part('MINOR')}.${part('PATCH')}`;
}

/** The folder holding `include/node` of exactly this Node, or undefined. */
export function findHeaders({ path, version }) {
  const platformPackage = `node-${process.platform}-${process.arch}`;
  const prefix = dirname(dirname(path));
  const candidates = [
    prefix,
    join(prefix, 'node_modules', platformPackage),
    join(dirname(prefix), platformPackage),
  ];
  try {
    candidates.push(dirname(createRequire(path).resolve(`${platformPackage}/package.json`)));
  } catch {
    // Not installed as a package: the candidates above are all there is.
  }
  return candidates.find((directory) => headersVersion(directory) === version);
}

/**
 * Like findHeaders, but mends the one known damage: a second `npm install` prunes the package nested under `node` that
 * holds the headers, and `npm rebuild node` brings it back.
 */
export function requireHeaders(node) {
  const found = findHeaders(node);
  if (found || node.path !== pinned) return found;
  console.error(
    'Node headers are missing (a later npm install removes them): running npm rebuild node',
  );
  const npm = process.env.npm_execpath;
  const [command, before] = npm ? [process.execPath, [npm]] : ['npm', []];
  spawnSync(command, [...before, 'rebuild', 'node'], { cwd: root, stdio: 'inherit' });
  return findHeaders(node);
}
