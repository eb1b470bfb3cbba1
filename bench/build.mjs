/**
 * Builds what the bench times, when it is older than its sources: the product's addon, and the bench's own
 * (bench/native). Both are then made of the same sources with the same flags.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '../scripts/lock.mjs';
import { nativeFiles } from '../scripts/native-sources.mjs';
import { runNodeGyp } from '../scripts/node-gyp.mjs';
import { requireHeaders, root, targetNode } from '../scripts/node-headers.mjs';
import { writeIntegrity } from '../scripts/write-integrity.mjs';

const directory = join(root, 'bench', 'native');
const addon = join(directory, 'build', 'Release', 'strongroom_bench.node');
/** Written after a good build: the Node and the sources it was built for. */
const stamp = join(directory, 'build', 'bench.stamp');

function sources() {
  const own = readdirSync(directory).filter((name) => /\.(cc|h|gyp|mjs)$/.test(name));
  const token = nativeFiles('.cc', '.h').filter((path) => /^native\/(cryptoki|token)\//.test(path));
  return [
    ...own.map((name) => join('bench', 'native', name)),
    'native/flags.gypi',
    'native/secp256k1.gypi',
    ...token,
  ];
}

function isFresh(text) {
  if (!existsSync(addon) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== text)
    return false;
  const builtAtMs = statSync(addon).mtimeMs;
  return sources().every((path) => statSync(join(root, path)).mtimeMs < builtAtMs);
}

/** @returns the path of the bench's addon. @throws Error when one of the builds failed. */
export async function buildAddons() {
  const product = spawnSync(process.execPath, [join(root, 'scripts', 'build-addon.mjs')], {
    stdio: 'inherit',
  });
  if (product.status !== 0) throw new Error('the addon was not built');
  const node = targetNode();
  const text = [node.version, ...sources(), ''].join('\n');
  await withLock(join(root, '.build-bench.lock'), () => {
    if (isFresh(text)) return;
    process.stderr.write('building the addon of the bench\n');
    mkdirSync(join(directory, 'build'), { recursive: true });
    if (!runNodeGyp(directory, node, requireHeaders(node)))
      throw new Error('the addon of the bench was not built');
    writeIntegrity(addon);
    writeFileSync(stamp, text);
  });
  return addon;
}
