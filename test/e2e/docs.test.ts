/**
 * The commands and programs that the docs show, run as they stand there (with a free port in place of the default).
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keySpecs } from '../../src/api/key-specs.ts';
import { operations } from '../../src/kms/operations/index.ts';
import { type StartedServer, startServer } from '../../src/testing/start-server.ts';
import { type Consumer, makeConsumer } from '../support/consumer.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { describeWithTool } from '../support/tools.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** Fenced blocks of a language, in order. */
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, body]) => body ?? '',
  );

/** What is between a heading and the next one. */
const section = (text: string, title: string): string =>
  text.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';

describe('README', () => {
  const [commands = '', start = '', cli = ''] = blocks(readme, 'sh');
  const [program = ''] = blocks(readme, 'js');
  let server: StartedServer;
  let scratch: string;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    scratch = scratchDirectory();
    expect(start.trim()).toBe('npm start -- --data-dir ./strongroom-data');
    server = await startServer({ dataDirectory: join(scratch, 'strongroom-data') });
    environment = {
      PATH: `/usr/bin:/bin`,
      HOME: scratch,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_SHARED_CREDENTIALS_FILE: server.ready.credentialsFile,
    };
  });
  afterAll(async () => {
    await server.stop();
  });
  const here = (text: string): string =>
    text.replaceAll('127.0.0.1:4599', `127.0.0.1:${server.ready.port}`);

  it('shows the two commands that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const shown = [...commands.matchAll(/npm (?:run (\w+)|(test|start))/g)].map(
      ([, script, builtin]) => script ?? builtin ?? '',
    );
    expect(shown).toEqual(['demo', 'test']);
    for (const script of [...shown, 'start', 'bench']) expect(scripts).toHaveProperty(script);
  });

  describeWithTool('/usr/bin/aws', 'awscli', 'AWS CLI lines', () => {
    it('run', { timeout: 120_000 }, async () => {
      const { stdout } = await run('/bin/bash', ['-e', '-c', here(cli)], {
        cwd: scratch,
        env: environment,
      });
      expect(stdout).toMatch(/"Description": "my first key"/);
      expect(stdout).toMatch(/"Keys": \[/);
    });
  });

  it('shows a program that runs', async () => {
    await run(process.execPath, ['--input-type=module', '-e', here(program)], {
      cwd: root,
      env: environment,
    });
  });

  it('names files that exist', () => {
    const pages = [
      'README.md',
      ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.md'))
        .map((name) => join('docs', name)),
    ];
    for (const page of pages) {
      const text = readFileSync(join(root, page), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
        expect(existsSync(join(root, page, '..', target)), `${page} links to ${target}`).toBe(true);
      }
      for (const [, path = ''] of text.matchAll(
        /`((?:native|src|test|scripts|bench|demo)\/[\w./-]+\.\w+)`/g,
      )) {
        expect(existsSync(join(root, path)), `${page} names ${path}`).toBe(true);
      }
    }
  });

  it('lists every flag of serve in the operations page', async () => {
    const { stdout } = await run(process.execPath, [
      join(root, 'bin/strongroom.mjs'),
      'serve',
      '--help',
    ]);
    const operations = readFileSync(join(root, 'docs/operations.md'), 'utf8');
    for (const [flag] of stdout.matchAll(/--[a-z-]+/g)) expect(operations, flag).toContain(flag);
  });
});

