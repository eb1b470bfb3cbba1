/**
 * Runs node-gyp for the pinned Node, with that Node's own headers whatever the user's npmrc says.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { root } from './node-headers.mjs';

/**
 * node-gyp's program: the one installed beside us (in a checkout the pinned one), the one npm offers to install scripts, or
 * the one inside the npm on the path. Undefined when there is none.
 */
export function findNodeGyp() {
  try {
    return createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  } catch {
    // The package does not depend on it: who has a prebuilt addon never needs it.
  }
  const npms = process.env.PATH.split(delimiter).map((directory) => join(directory, 'npm'));
  const insideNpm = npms
    .filter((npm) => existsSync(npm))
    .map((npm) => join(realpathSync(npm), '../../node_modules/node-gyp/bin/node-gyp.js'));
  const candidates = [process.env.npm_config_node_gyp, ...insideNpm];
  return candidates.find((file) => file && existsSync(file));
}

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

  const options = ['configure', 'build', `--jobs=${availableParallelism()}`, '--loglevel=warn'];
  // Without headers on disk node-gyp downloads those of the Node that runs it: right, but it needs the network.
  if (headers) options.push(`--nodedir=${headers}`);
  const { status } = spawnSync(node.path, [findNodeGyp(), ...options], {
    cwd: directory,
    env: environment,
    stdio: 'inherit',
  });
  return status === 0;
}
