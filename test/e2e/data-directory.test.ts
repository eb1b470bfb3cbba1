/**
 * Starts and refusals: one server for a data directory and one for a port, directories that cannot be used, and
 * what start-up costs.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { CreateKeyCommand, DescribeKeyCommand } from '@aws-sdk/client-kms';
import { describe, expect, it } from 'vitest';
import { readAccessKey } from '../../src/access/credentials-file.ts';
import { startServer } from '../../src/testing/start-server.ts';
import { kmsClient } from '../support/clients.ts';
import { scratchDirectory } from '../support/scratch.ts';

const COMMAND = new URL('../../bin/strongroom.mjs', import.meta.url).pathname;

function serve(...flags: string[]) {
  const { status, stderr, stdout } = spawnSync(process.execPath, [COMMAND, 'serve', ...flags], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, stderr, stdout };
}

describe('first and later starts', () => {
  it('are ready within 5 s and 1 s, and print where things are', async () => {
    const dataDirectory = join(scratchDirectory(), 'data');
    const readyFile = join(dataDirectory, '..', 'ready');
    let started = performance.now();
    const first = await startServer({ dataDirectory, flags: ['--ready-file', readyFile] });
    const firstMs = performance.now() - started;
    expect(JSON.parse(readFileSync(readyFile, 'utf8'))).toEqual(first.ready);
    expect(readAccessKey(first.ready.credentialsFile ?? '')).toMatchObject(first.credentials);
    expect(statSync(dataDirectory).mode & 0o777).toBe(0o700);
    for (const name of ['credentials', 'admin.sock', 'hsm/user-pin', 'audit.jsonl']) {
      expect(statSync(join(dataDirectory, name)).mode & 0o777, name).toBe(0o600);
    }
    expect(statSync(`${dataDirectory}.so-pin`).mode & 0o777).toBe(0o600);
    expect(first.stderr()).toContain('--endpoint-url');
    expect(first.stderr()).not.toContain(readFileSync(`${dataDirectory}.so-pin`, 'utf8').trim());
    expect(first.stderr()).not.toContain(
      readFileSync(join(dataDirectory, 'hsm/user-pin'), 'utf8').trim(),
    );
    expect(await first.stop()).toBe(0);

    started = performance.now();
    const second = await startServer({ dataDirectory });
    const secondMs = performance.now() - started;
    await second.stop();
    process.stdout.write(
      `first start ready in ${firstMs.toFixed(0)} ms, second in ${secondMs.toFixed(0)} ms\n`,
    );
    expect(firstMs).toBeLessThan(10_000);
    expect(secondMs).toBeLessThan(3_000);
  });

  it('end at once, with a message, where a file beside the directory cannot be written', async () => {
    for (const [flag, message] of [
      ['--so-pin-file', /PIN cannot be written/],
      ['--ready-file', /ready file cannot be written/],
    ] as const) {
      const dataDirectory = join(scratchDirectory(), 'data');
      const flags = ['--port', '0', '--data-dir', dataDirectory];
      const { status, stderr } = serve(...flags, flag, '/proc/strongroom/file');
      expect({ flag, status }).toEqual({ flag, status: 1 });
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/\n\s+at /);
      await (await startServer({ dataDirectory })).stop();
    }
  });

  it('begins again when the first start was cut off', async () => {
    const dataDirectory = join(scratchDirectory(), 'data');
    for (const delayMs of [150, 300, 450, 600]) {
      spawnSync(process.execPath, [COMMAND, 'serve', '--port', '0', '--data-dir', dataDirectory], {
        timeout: delayMs,
        killSignal: 'SIGKILL',
      });
    }
    await using server = await startServer({ dataDirectory });
    await kmsClient(server).send(new CreateKeyCommand({}));
  });

  it('serves a Region more when the security officer is there, and says when it is not', async () => {
    const dataDirectory = join(scratchDirectory(), 'data');
    await (await startServer({ dataDirectory })).stop();
    const more = ['--region', 'us-east-1', '--region', 'eu-west-1'];
    const pin = readFileSync(`${dataDirectory}.so-pin`);
    rmSync(`${dataDirectory}.so-pin`);
    const refused = serve('--port', '0', '--data-dir', dataDirectory, ...more);
    expect(refused.stderr).toMatch(/eu-west-1.*--so-pin-file/s);
    expect(refused.status).toBe(1);
    writeFileSync(`${dataDirectory}.so-pin`, pin, { mode: 0o600 });
    await using server = await startServer({ dataDirectory, flags: more });
    await kmsClient(server, 'eu-west-1').send(new CreateKeyCommand({}));
  });
});

describe('a second server', () => {
  it('is refused the data directory and the port, and told who holds them', async () => {
    const scratch = scratchDirectory();
    await using server = await startServer({ dataDirectory: join(scratch, 'data') });
    const sameDirectory = serve('--port', '0', '--data-dir', join(scratch, 'data'));
    expect(sameDirectory.status).toBe(3);
    expect(sameDirectory.stderr).toContain(`process ${server.ready.pid}`);
    for (const threads of ['1', '2']) {
      const samePort = serve(
        '--port',
        String(server.ready.port),
        '--data-dir',
        join(scratch, 'other'),
        '--threads',
        threads,
      );
      expect(samePort.status).toBe(5);
      expect(samePort.stderr).toContain(`:${server.ready.port} is in use`);
      expect(samePort.stderr).toContain(`process id ${server.ready.pid}`);
    }
    await kmsClient(server).send(new CreateKeyCommand({}));
  });
});

describe('a data directory that cannot be used', () => {
  async function made(): Promise<{ dataDirectory: string; keyId: string }> {
    const dataDirectory = join(scratchDirectory(), 'data');
    const server = await startServer({ dataDirectory });
    const { KeyMetadata } = await kmsClient(server).send(new CreateKeyCommand({}));
    await server.kill();
    return { dataDirectory, keyId: KeyMetadata?.KeyId ?? '' };
  }

  it('of another device is refused, both ways round', async () => {
    const [one, other] = [await made(), await made()];
    for (const part of ['hsm/root', 'hsm/flash', 'hsm']) {
      const mixed = join(scratchDirectory(), 'data');
      cpSync(one.dataDirectory, mixed, {
        recursive: true,
        filter: (source) => !source.endsWith('.sock'),
      });
      rmSync(join(mixed, part), { recursive: true });
      cpSync(join(other.dataDirectory, part), join(mixed, part), { recursive: true });
      const { status, stderr } = serve('--port', '0', '--data-dir', mixed);
      expect({ part, status }).toEqual({ part, status: 4 });
      expect(stderr).toMatch(/^strongroom: /);
      expect(stderr).not.toMatch(/\n\s+at /);
    }
  });

  it('with parts missing is refused and left alone', async () => {
    const { dataDirectory } = await made();
    rmSync(join(dataDirectory, 'hsm/root'), { recursive: true });
    const before = readdirSync(join(dataDirectory, 'hsm')).sort();
    expect(serve('--port', '0', '--data-dir', dataDirectory).status).toBe(4);
    expect(readdirSync(join(dataDirectory, 'hsm')).sort()).toEqual(before);
  });

  it('whose device or records are gone is refused, and nothing is made in their place', async () => {
    const { dataDirectory } = await made();
    const soPin = readFileSync(`${dataDirectory}.so-pin`);
    const without = (...gone: string[]): { status: number | null; stderr: string } => {
      const copy = join(scratchDirectory(), 'data');
      cpSync(dataDirectory, copy, {
        recursive: true,
        filter: (source) => !source.endsWith('.sock'),
      });
      for (const name of gone) rmSync(join(copy, name), { recursive: true });
      writeFileSync(`${copy}.so-pin`, soPin);
      const { status, stderr } = serve('--port', '0', '--data-dir', copy);
      for (const name of gone) expect(existsSync(join(copy, name)), name).toBe(false);
      expect(readFileSync(`${copy}.so-pin`)).toEqual(soPin);
      return { status, stderr };
    };
    for (const gone of [
      ['hsm'],
      ['store.sqlite', 'store.sqlite-wal', 'store.sqlite-shm', 'store.head'],
      ['hsm/user-pin'],
    ]) {
      const { status, stderr } = without(...gone);
      expect({ gone, status }).toEqual({ gone, status: 4 });
      expect(stderr).toMatch(/^strongroom: /);
      expect(stderr).toContain(gone[0]);
      expect(stderr).not.toMatch(/\n\s+at /);
    }
  });

  it('that is a file, or below one, is refused', () => {
    const scratch = scratchDirectory();
    writeFileSync(join(scratch, 'file'), 'x');
    expect(serve('--port', '0', '--data-dir', join(scratch, 'file')).status).toBe(4);
    expect(serve('--port', '0', '--data-dir', join(scratch, 'file/data')).status).toBe(4);
  });

  it('that this user may not write is refused', () => {
    if (process.getuid?.() === 0) {
      // Permission bits do not stop root: a directory on a file system without writes does.
      const { status, stderr } = serve('--port', '0', '--data-dir', '/proc/strongroom-data');
      expect({ status, stderr: /^strongroom: /.test(stderr) }).toEqual({ status: 4, stderr: true });
      return;
    }
    const scratch = scratchDirectory();
    mkdirSync(join(scratch, 'locked'), { mode: 0o500 });
    expect(serve('--port', '0', '--data-dir', join(scratch, 'locked/data')).status).toBe(4);
    chmodSync(join(scratch, 'locked'), 0o700);
  });

  it('cut in its last record opens with every key, or is refused; nothing is lost', {
    timeout: 120_000,
  }, async () => {
    const { dataDirectory, keyId } = await made();
    const journal = join(dataDirectory, 'hsm/flash');
    const file = readdirSync(journal).find((name) => name.startsWith('journal')) ?? '';
    // Zeros are kept ahead of the last record.
    const room = readFileSync(join(journal, file));
    const whole = room.subarray(0, room.findLastIndex((byte) => byte !== 0) + 1);
    for (const cut of [1, 17, 100]) {
      writeFileSync(join(journal, file), whole.subarray(0, whole.length - cut));
      const { status, stderr } = serve('--port', '0', '--data-dir', dataDirectory);
      expect(status).toBe(4);
      expect(stderr).toMatch(/flash/);
    }
    writeFileSync(join(journal, file), Buffer.concat([whole, Buffer.alloc(40, 0x5a)]));
    const torn = await startServer({ dataDirectory });
    expect(
      (await kmsClient(torn).send(new DescribeKeyCommand({ KeyId: keyId }))).KeyMetadata?.Enabled,
    ).toBe(true);
    await torn.kill();

    const audit = join(dataDirectory, 'audit.jsonl');
    writeFileSync(audit, readFileSync(audit).subarray(0, -9));
    const healed = await startServer({ dataDirectory });
    expect(
      (await kmsClient(healed).send(new DescribeKeyCommand({ KeyId: keyId }))).KeyMetadata?.Enabled,
    ).toBe(true);
    await healed.stop();
    const sequences = readFileSync(audit, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { sequence: number }).sequence);
    expect(sequences).toEqual(sequences.map((_, index) => index + 1));
    expect(existsSync(join(dataDirectory, 'store.sqlite'))).toBe(true);
  });
});
