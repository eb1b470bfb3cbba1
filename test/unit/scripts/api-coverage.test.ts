/** docs/api-coverage.md is what the tables say, and the service does what the page says. */
import { spawnSync } from 'node:child_process';
import * as sdk from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInProcessKms, type InProcessKms } from '../../../src/in-process/index.ts';
import { readText, root } from '../../support/files.ts';

const page = readText('docs/api-coverage.md');
/** Cells of the rows of a section's table. */
const rows = (title: string): string[][] =>
  (page.split(`\n## ${title}\n`)[1] ?? '')
    .split('\n## ')[0]
    ?.split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1)
    .map((line) => line.slice(2, -2).split(' | ')) ?? [];
const list = (cell = ''): string[] => cell.split(', ');

const built = rows('Built').flatMap(([names]) => list(names));
const absent = rows('Not built').flatMap(([, names]) => list(names));
/** Each spec with each usage, and whether both are built. */
const uses = rows('Key specs').flatMap(([specs, isBuilt, usages = '']) =>
  list(specs).flatMap((spec) =>
    usages.split('<br>').map((line) => {
      const [, usage = '', mark] = /^(\w+)( \(not built\))?: /.exec(line) ?? [];
      return { spec, usage, isBuilt: isBuilt === 'yes' && mark === undefined };
    }),
  ),
);

it('is what scripts/generate-api-coverage.mjs writes', () => {
  const check = spawnSync(process.execPath, ['scripts/generate-api-coverage.mjs', '--check'], {
    cwd: root,
    encoding: 'utf8',
  });
  expect([check.status, check.stderr]).toEqual([0, '']);
});

describe('the service', () => {
  let kms: InProcessKms;
  let client: sdk.KMSClient;
  beforeAll(async () => {
    kms = await createInProcessKms({ ephemeral: true });
    client = new sdk.KMSClient({ ...kms.clientConfig, maxAttempts: 1 });
  });
  afterAll(() => kms.close());

  /** Name of the exception that an operation answers, or undefined. */
  async function exceptionOf(operation: string, input: object = {}): Promise<string | undefined> {
    const Command = sdk[`${operation}Command` as 'CreateKeyCommand'];
    return client.send(new Command(input)).then(
      () => undefined,
      (error: Error) => error.name,
    );
  }

  it('knows the operations that are built, and no other', async () => {
    const [, all, count] = /Of the (\d+) [^*]+\*\*(\d+) are built/.exec(page) ?? [];
    expect([built.length + absent.length, built.length]).toEqual([Number(all), Number(count)]);
    for (const name of built)
      expect(await exceptionOf(name), name).not.toBe('UnknownOperationException');
    for (const name of absent)
      expect(await exceptionOf(name), name).toBe('UnknownOperationException');
  });

  it('refuses the key specs and usages that are not built', async () => {
    const refused = uses.filter(({ isBuilt }) => !isBuilt);
    expect(refused.length).toBeGreaterThan(0);
    for (const { spec, usage } of refused)
      expect(await exceptionOf('CreateKey', { KeySpec: spec, KeyUsage: usage }), spec).toBe(
        'UnsupportedOperationException',
      );
  });

  it('makes keys of the others', { timeout: 60_000 }, async () => {
    const made = uses.filter(({ isBuilt }) => isBuilt);
    expect(made.length).toBeGreaterThan(0);
    for (const { spec, usage } of made)
      expect(await exceptionOf('CreateKey', { KeySpec: spec, KeyUsage: usage }), spec).toBe(
        undefined,
      );
  });
});
