/**
 * Back-up of a running server and restore: one moment of everything, sealed; whatever is not the whole and true back-up
 * is refused and leaves nothing; what was destroyed stays so on its device.
 */
import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  CreateKeyCommand,
  DecryptCommand,
  EncryptCommand,
  ListKeysCommand,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms';
import { beforeAll, describe, expect, it } from 'vitest';
import { adminRequest } from '../../src/admin/admin-client.ts';
import { verifyAuditFile } from '../../src/audit/verify.ts';
import { readRecoverySecret } from '../../src/server/backup/recovery-secret.ts';
import { restore } from '../../src/server/backup/restore.ts';
import { startServer } from '../../src/testing/start-server.ts';
import { kmsClient } from '../support/clients.ts';
import { scratchDirectory } from '../support/scratch.ts';

const COMMAND = new URL('../../bin/strongroom.mjs', import.meta.url).pathname;
const Plaintext = Buffer.from('what was encrypted before');
const chunkLength = 64 * 1024 + 16;
const headerLength = 76;

function strongroom(...argv: string[]) {
  const { status, stderr, stdout } = spawnSync(process.execPath, [COMMAND, ...argv], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, stderr, stdout };
}

/** Nothing is left of a restore that was refused. */
function expectNothing(directory: string): void {
  expect(existsSync(directory)).toBe(false);
  expect(readdirSync(dirname(directory)).filter((name) => name.includes('restoring'))).toEqual([]);
}

