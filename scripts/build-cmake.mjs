/**
 * `npm run build:cmake`: the addon once more, through CMake and cmake-js, in build-cmake/Release/strongroom.node, and a
 * check that it loads. It shows that nothing in the sources depends on node-gyp's flags or include order.
 */

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { requireHeaders, root, targetNode } from './node-headers.mjs';

const node = targetNode();
const headers = requireHeaders(node);
// cmake-js knows the headers by this variable only, and without it goes to the network.
const environment = { ...process.env, ...(headers && { npm_config_nodedir: headers }) };
const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
const options = ['compile', '--out', 'build-cmake', '--runtime-version', node.version.slice(1)];
const built = spawnSync(node.path, [cmakeJs, ...options], {
  cwd: root,
  env: environment,
  stdio: 'inherit',
});
if (built.status !== 0) process.exit(1);

const addon = join(root, 'build-cmake', 'Release', 'strongroom.node');
const loaded = spawnSync(node.path, ['-e', 'require(process.argv[1])', addon], {
  stdio: 'inherit',
});
console.log(
  loaded.status === 0
    ? 'build-cmake/Release/strongroom.node builds and loads'
    : 'the addon does not load',
);
process.exitCode = loaded.status === 0 ? 0 : 1;
