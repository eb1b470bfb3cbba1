/**
 * Programs that have one token open at the same time: a Node program with pkcs11js that stays, OpenSC's pkcs11-tool and p11tool
 * that come and go beside it, and a server that shares with nobody.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDevice } from '../../src/link/in-process.ts';
import { root } from '../support/files.ts';
import {
  Client,
  describeClient,
  modulePath,
  soPin,
  tokenLabel,
  userPin,
} from '../support/pkcs11-module.ts';
import { buildPkcs11js } from '../support/pkcs11js.ts';
import { scratchDirectory } from '../support/scratch.ts';

/** The watcher's process, asked one thing at a time. */
class Watcher {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(environment: Record<string, string>) {
    const program = join(root, 'test/support/pkcs11js-watcher.mjs');
    this.#process = spawn(process.execPath, [program, modulePath, userPin], {
      env: environment,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async answer(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    return done ? 'ended' : JSON.parse(value);
  }

  ask(line: string): Promise<unknown> {
    this.#process.stdin.write(`${line}\n`);
    return this.answer();
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.stdin.end();
    await once(this.#process, 'exit');
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await once(this.#process, 'exit');
  }
}

const tools = [
  ['/usr/bin/pkcs11-tool', 'opensc'],
  ['/usr/bin/p11tool', 'gnutls-bin'],
] as const;

describeClient('several processes', tools, () => {
  const directory = scratchDirectory();
  const client = new Client(directory);
  const bare = ['--module', modulePath];
  const user = [...bare, '--login', '--pin', userPin];
  const tool = (...parameters: string[]) => client.run('pkcs11-tool', ...user, ...parameters);
  let watcher: Watcher;

  beforeAll(async () => {
    expect(await buildPkcs11js()).toBe(true);
    await client.makeToken();
    watcher = new Watcher(client.environment);
    expect(await watcher.answer()).toBe('ready');
  });
  afterAll(() => watcher.end());

  it('keys that one makes and destroys show in the other', async () => {
    expect(await watcher.ask('list')).toEqual([]);
    await tool('--keygen', '--key-type', 'AES:32', '--label', 'theirs', '--id', '01');
    expect(await watcher.ask('list')).toEqual(['theirs']);
    expect(await watcher.ask('make ours')).toBe('made');
    expect(await tool('--list-objects')).toMatch(/label: +ours/);
    expect(await watcher.ask('destroy theirs')).toBe('destroyed');
    expect(await tool('--list-objects')).not.toMatch(/theirs/);
    await tool('--delete-object', '--type', 'secrkey', '--label', 'ours');
    expect(await watcher.ask('list')).toEqual([]);
  });

  it('another program’s keys as well, and many at once', async () => {
    client.environment.GNUTLS_PIN = userPin;
    const token = `pkcs11:token=${encodeURIComponent(tokenLabel)}`;
    const key = ['--generate-privkey=ecdsa', '--curve=secp256r1', '--label=tls'];
    await client.run('p11tool', '--provider', modulePath, '--login', ...key, token);
    expect(await watcher.ask('list')).toEqual(['tls', 'tls']);
    const names = Array.from({ length: 6 }, (_, i) => `at-once-${i}`);
    await Promise.all([
      ...names.map((name) => tool('--keygen', '--key-type', 'AES:16', '--label', name)),
      watcher.ask('make mine'),
    ]);
    expect(await watcher.ask('list')).toEqual([...names, 'mine', 'tls', 'tls']);
  });

  it('a PIN changed in one is asked for in the next; who is logged in stays so', async () => {
    await tool('--change-pin', '--new-pin', '654321');
    expect(await watcher.ask('state')).toBe(3); // CKS_RW_USER_FUNCTIONS
    expect(await watcher.ask('make after')).toBe('made');
    const wrong = await client.fail('pkcs11-tool', ...user, '--list-objects');
    expect(wrong.text).toMatch(/CKR_PIN_INCORRECT/);
    const changed = [...bare, '--login', '--pin', '654321', '--change-pin', '--new-pin', userPin];
    await client.run('pkcs11-tool', ...changed);
  });

  it('a token that somebody has a session with is not initialised', async () => {
    const again = [...bare, '--init-token', '--label', tokenLabel, '--so-pin', soPin];
    expect((await client.fail('pkcs11-tool', ...again)).text).toMatch(/CKR_SESSION_EXISTS/);
  });

  it('a server is refused the device, and refuses it', async () => {
    const token = client.environment.STRONGROOM_TOKEN_DIR ?? '';
    const options = {
      flashDirectory: join(token, 'flash'),
      rootDirectory: join(token, 'root'),
      slotCount: 1,
      pinIterations: 0,
      maxSessionCount: 0,
      create: false,
    };
    await expect(openDevice(options)).rejects.toMatchObject({ ckr: 'CKR_STRONGROOM_FLASH_IN_USE' });
    await watcher.kill();
    const device = await openDevice(options);
    client.environment.STRONGROOM_PKCS11_VERBOSE = '1';
    expect((await client.fail('pkcs11-tool', ...bare, '--list-slots')).text).toMatch(
      /a server has this token open, which shares it with nobody/,
    );
    await device.close();
    expect(await tool('--list-objects')).toMatch(/label: +after/);
  });

  it('pkcs11-tool --test-fork: a child shares with its parent', async () => {
    const { code, text } = await client.fail('pkcs11-tool', ...bare, '--test-fork');
    process.stdout.write(text);
    expect({ code, failed: /fail|error/i.test(text) }).toEqual({ code: 0, failed: false });
  });
});
