/**
 * A project that has installed strongroom, as far as its programs can tell: the package's entries and command are there, and
 * lead to this checkout. What the tarball itself holds is the business of test/e2e/package.test.ts.
 */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './files.ts';

const entries = { testing: 'src/testing/index.ts', 'in-process': 'src/in-process/index.ts' };

/** Packages of this checkout that such a project has as well. */
const neighbours = ['@aws-sdk', '@types', 'vitest'];

export interface Consumer {
  readonly folder: string;
  /** PATH, HOME and quiet of somebody who works there. */
  readonly environment: Readonly<Record<string, string>>;
  write(name: string, text: string): void;
}

/** Makes a project in an empty folder. */
export function makeConsumer(folder: string): Consumer {
  const write = (name: string, text: string, mode = 0o644): void =>
    writeFileSync(join(folder, name), text, { mode });
  const packageFolder = 'node_modules/strongroom';
  mkdirSync(join(folder, packageFolder), { recursive: true });
  mkdirSync(join(folder, 'node_modules/.bin'));
  const exports = Object.keys(entries).map((name) => [
    `./${name}`,
    { types: `./${name}.d.ts`, default: `./${name}.js` },
  ]);
  write(
    join(packageFolder, 'package.json'),
    JSON.stringify({ type: 'module', exports: Object.fromEntries(exports) }),
  );
  for (const [name, source] of Object.entries(entries))
    for (const extension of ['js', 'd.ts'])
      write(join(packageFolder, `${name}.${extension}`), `export * from '${join(root, source)}';`);
  for (const name of neighbours)
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  const command = `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'bin/strongroom.mjs')}' "$@"\n`;
  write('node_modules/.bin/strongroom', command, 0o755);
  write('package.json', JSON.stringify({ private: true, type: 'module' }));
  return {
    folder,
    environment: {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      HOME: folder,
      AWS_EC2_METADATA_DISABLED: 'true',
      npm_config_update_notifier: 'false',
    },
    write,
  };
}
