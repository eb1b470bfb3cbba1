/**
 * Runs node-gyp for the pinned Node, with that Node's own headers whatever the user's npmrc says.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from './node-headers.mjs';

/**
 * Configures and builds the binding.gyp in `directory`. `node`: from targetNode; `headers`: from requireHeaders.
 * True when node-gyp ended well; it has printed why when not.
 */
export function runNodeGyp(directory, node, headers) {
  const environment = { ...process.env, PATH: `${dirname(node.path)}:${process.env.PATH}` };
  const nodedirs = Object.keys(environment).filter((name) => /^npm_config_nodedir$/i.test(name));
  for (const name of nodedirs) delete environment[name];
  // In a checkout a warning is an error; who installs the package has another compiler and need not suffer from that.
  const strict = existsSync(join(root, 'tsconfig.json')) ? 1 : 0;
  environment.GYP_DEFINES = `${environment.GYP_DEFINES ?? ''} warnings_are_errors=${strict}`;

  const gyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  const options = ['configure', 'build', `--jobs=${availableParallelism()}`, '--loglevel=warn'];
  // Without headers on disk node-gyp downloads those of the Node that runs it: right, but it needs the network.
  if (headers) options.push(`--nodedir=${headers}`);
  const { status } = spawnSync(node.path, [gyp, ...options], {
    cwd: directory,
    env: environment,
    stdio: 'inherit',
  });
  return status === 0;
}
