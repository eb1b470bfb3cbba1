#!/usr/bin/env node
/**
 * The `strongroom` command. In a checkout it runs src/cli/main.ts as it is, installed it runs dist/cli/main.js.
 * This file and node-version.mjs must also parse on older Nodes: they tell their users what to do.
 */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeTrouble } from './node-version.mjs';

const file = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Runs this command again under the Node that package.json pins, as if it had been started so. */
function restartWith(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.on('SIGINT', () => {}); // a terminal sends it to the child as well
  child.on('exit', (code, signal) => {
    process.removeAllListeners();
    if (signal) process.kill(process.pid, signal);
    else process.exitCode = code;
  });
}

async function run() {
  module.enableCompileCache();
  // Worker threads look for the cache in the environment.
  const cache = module.getCompileCacheDir();
  if (cache !== undefined) process.env.NODE_COMPILE_CACHE ??= dirname(cache);
  const source = new URL('../src/cli/main.ts', import.meta.url);
  const built = new URL('../dist/cli/main.js', import.meta.url);
  const { main } = await import((existsSync(source) ? source : built).href);
  await main(process.argv.slice(2));
}

const pinned = file('../node_modules/.bin/node');
const inCheckout = existsSync(file('../src/cli/main.ts'));
const trouble = nodeTrouble();
if (trouble === undefined) await run();
else if (inCheckout && existsSync(pinned)) restartWith(pinned);
else {
  const advice = ' In a checkout, npm ci installs the right one beside the code.';
  console.error(inCheckout ? trouble + advice : trouble);
  process.exitCode = 1;
}
