/** The passphrase of a device's root secret: set, changed, removed; a start without it is refused and loses nothing. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateKeyCommand, DecryptCommand, EncryptCommand } from '@aws-sdk/client-kms';
import { expect, it } from 'vitest';
import { startServer } from '../../src/testing/start-server.ts';
import { kmsClient } from '../support/clients.ts';
import { scratchDirectory } from '../support/scratch.ts';

const command = join(import.meta.dirname, '../../bin/strongroom.mjs');

it('opens the device with the passphrase, and with nothing else', async () => {
  const folder = scratchDirectory();
  const dataDirectory = join(folder, 'data');
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const one = file('one', 'a passphrase of some length\n');
  const two = file('two', 'another passphrase, as long\n');
  const short = file('short', 'too short\n');
  const passphrase = (...args: readonly string[]) => {
    const all = ['hsm', 'root', 'passphrase', ...args, '--directory', join(dataDirectory, 'hsm')];
    const { status, stderr } = spawnSync(process.execPath, [command, ...all], { encoding: 'utf8' });
    return { status, stderr };
  };
  const start = (...flags: readonly string[]) =>
    startServer({ dataDirectory, flags, readyTimeoutMs: 30_000 });
  const refused = async (...flags: readonly string[]): Promise<string> => {
    const error = await start(...flags).then(
      () => undefined,
      (thrown: Error) => thrown.message,
    );
    expect(error).toContain('exit code 4');
    expect(error).not.toContain('passphrase of some length');
    return error ?? '';
  };

  let blob: Uint8Array = new Uint8Array();
  {
    await using server = await start('--root-passphrase-file', one);
    const client = kmsClient(server);
    const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
    const input = { KeyId: KeyMetadata?.KeyId, Plaintext: Buffer.from('kept') };
    blob = (await client.send(new EncryptCommand(input))).CiphertextBlob ?? blob;
    expect(passphrase('remove', '--passphrase-file', one).status).toBe(3);
    expect(await server.stop()).toBe(0);
  }
  const opens = async (...flags: readonly string[]): Promise<void> => {
    await using server = await start(...flags);
    const { Plaintext } = await kmsClient(server).send(
      new DecryptCommand({ CiphertextBlob: blob }),
    );
    expect(Buffer.from(Plaintext ?? []).toString()).toBe('kept');
    expect(await server.stop()).toBe(0);
  };

  expect(await refused()).toContain('--root-passphrase-file');
  expect(await refused('--root-passphrase-file', two)).toContain('another one, or none');
  expect(await refused('--root-passphrase-file', short)).toContain('holds no passphrase');
  expect(await refused('--root-passphrase-file', join(folder, 'none'))).toContain('ENOENT');
  expect(passphrase('set', '--new-passphrase-file', two).status).toBe(1);
  expect(
    passphrase('set', '--passphrase-file', one, '--new-passphrase-file', short).status,
  ).not.toBe(0);
  await opens('--root-passphrase-file', one);
  const changed = passphrase('set', '--passphrase-file', one, '--new-passphrase-file', two);
  expect(changed).toEqual({ status: 0, stderr: '' });
  await refused('--root-passphrase-file', one);
  await opens('--root-passphrase-file', two);
  expect(passphrase('remove', '--passphrase-file', two)).toEqual({ status: 0, stderr: '' });
  await refused('--root-passphrase-file', two);
  await opens();
});
