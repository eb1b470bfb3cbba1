/**
 * pkcs11js, built for this Node. Install scripts of packages are not run; this one is only wanted by clients' tests.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { withLock } from '../../scripts/lock.mjs';
import { runNodeGyp } from '../../scripts/node-gyp.mjs';
import { requireHeaders, targetNode } from '../../scripts/node-headers.mjs';

/** Resolves to whether it could be built. Builds what is not built yet. */
export function buildPkcs11js(): Promise<boolean> {
  const directory = dirname(createRequire(import.meta.url).resolve('pkcs11js'));
  const node = targetNode();
  return withLock(`${directory}.lock`, () => runNodeGyp(directory, node, requireHeaders(node)));
}
