/**
 * The commands and programs that the docs show, run as they stand there (with a free port in place of the default).
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StartedServer, startServer } from '../../src/testing/start-server.ts';
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

describe('operations page', () => {
  const operations = readFileSync(join(root, 'docs/operations.md'), 'utf8');
  /** The first block of a section. */
  const section = (title: string): string =>
    blocks(operations.split(`\n## ${title}\n`)[1] ?? '', 'sh')[0] ?? '';
  let server: StartedServer;
  let scratch: string;

  beforeAll(async () => {
    scratch = scratchDirectory();
    server = await startServer({
      dataDirectory: join(scratch, 'strongroom-data'),
      flags: ['--tls'],
    });
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
      const stdout = await shell(section('TLS'));
      expect(stdout).toMatch(/"Keys": \[\]/);
      expect(stdout).toMatch(/"service":"strongroom"/);
    });

    it('take a tour of the commands', { timeout: 60_000 }, async () => {
      const stdout = await shell(section('Commands'));
      expect(stdout).toMatch(/^KEY ID [\s\S]*alias\/app\/main/m);
      expect(stdout).toMatch(/"KeyState": "Enabled"/);
      expect(stdout).toMatch(/not a validated module/);
      expect(readFileSync(join(scratch, 'signer.pem'), 'utf8')).toMatch(/^-----BEGIN PUBLIC KEY/);
    });
  });
});