describe('a back-up of a running server', () => {
  const scratch = scratchDirectory();
  const dataDirectory = join(scratch, 'data');
  const secretFile = join(scratch, 'safe', 'secret');
  const file = join(scratch, 'first.back-up');
  const target = join(scratch, 'restored');
  let secret: Uint8Array;
  let blobs: Uint8Array[];
  let keyIds: string[];
  let createdMeanwhile = 0;

  beforeAll(async () => {
    await using server = await startServer({ dataDirectory, flags: ['--threads', '2'] });
    const kms = kmsClient(server);
    keyIds = [];
    for (let i = 0; i < 8; i += 1) {
      const made = Array.from({ length: 16 }, () => kms.send(new CreateKeyCommand({})));
      keyIds.push(...(await Promise.all(made)).map((each) => each.KeyMetadata?.KeyId ?? ''));
    }
    const encrypted = keyIds.map((KeyId) => kms.send(new EncryptCommand({ KeyId, Plaintext })));
    blobs = (await Promise.all(encrypted)).map((each) => each.CiphertextBlob as Uint8Array);
    const early = strongroom('backup', file, '--data-dir', dataDirectory);
    expect(early.stderr).toMatch(/strongroom recovery create/);
    expect(existsSync(file)).toBe(false);
    const flags = ['--data-dir', dataDirectory, '--recovery-secret-file', secretFile];
    expect(strongroom('recovery', 'create', ...flags)).toMatchObject({ status: 0, stderr: '' });
    expect(statSync(secretFile).mode & 0o777).toBe(0o600);
    expect(strongroom('recovery', 'create', ...flags).stderr).toMatch(/has a recovery key already/);
    secret = readRecoverySecret(secretFile);

    let isOver = false;
    const creating = Array.from({ length: 4 }, async () => {
      while (!isOver) {
        await kms.send(new CreateKeyCommand({}));
        createdMeanwhile += 1;
      }
    });
    const report = await adminRequest(dataDirectory, 'back-up', { file });
    process.stdout.write(`${JSON.stringify(report)}\n`);
    expect(createdMeanwhile).toBeGreaterThan(0);
    isOver = true;
    await Promise.all(creating);
    const again = adminRequest(dataDirectory, 'back-up', { file });
    await expect(again).rejects.toThrow(/is there already/);
    const inside = adminRequest(dataDirectory, 'back-up', { file: join(dataDirectory, 'b') });
    await expect(inside).rejects.toThrow(/outside the data directory/);
    const left = readdirSync(dataDirectory).filter((name) => name.startsWith('back-up'));
    expect(left).toEqual([]);
  });

  it('opens on a new machine, with every key, and an audit log that ends with its store', async () => {
    const { status, stderr } = strongroom(
      ...['restore', file, '--data-dir', target, '--recovery-secret-file', secretFile],
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(statSync(target).mode & 0o777).toBe(0o700);
    await verifyAuditFile(join(target, 'audit.jsonl'), (text) => hash('sha256', text, 'hex'));
    const lines = readFileSync(join(target, 'audit.jsonl'), 'utf8').split('\n');
    const createdCount = lines.filter((line) => line.includes('"operation":"CreateKey"')).length;
    await using server = await startServer({ dataDirectory: target });
    const kms = kmsClient(server);
    for (const CiphertextBlob of blobs) {
      const opened = await kms.send(new DecryptCommand({ CiphertextBlob }));
      expect(Buffer.from(opened.Plaintext ?? [])).toEqual(Plaintext);
    }
    let count = 0;
    for (let Marker: string | undefined; ; ) {
      const page = await kms.send(new ListKeysCommand({ Limit: 1000, Marker }));
      count += page.Keys?.length ?? 0;
      Marker = page.NextMarker;
      if (!page.Truncated) break;
    }
    // One moment: the log tells of as many keys as there are.
    expect(count).toBe(createdCount);
    await kms.send(new CreateKeyCommand({}));
  });

  it('holds no secret in the clear', () => {
    const bytes = readFileSync(file);
    const rootSecret = readFileSync(join(dataDirectory, 'hsm/root/root-secret')).subarray(16, 48);
    const userPin = readFileSync(join(dataDirectory, 'hsm/user-pin')).subarray(0, 16);
    const credentials = readFileSync(join(dataDirectory, 'credentials'));
    for (const content of [rootSecret, userPin, credentials])
      expect(bytes.includes(content)).toBe(false);
  });

  it('is refused when it is cut, altered, reordered, of another version, or the secret is another', async () => {
    const whole = readFileSync(file);
    expect(whole.length).toBeGreaterThan(headerLength + 3 * chunkLength);
    const directory = join(scratch, 'never');
    const refused = async (bytes: Uint8Array, message: RegExp, its = secret): Promise<void> => {
      const bad = join(scratch, 'bad');
      writeFileSync(bad, bytes);
      await expect(restore({ file: bad, secret: its, directory })).rejects.toThrow(message);
      expectNothing(directory);
    };
    const chunkEnds = [1, 2, 3].map((count) => headerLength + count * chunkLength);
    for (const length of [0, 4, 11, 75, 76, 80, ...chunkEnds, whole.length - 1])
      await refused(whole.subarray(0, length), /cut off|altered|no back-up/);
    await refused(Buffer.concat([whole, Buffer.of(0)]), /cut off|altered/);
    for (const at of [44, 60, 76, 1000, headerLength + chunkLength, whole.length - 1]) {
      const altered = Buffer.from(whole);
      altered[at]! ^= 1;
      await refused(altered, /altered/);
    }
    const swapped = Buffer.from(whole);
    const [one, two] = [headerLength, headerLength + chunkLength];
    swapped.set(whole.subarray(two, two + chunkLength), one);
    swapped.set(whole.subarray(one, one + chunkLength), two);
    await refused(swapped, /altered/);
    for (const version of [0, 2]) {
      const other = Buffer.from(whole);
      other.writeUInt32BE(version, 8);
      await refused(other, new RegExp(`format version ${version}; this release reads version 1`));
    }
    await refused(Buffer.from('something else'), /no back-up of Strongroom/);
    await refused(whole, /not the recovery secret/, Buffer.alloc(32, 7));
  });

  it('is not restored over anything', async () => {
    const used = join(scratch, 'used');
    mkdirSync(used);
    writeFileSync(join(used, 'mine'), '');
    await expect(restore({ file, secret, directory: used })).rejects.toThrow(/is not empty/);
    await expect(restore({ file, secret, directory: join(used, 'mine') })).rejects.toThrow();
    expect(readdirSync(used)).toEqual(['mine']);
    const empty = join(scratch, 'empty');
    mkdirSync(empty);
    await restore({ file, secret, directory: empty });
    expect(existsSync(join(empty, 'store.sqlite'))).toBe(true);
  });
});

describe('a key that was destroyed after the back-up', () => {
  it('stays so on its device, and is there again on a new machine', async () => {
    const scratch = scratchDirectory();
    const [old, same, fresh] = ['data', 'same', 'fresh'].map((name) => join(scratch, name)) as [
      string,
      string,
      string,
    ];
    const file = join(scratch, 'back-up');
    let CiphertextBlob: Uint8Array | undefined;
    {
      await using server = await startServer({ dataDirectory: old });
      const kms = kmsClient(server);
      const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
      const KeyId = KeyMetadata?.KeyId;
      ({ CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId, Plaintext })));
      strongroom('recovery', 'create', '--data-dir', old);
      await adminRequest(old, 'back-up', { file });
      await kms.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
      await adminRequest(old, 'clock', { action: 'advance', ms: 30 * 86_400_000 });
      await expect(kms.send(new DecryptCommand({ CiphertextBlob }))).rejects.toThrow();
    }
    const secret = readRecoverySecret(`${old}.recovery-secret`);
    await restore({ file, secret, directory: same, deviceFrom: old });
    await restore({ file, secret, directory: fresh });
    {
      await using server = await startServer({ dataDirectory: same });
      const call = kmsClient(server).send(new DecryptCommand({ CiphertextBlob }));
      await expect(call).rejects.toThrow();
      await kmsClient(server).send(new CreateKeyCommand({}));
    }
    await using server = await startServer({ dataDirectory: fresh });
    const opened = await kmsClient(server).send(new DecryptCommand({ CiphertextBlob }));
    expect(Buffer.from(opened.Plaintext ?? [])).toEqual(Plaintext);

    const another = join(scratch, 'another');
    await (await startServer({ dataDirectory: another })).stop();
    const directory = join(scratch, 'mixed');
    const mixed = restore({ file, secret, directory, deviceFrom: another });
    await expect(mixed).rejects.toThrow(/is of device .* and in .* is device/);
    expectNothing(directory);
  });
});
