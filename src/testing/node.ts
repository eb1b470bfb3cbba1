/**
 * Which Node runs the server: this one, or the newer one that is installed beside the code. This room is loaded by
 * whatever Node runs the tests, so it keeps to what older ones know.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const OLDEST_MAJOR = 24;

export interface NodeChoice {
  /** As in process.versions.node. */
  readonly version: string;
  readonly execPath: string;
  /** The executable of the npm package `node`, if there is one. */
  readonly pinned: string | undefined;
}

/** @returns the path of a Node that can run the server. @throws Error that says which one to install */
export function chooseNode({ version, execPath, pinned }: NodeChoice = here()): string {
  if (Number.parseInt(version, 10) >= OLDEST_MAJOR) return execPath;
  if (pinned !== undefined) return pinned;
  throw new Error(
    `strongroom needs Node.js ${OLDEST_MAJOR} or newer to run its server, and this is v${version}. ` +
      'Run the tests with a newer one, or install one beside them: npm install --save-dev node@24',
  );
}

function here(): NodeChoice {
  const { execPath, versions } = process;
  return { version: versions.node, execPath, pinned: pinnedNode() };
}

/** Looked for from here and from the project whose tests run. */
function pinnedNode(): string | undefined {
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      const file = join(dirname(createRequire(from).resolve('node/package.json')), 'bin', 'node');
      if (existsSync(file)) return file;
    } catch {
      // No such package there.
    }
  }
  return undefined;
}
