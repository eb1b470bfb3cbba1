/** Compiles the fixture beside this file: a way around authorization must be a type error. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { scratchDirectory } from '../../support/scratch.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const fixture = readFileSync(join(import.meta.dirname, 'pipeline-types.fixture.ts'), 'utf8');

/** What tsc says of a text that takes the fixture's place, one line an error. */
function compile(text: string): string[] {
  const directory = scratchDirectory();
  const path = join(directory, 'subject.ts');
  writeFileSync(path, text.replaceAll("'../../../src/", `'${root}/src/`));
  const config = {
    extends: join(root, 'tsconfig.test.json'),
    compilerOptions: {
      typeRoots: [join(root, 'node_modules', '@types')],
      paths: { '*': [join(root, 'node_modules', '*')] },
    },
    include: [path],
  };
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', directory, '--pretty', 'false'], {
    encoding: 'utf8',
  });
  return stdout.split('\n').filter((line) => line.includes('subject.ts('));
}

it('a request that skipped a stage cannot be run', { timeout: 60_000 }, () => {
  expect(compile(fixture)).toEqual([]);
  const marks = fixture.match(/\/\/ @ts-expect-error/g) ?? [];
  expect(marks).toHaveLength(6);
  expect(compile(fixture.replaceAll('// @ts-expect-error', '//'))).toHaveLength(marks.length);
});