describe('README, in your tests', () => {
  const text = section(readme, 'In your tests');
  const [inProcess = '', vitestSetup = ''] = blocks(text, 'ts');
  const jest = blocks(text, 'js');
  const [python = ''] = blocks(text, 'python');
  let consumer: Consumer;
  beforeAll(() => {
    consumer = makeConsumer(scratchDirectory());
    consumer.write('sign.test.ts', inProcess);
    consumer.write('kms.setup.ts', vitestSetup);
    for (const block of jest)
      consumer.write(/^\/\/ (kms\.\w+\.mjs)$/m.exec(block)?.[1] ?? '', block);
    consumer.write(
      'create-key.mjs',
      `import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
       export const createKey = () => new KMSClient({}).send(new CreateKeyCommand({}));`,
    );
  });
  const runHere = (program: string, ...args: string[]) =>
    run(program, args, {
      cwd: consumer.folder,
      env: consumer.environment,
      timeout: 50_000,
    });

  it('shows programs that run under vitest', async () => {
    consumer.write(
      'environment.test.ts',
      `import { it } from 'vitest';
       import { createKey } from './create-key.mjs';
       it('finds the server', async () => void (await createKey()));`,
    );
    consumer.write(
      'vitest.config.mjs',
      `export default { test: { globalSetup: 'kms.setup.ts' } };`,
    );
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const { stdout } = await runHere(process.execPath, vitest, 'run', '--no-color');
    expect(stdout).toMatch(/Tests +2 passed/);
  });

  it('shows programs that are typed', async () => {
    const config = {
      extends: join(root, 'tsconfig.test.json'),
      include: [],
      files: ['sign.test.ts', 'kms.setup.ts'],
    };
    consumer.write('tsconfig.json', JSON.stringify(config));
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const checked = runHere(process.execPath, tsc, '-p', 'tsconfig.json');
    expect((await checked.catch((error: { stdout: string }) => error)).stdout).toBe('');
  });

  it('shows what Jest calls, in its order and in one process', async () => {
    expect(jest).toHaveLength(2);
    consumer.write(
      'jest.mjs',
      `import setup from './kms.setup.mjs';
       import teardown from './kms.teardown.mjs';
       import { createKey } from './create-key.mjs';
       await setup();
       console.log((await createKey()).KeyMetadata.KeyState);
       await teardown();`,
    );
    expect((await runHere(process.execPath, 'jest.mjs')).stdout).toBe('Enabled\n');
  });

  describeWithTool('/usr/lib/python3/dist-packages/boto3', 'python3-boto3', 'Python', () => {
    it('shows a program that runs in another language', async () => {
      consumer.write('test.py', python);
      const { stdout } = await runHere('/usr/bin/python3', '-B', 'test.py');
      expect(stdout).toMatch(/^arn:aws:kms:us-east-1:000000000000:key\/[\da-f-]{36}\n$/);
      expect(existsSync(join(consumer.folder, 'ready.json'))).toBe(false);
    });
  });

  it('shows lines for CI that run', async () => {
    const [lines = ''] = blocks(section(readme, 'In CI'), 'sh');
    const port = await freePort();
    consumer.write(
      'package.json',
      JSON.stringify({ type: 'module', scripts: { test: 'node ci.mjs' } }),
    );
    consumer.write(
      'ci.mjs',
      `import { createKey } from './create-key.mjs';
       console.log((await createKey()).KeyMetadata.KeyState);`,
    );
    // The server of a job ends with it; this one when its process is told.
    const end = `trap 'kill "$(sed "s/.*\\"pid\\":\\([0-9]*\\).*/\\1/" kms.json)"' EXIT\n`;
    const script = lines
      .replace('npx strongroom serve', `$& --port ${port}`)
      .replace(':4599', `:${port}`)
      .replace(/^npm test$/m, `${end}$&`);
    expect(script).toContain(end);
    const { stdout } = await runHere('/bin/bash', '-e', '-c', script);
    expect(stdout).toMatch(/^Enabled$/m);
  });
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('listens on no port');
  return address.port;
}

describe('README, what is here', () => {
  const text = section(readme, 'What is here');

  it('names the operations that are built', () => {
    const rows = [...text.matchAll(/^\| [\w ]+ \| ((?:[A-Z]\w+(?:, )?)+) \|$/gm)];
    const named = rows.flatMap(([, names = '']) => names.split(', '));
    expect(named.sort()).toEqual([...operations.keys()].sort());
    expect(text).toContain(`${operations.size} of the `);
  });

  it('names the key specs that are built', () => {
    const named = text.match(/\b(?:SYMMETRIC_DEFAULT|[A-Z]\w*_[A-Z\d]+)\b/g);
    const built = Object.values(keySpecs).filter((row) => row.built);
    expect(named).toEqual(built.map(({ keySpec }) => keySpec));
  });
});

describe('operations page', () => {
  const operations = readFileSync(join(root, 'docs/operations.md'), 'utf8');
  const lines = (title: string): string => blocks(section(operations, title), 'sh')[0] ?? '';
  let server: StartedServer;
  let scratch: string;

  beforeAll(async () => {
    scratch = scratchDirectory();
    server = await startServer({
      dataDirectory: join(scratch, 'strongroom-data'),
      flags: ['--tls'],
    });
    writeFileSync(join(scratch, 'strongroom.yaml'), blocks(operations, 'yaml')[0] ?? '');
    const shim = `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'bin/strongroom.mjs')}' "$@"\n`;
    writeFileSync(join(scratch, 'strongroom'), shim, { mode: 0o755 });
  });
  afterAll(async () => {
    await server.stop();
  });
  const shell = async (script: string): Promise<string> => {
    const { stdout } = await run(
      '/bin/bash',
      ['-e', '-o', 'pipefail', '-c', script.replaceAll('4599', String(server.ready.port))],
      {
        cwd: scratch,
        env: { PATH: `${scratch}:/usr/bin:/bin`, HOME: scratch, AWS_EC2_METADATA_DISABLED: 'true' },
      },
    );
    return stdout;
  };

  describeWithTool('/usr/bin/aws', 'awscli', 'lines to paste', () => {
    it('make clients trust the authority', { timeout: 60_000 }, async () => {
      const stdout = await shell(lines('TLS'));
      expect(stdout).toMatch(/"Keys": \[\]/);
      expect(stdout).toMatch(/"service":"strongroom"/);
    });

    it('declare identities', { timeout: 60_000 }, async () => {
      const dataDirectory = join(scratch, 'declared');
      const flags = ['--config', join(scratch, 'strongroom.yaml')];
      await using declared = await startServer({ dataDirectory, flags });
      const script = lines('Identities')
        .replaceAll('strongroom-data', 'declared')
        .replaceAll('4599', String(declared.ready.port))
        .replace('config reload', 'config reload --data-dir declared');
      const stdout = await shell(script);
      expect(stdout).toMatch(/strongroom.yaml: good/);
      expect(stdout).toMatch(/"users": 1/);
      expect(stdout).toMatch(/"Keys": \[\]/);
    });

    it('take a tour of the commands', { timeout: 60_000 }, async () => {
      const stdout = await shell(lines('Commands'));
      expect(stdout).toMatch(/^KEY ID [\s\S]*alias\/app\/main/m);
      expect(stdout).toMatch(/"KeyState": "Enabled"/);
      expect(stdout).toMatch(/not a validated module/);
      expect(readFileSync(join(scratch, 'signer.pem'), 'utf8')).toMatch(/^-----BEGIN PUBLIC KEY/);
    });
  });
});
