/**
 * strongroom/testing and the ready file: servers that other programs start, find, and must not be left with.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CreateKeyCommand, DecryptCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { describe, expect, it } from 'vitest';
import { startServer } from '../../src/testing/index.ts';
import { kmsClient, refusal } from '../support/clients.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { describeUnless, describeWithTool } from '../support/tools.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const command = join(root, 'bin/strongroom.mjs');

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('a server of a test run', () => {
  it.each([1, 2])('is ephemeral, and works with %i HTTP threads', async (threads) => {
    const here = readdirSync(root);
    const started = performance.now();
    await using server = await startServer({
      regions: ['eu-west-1', 'us-east-1'],
      flags: ['--threads', String(threads), '--account', '111122223333'],
    });
    process.stdout.write(
      `an ephemeral server, ${threads} HTTP threads, is ready in ${(performance.now() - started).toFixed(0)} ms\n`,
    );
    const { endpoint, region, credentials } = server;
    expect(server.ready).toEqual({
      event: 'ready',
      endpoint,
      port: Number(new URL(endpoint).port),
      pid: expect.any(Number),
      region,
      regions: ['eu-west-1', 'us-east-1'],
      accountId: '111122223333',
      ephemeral: true,
      credentials,
    });
    const kms = new KMSClient({ endpoint, region, credentials });
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    expect(KeyMetadata?.Arn).toMatch(/^arn:aws:kms:eu-west-1:111122223333:key\//);
    const { CiphertextBlob } = await kms.send(
      new EncryptCommand({ KeyId: KeyMetadata?.KeyId, Plaintext: Buffer.from('x') }),
    );
    await Promise.all(
      Array.from({ length: 8 }, () =>
        new KMSClient({ endpoint, region, credentials }).send(
          new DecryptCommand({ CiphertextBlob }),
        ),
      ),
    );
    const stranger = { accessKeyId: 'AKIASTRANGER', secretAccessKey: 'x' };
    const refused = new KMSClient({ endpoint, region, credentials: stranger });
    expect((await refusal(refused.send(new DecryptCommand({ CiphertextBlob })))).name).toBe(
      'UnrecognizedClientException',
    );
    expect(await server.stop()).toBe(0);
    expect(isRunning(server.ready.pid)).toBe(false);
    expect(server.stderr()).toBe('');
    expect(readdirSync(root)).toEqual(here);
  });

  it('takes the port it is told', async () => {
    let port: number;
    {
      await using first = await startServer();
      port = first.ready.port;
    }
    await using server = await startServer({ port });
    expect(server.ready.port).toBe(port);
    await kmsClient(server).send(new CreateKeyCommand({}));
  });

  it('says why it did not start', async () => {
    await expect(startServer({ regions: ['mars'] })).rejects.toThrow(
      /^the server ended with exit code 2 before it was ready; it wrote: strongroom: --region takes a Region/,
    );
    await expect(startServer({ ephemeral: true, dataDirectory: 'd' })).rejects.toThrow(TypeError);
    await expect(startServer({ ephemeral: false })).rejects.toThrow(TypeError);
    await expect(startServer({ readyTimeoutMs: 1 })).rejects.toThrow(/not ready within 1 ms/);
  });

  it.each(['exit', 'throw', 'SIGKILL'])('ends with its parent: %s', async (how) => {
    const parent = spawn(
      process.execPath,
      [join(root, 'test/support/orphan.ts'), ...(how === 'SIGKILL' ? [] : [how])],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const ended = once(parent, 'exit');
    const [text] = await once(parent.stdout.setEncoding('utf8'), 'data');
    const pid = Number(text);
    if (how === 'SIGKILL') {
      expect(isRunning(pid)).toBe(true);
      parent.kill('SIGKILL');
    }
    await ended;
    await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false);
  });

  it('serves a whole vitest run from its global set-up', async () => {
    const folder = join(root, 'test/support/global-setup');
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const args = [vitest, 'run', '--config', join(folder, 'vitest.config.ts'), '--no-color'];
    const { stdout } = await run(process.execPath, args, { cwd: folder, timeout: 50_000 });
    expect(stdout).toMatch(/Tests +1 passed/);
    const endpoint = /served at (\S+)/.exec(stdout)?.[1] ?? '';
    await expect(fetch(`${endpoint}/health`)).rejects.toThrow('fetch failed');
  });
});

const oldNode = '/usr/bin/node';
const oldMajor = await run(oldNode, ['-p', 'process.versions.node.split(".")[0]'])
  .then(({ stdout }) => Number(stdout))
  .catch(() => undefined);
const noOldNode =
  oldMajor !== undefined && oldMajor < 24 ? undefined : `${oldNode} is no Node older than 24`;

describeUnless(noOldNode, 'on an older Node', () => {
  /** The room as JavaScript, since an older Node knows no other, in a package like the published one. */
  function published(): string {
    const folder = mkdtempSync(join(tmpdir(), 'sr-old-'));
    mkdirSync(join(folder, 'dist/testing'), { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    for (const name of ['index', 'node', 'start-server']) {
      const text = readFileSync(join(root, `src/testing/${name}.ts`), 'utf8');
      const code = stripTypeScriptTypes(text).replaceAll(/(from '\.\/[\w-]+)\.ts'/g, "$1.js'");
      writeFileSync(join(folder, `dist/testing/${name}.js`), code);
    }
    mkdirSync(join(folder, 'bin'));
    writeFileSync(
      join(folder, 'bin/strongroom.mjs'),
      `await import(${JSON.stringify(new URL('../../bin/strongroom.mjs', import.meta.url).href)});`,
    );
    return folder;
  }
  const program = `
    import { startServer } from './dist/testing/index.js';
    const server = await startServer();
    console.log((await (await fetch(server.endpoint + '/health')).json()).pid === server.ready.pid);
    await server.stop();`;

  it('the server runs on the one that is installed beside the tests', async () => {
    const folder = published();
    try {
      const pinned = join(folder, 'node_modules/node');
      mkdirSync(join(pinned, 'bin'), { recursive: true });
      writeFileSync(join(pinned, 'package.json'), '{"name":"node","version":"24.0.0"}');
      writeFileSync(join(pinned, 'bin/node'), `#!/bin/sh\nexec '${process.execPath}' "$@"\n`, {
        mode: 0o755,
      });
      const { stdout } = await run(oldNode, ['--input-type=module', '-e', program], {
        cwd: folder,
      });
      expect(stdout).toBe('true\n');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('says which Node it needs when there is no other', async () => {
    const folder = published();
    try {
      const failed = run(oldNode, ['--input-type=module', '-e', program], { cwd: folder });
      await expect(failed).rejects.toThrow(
        /strongroom needs Node\.js 24 or newer to run its server/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('strongroom serve --ephemeral --ready-file', () => {
  /** Starts it as a supervisor of another language would: no channel, no pipes. */
  async function start(readyFile: string, ...flags: string[]) {
    const child = spawn(
      process.execPath,
      [command, 'serve', '--ephemeral', '--port', '0', '--ready-file', readyFile, ...flags],
      { stdio: 'ignore', cwd: scratchDirectory() },
    );
    const ended = once(child, 'exit');
    await expect.poll(() => existsSync(readyFile), { timeout: 15_000, interval: 10 }).toBe(true);
    return { child, ended, ready: JSON.parse(readFileSync(readyFile, 'utf8')) };
  }

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'has its file while its port answers, and no longer: %s',
    async (signal) => {
      const folder = scratchDirectory();
      const { child, ended, ready } = await start(join(folder, 'ready.json'));
      expect(statSync(join(folder, 'ready.json')).mode & 0o777).toBe(0o600);
      expect(readdirSync(folder)).toEqual(['ready.json']);
      expect(ready.pid).toBe(child.pid);
      const { endpoint, region, credentials } = ready;
      await new KMSClient({ endpoint, region, credentials }).send(new CreateKeyCommand({}));
      child.kill(signal);
      expect(await ended).toEqual([0, null]);
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it('ends at once at the second signal, and takes its file along', async () => {
    const folder = scratchDirectory();
    const { child, ended } = await start(join(folder, 'ready.json'));
    child.kill('SIGTERM');
    child.kill('SIGINT');
    const [code] = await ended;
    expect([0, 1]).toContain(code);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('does not leave the next one the file of one that was killed', async () => {
    const file = join(scratchDirectory(), 'ready.json');
    const killed = await start(file);
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(existsSync(file)).toBe(true);
    const refused = run(process.execPath, [
      ...[
        command,
        'serve',
        '--ephemeral',
        '--ready-file',
        file,
        '--port',
        '1',
        '--host',
        '192.0.2.1',
      ],
    ]);
    await expect(refused).rejects.toMatchObject({ code: 1 });
    expect(existsSync(file)).toBe(false);
  });

  it('ends before anything is made when the file has no directory', async () => {
    const folder = scratchDirectory();
    for (const store of [['--ephemeral'], ['--data-dir', join(folder, 'data')]]) {
      const args = [command, 'serve', '--port', '0', ...store];
      const refused = run(process.execPath, [...args, '--ready-file', join(folder, 'no/ready')]);
      await expect(refused).rejects.toMatchObject({
        code: 1,
        stdout: '',
        stderr: `strongroom: the ready file cannot be written: there is no directory ${join(folder, 'no')}\n`,
      });
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it('puts no secret on standard output', async () => {
    await using server = await startServer();
    let printed = '';
    const child = spawn(process.execPath, [command, 'serve', '--ephemeral', '--port', '0'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      printed += chunk;
      if (printed.includes('\n')) child.kill('SIGTERM');
    }
    const { credentials: _, ...fields } = server.ready;
    expect(Object.keys(JSON.parse(printed))).toEqual(Object.keys(fields));
  });

  describeWithTool('/usr/bin/curl', 'curl', 'a shell script', () => {
    it('makes a key as docs/operations.md shows', async () => {
      const docs = readFileSync(join(root, 'docs/operations.md'), 'utf8');
      const script = /^```sh\n([\s\S]*?--ready-file[\s\S]*?)^```$/m.exec(docs)?.[1] ?? '';
      expect(script).toContain('--aws-sigv4');
      const here = scratchDirectory();
      const bin = join(here, 'bin');
      mkdirSync(bin);
      writeFileSync(
        join(bin, 'strongroom'),
        `#!/bin/sh\nexec '${process.execPath}' '${command}' "$@"\n`,
        {
          mode: 0o755,
        },
      );
      const { stdout } = await run(
        '/bin/sh',
        ['-e', '-c', script.replace('serve ', 'serve --port 0 ')],
        {
          cwd: here,
          env: { PATH: `${bin}:/usr/bin:/bin` },
        },
      );
      expect(stdout).toMatch(/"KeyMetadata":\{.*"KeyState":"Enabled"/);
      expect(readdirSync(here)).toEqual(['bin']);
    });
  });
});
