/**
 * Deletion at its date and the clock that brings it: over real clients, restarts, threads, kill -9 and restored stores.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  KMSClient as Client,
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  type KMSClient,
  ListAliasesCommand,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms';
import { describe, expect, it } from 'vitest';
import { adminRequest } from '../../src/admin/admin-client.ts';
import { createInProcessKms } from '../../src/in-process/index.ts';
import { startServer } from '../../src/testing/start-server.ts';
import { kmsClient, refusal } from '../support/clients.ts';
import { scratchDirectory } from '../support/scratch.ts';

const dayMs = 86_400_000;
const command = new URL('../../bin/strongroom.mjs', import.meta.url).pathname;

const newDirectory = () => join(scratchDirectory(), 'data');
const newKey = async (client: KMSClient, input = {}): Promise<string> =>
  (await client.send(new CreateKeyCommand(input))).KeyMetadata?.KeyId ?? '';
const schedule = (client: KMSClient, KeyId: string, PendingWindowInDays = 7) =>
  client.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays }));
const errorOf = async (call: Promise<unknown>) => (await refusal(call)).name;
/** A key's state, or the name of the error that tells that it has none. */
const stateOf = (client: KMSClient, KeyId: string): Promise<string | undefined> =>
  client.send(new DescribeKeyCommand({ KeyId })).then(
    ({ KeyMetadata }) => KeyMetadata?.KeyState,
    (error: Error) => error.name,
  );

/** Events of the audit log of one name. */
function events(dataDirectory: string, operation: string) {
  return readFileSync(join(dataDirectory, 'audit.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).event)
    .filter((event) => event.operation === operation);
}

/** Key tokens of a key, as its record has them. */
function keyTokens(dataDirectory: string, keyId: string): Buffer[] {
  using database = new DatabaseSync(join(dataDirectory, 'store.sqlite'), { readOnly: true });
  const rows = database.prepare('SELECT key, body FROM record_keys').all();
  return rows
    .filter(({ key }) => String(key).endsWith(keyId))
    .flatMap(({ body }) => JSON.parse(Buffer.from(body as Uint8Array).toString('utf8')).materials)
    .map(({ keyToken }) => Buffer.from(keyToken, 'base64'));
}

/** Files of a directory that hold some of a key token, as it is or in base64: a long one lies in several pages. */
function holders(directory: string, token: Buffer): string[] {
  const text = Buffer.from(token.toString('base64'));
  const pieces = [token, text].flatMap((whole) =>
    Array.from({ length: Math.floor(whole.length / 32) }, (_, i) =>
      whole.subarray(32 * i, 32 * i + 32),
    ),
  );
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return files.filter((name) => {
    const file = join(directory, name);
    if (!statSync(file).isFile()) return false;
    const bytes = readFileSync(file);
    return pieces.some((piece) => bytes.includes(piece));
  });
}

/** All but the device: what a back-up of the store holds. */
function copyStore(from: string, to: string): void {
  cpSync(from, to, {
    recursive: true,
    filter: (name) => name === from || !['hsm', 'admin.sock'].includes(name.slice(from.length + 1)),
  });
}

describe('a key whose date has come', () => {
  it('leaves nothing of its key token, and stays closed when an old store comes back', async () => {
    const dataDirectory = newDirectory();
    const backup = join(dataDirectory, '..', 'backup');
    const wholeCopy = join(dataDirectory, '..', 'copy');
    let gone: string;
    let rsa: string;
    let kept: string;
    const blobs = new Map<string, Uint8Array>();
    let tokens: Buffer[];
    {
      await using server = await startServer({ dataDirectory });
      const client = kmsClient(server);
      [gone, kept] = [await newKey(client), await newKey(client)];
      rsa = await newKey(client, { KeySpec: 'RSA_4096', KeyUsage: 'ENCRYPT_DECRYPT' });
      await client.send(new CreateAliasCommand({ AliasName: 'alias/gone', TargetKeyId: gone }));
      for (const [KeyId, EncryptionAlgorithm] of [
        [gone, 'SYMMETRIC_DEFAULT'],
        [kept, 'SYMMETRIC_DEFAULT'],
        [rsa, 'RSAES_OAEP_SHA_256'],
      ] as const) {
        const input = { KeyId, EncryptionAlgorithm, Plaintext: Buffer.from('secret') };
        const { CiphertextBlob } = await client.send(new EncryptCommand(input));
        blobs.set(KeyId, CiphertextBlob as Uint8Array);
      }
      expect(await server.stop()).toBe(0);
      tokens = [gone, rsa].flatMap((keyId) => keyTokens(dataDirectory, keyId));
      expect(tokens).toHaveLength(2);
      for (const token of tokens) expect(holders(dataDirectory, token)).not.toEqual([]);
      // Last week's back-up.
      copyStore(dataDirectory, backup);
      cpSync(dataDirectory, wholeCopy, { recursive: true });
    }
    const decrypt = (client: KMSClient, KeyId: string) =>
      client.send(
        new DecryptCommand({
          KeyId,
          CiphertextBlob: blobs.get(KeyId),
          ...(KeyId === rsa && { EncryptionAlgorithm: 'RSAES_OAEP_SHA_256' }),
        }),
      );
    {
      await using server = await startServer({ dataDirectory });
      const client = kmsClient(server);
      for (const KeyId of [gone, rsa]) {
        await decrypt(client, KeyId);
        await schedule(client, KeyId);
      }
      const { dueWork } = await server.clock.advance({ days: 30 });
      expect(dueWork).toEqual({ done: 2, failing: 0 });
      for (const KeyId of [gone, rsa])
        expect(await stateOf(client, KeyId)).toBe('NotFoundException');
      expect((await client.send(new ListAliasesCommand({}))).Aliases).toEqual([]);
      // While it runs: store, log and free pages.
      for (const token of tokens) expect(holders(dataDirectory, token)).toEqual([]);
      const deleted = events(dataDirectory, 'DeleteKey').flatMap(({ resources }) => resources);
      const arns = [gone, rsa].map((keyId) => `arn:aws:kms:us-east-1:000000000000:key/${keyId}`);
      expect(deleted.toSorted()).toEqual(arns.toSorted());
      expect(await server.stop()).toBe(0);
      for (const token of tokens) expect(holders(dataDirectory, token)).toEqual([]);
    }
    for (const name of readdirSync(dataDirectory))
      if (name !== 'hsm') rmSync(join(dataDirectory, name), { recursive: true });
    copyStore(backup, dataDirectory);
    {
      await using server = await startServer({ dataDirectory });
      const client = kmsClient(server);
      for (const KeyId of [gone, rsa]) {
        const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId }));
        expect(KeyMetadata?.KeyState).toBe('Enabled');
        expect(await errorOf(decrypt(client, KeyId))).toBe('KMSInvalidStateException');
      }
      const opened = await decrypt(client, kept);
      expect(Buffer.from(opened.Plaintext ?? []).toString()).toBe('secret');
      // What came back is deleted as any other key.
      await schedule(client, gone);
      expect((await server.clock.advance({ days: 7 })).dueWork).toEqual({ done: 1, failing: 0 });
      expect(await stateOf(client, gone)).toBe('NotFoundException');
    }
    // The device as it was, with the store as it was: nothing was buried there, and it shows what closes the other.
    await using server = await startServer({ dataDirectory: wholeCopy });
    const client = kmsClient(server);
    for (const KeyId of [gone, rsa])
      expect(Buffer.from((await decrypt(client, KeyId)).Plaintext ?? []).toString()).toBe('secret');
  });

  it('is gone in every thread, with its backing key', async () => {
    const dataDirectory = newDirectory();
    await using server = await startServer({ dataDirectory, flags: ['--threads', '3'] });
    const keyIds = await Promise.all(Array.from({ length: 4 }, () => newKey(kmsClient(server))));
    const [stays = '', ...goes] = keyIds;
    const encryptEverywhere = async () => {
      // A connection is one thread's: as many as it takes for each key to be at work in each.
      for (let round = 0; round < 12; round += 1) {
        const client = kmsClient(server);
        for (const KeyId of keyIds)
          await client.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from('x') }));
        client.destroy();
      }
    };
    const sessionObjects = async () => {
      const { device } = (await adminRequest(dataDirectory, 'status')) as {
        device: { sessionObjectCount: number };
      };
      return device.sessionObjectCount;
    };
    await encryptEverywhere();
    const threadsWithKeys = (await sessionObjects()) / keyIds.length;
    expect(threadsWithKeys).toBeGreaterThan(1);
    for (const KeyId of goes) await schedule(kmsClient(server), KeyId);
    const { dueWork } = await server.clock.advance({ days: 7 });
    expect(dueWork).toEqual({ done: 3, failing: 0 });
    await expect.poll(sessionObjects).toBe(threadsWithKeys);
    for (let round = 0; round < 6; round += 1) {
      const client = kmsClient(server);
      for (const KeyId of goes) expect(await stateOf(client, KeyId)).toBe('NotFoundException');
      await client.send(new EncryptCommand({ KeyId: stays, Plaintext: Buffer.from('x') }));
      client.destroy();
    }
    expect(events(dataDirectory, 'DeleteKey')).toHaveLength(3);
  });

  it('goes at the next start when that slept through it, once', async () => {
    const dataDirectory = newDirectory();
    let keyId: string;
    {
      await using server = await startServer({ dataDirectory });
      keyId = await newKey(kmsClient(server));
      await schedule(kmsClient(server), keyId);
      await server.stop();
    }
    // As if the machine had been off for ten years.
    writeFileSync(join(dataDirectory, 'clock.json'), `{"format":1,"offsetMs":${3650 * dayMs}}`);
    for (let start = 0; start < 2; start += 1) {
      await using server = await startServer({ dataDirectory });
      await expect.poll(() => stateOf(kmsClient(server), keyId)).toBe('NotFoundException');
      await server.stop();
    }
    const deletions = events(dataDirectory, 'DeleteKey');
    expect(deletions).toHaveLength(1);
    expect(new Date(deletions[0].dueAtMs).getTime()).toBeLessThan(Date.now() + 8 * dayMs);
  });

  it('goes once though the server is killed while it deletes', async () => {
    const dataDirectory = newDirectory();
    const count = 24;
    const keyIds: string[] = [];
    {
      await using server = await startServer({ dataDirectory });
      const client = kmsClient(server);
      for (let i = 0; i < count; i += 1) {
        const keyId = await newKey(client);
        await schedule(client, keyId);
        keyIds.push(keyId);
      }
      await server.stop();
    }
    writeFileSync(join(dataDirectory, 'clock.json'), `{"format":1,"offsetMs":${30 * dayMs}}`);
    let rounds = 0;
    let deleted = 0;
    for (; rounds < 4 && deleted < count; rounds += 1) {
      const server = await startServer({ dataDirectory, flags: ['--threads', '2'] });
      await sleep(5 * (rounds + 1));
      await server.kill();
      deleted = events(dataDirectory, 'DeleteKey').length;
    }
    await using server = await startServer({ dataDirectory });
    const client = kmsClient(server);
    await server.clock.advance({});
    for (const keyId of keyIds) expect(await stateOf(client, keyId)).toBe('NotFoundException');
    const ids = events(dataDirectory, 'DeleteKey').map((event) => event.serviceEventDetails.keyId);
    expect(ids.toSorted()).toEqual(keyIds.toSorted());
    process.stdout.write(`killed ${rounds} times while ${count} keys were deleted\n`);
  }, 120_000);
});

describe('the domain clock', () => {
  it('dates keys, is kept, stands still, is never set back, and moves nothing else', async () => {
    const dataDirectory = newDirectory();
    const clock = (...words: string[]) =>
      JSON.parse(
        execFileSync(process.execPath, [command, 'clock', ...words, '--data-dir', dataDirectory], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'pipe'],
        }),
      );
    const createdAt = async (client: KMSClient) => {
      const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
      return KeyMetadata?.CreationDate?.getTime() ?? 0;
    };
    {
      await using server = await startServer({ dataDirectory });
      const client = kmsClient(server);
      expect(clock('show')).toMatchObject({ offsetMs: 0, isFrozen: false });
      const moved = clock('advance', '3650d');
      expect(moved).toMatchObject({ isFrozen: false, dueWork: { done: 0, failing: 0 } });
      expect(Math.abs((await createdAt(client)) - Date.now() - 3650 * dayMs)).toBeLessThan(10_000);
      expect(clock('freeze')).toMatchObject({ isFrozen: true });
      expect(await createdAt(client)).toBe(await createdAt(client));
      expect(() => clock('set', '2020-01-01')).toThrow(/never set back/);
      expect(() => clock('advance', '-1d')).toThrow();
      expect(() => clock('advance', '2w')).toThrow(/30d, 12h, 90m, 15s or 250ms/);
      expect(() => clock('set', '9999-12-31T23:59:59.999Z', 'x')).toThrow(/takes one argument/);
      expect(() => clock('advance', '3000000d')).toThrow(/year 9999/);
      await server.stop();
    }
    await using server = await startServer({ dataDirectory, flags: ['--threads', '2'] });
    const client = kmsClient(server);
    const frozen = await server.clock.show();
    expect(frozen.isFrozen).toBe(true);
    for (let i = 0; i < 3; i += 1)
      expect(await createdAt(kmsClient(server))).toBe(Date.parse(frozen.now));
    const set = await server.clock.set(new Date(Date.parse(frozen.now) + dayMs));
    expect(Date.parse(set.now) - Date.parse(frozen.now)).toBe(dayMs);
    expect(await createdAt(client)).toBe(Date.parse(set.now));
    await server.clock.resume();
    await sleep(20);
    const later = await server.clock.show();
    expect(later.isFrozen).toBe(false);
    expect(Date.parse(later.now) - Date.parse(set.now)).toBeGreaterThan(15);
    expect(Date.parse(later.now) - Date.parse(set.now)).toBeLessThan(10_000);
    // The audit log is dated by the wall, and has each move.
    const moves = ['AdvanceClock', 'FreezeClock', 'SetClock', 'ResumeClock'].flatMap((name) =>
      events(dataDirectory, name),
    );
    expect(moves.map(({ eventType }) => eventType)).toEqual(Array(4).fill('OperatorEvent'));
    for (const { timeMs } of moves) expect(Math.abs(timeMs - Date.now())).toBeLessThan(60_000);
    const status = (await adminRequest(dataDirectory, 'status')) as Record<string, unknown>;
    expect(status).toMatchObject({ clock: { isFrozen: false }, dueWork: { failing: [] } });
  });

  it('of an ephemeral server is moved over the channel that started it', async () => {
    await using server = await startServer();
    const client = kmsClient(server);
    const keyId = await newKey(client);
    await schedule(client, keyId);
    await expect(server.clock.set(new Date(0))).rejects.toThrow(/never set back/);
    expect((await server.clock.advance({ days: 6, hours: 23 })).dueWork.done).toBe(0);
    expect(await stateOf(client, keyId)).toBe('PendingDeletion');
    expect((await server.clock.advance({ hours: 1 })).dueWork.done).toBe(1);
    expect(await stateOf(client, keyId)).toBe('NotFoundException');
  });

  it('of a KMS in process is moved by its owner', async () => {
    await using kms = await createInProcessKms({ ephemeral: true });
    const client = new Client({ ...kms.clientConfig });
    const keyId = await newKey(client);
    await schedule(client, keyId, 30);
    const before = kms.clock.now();
    const after = await kms.clock.advance({ days: 29 });
    expect(after.getTime() - before.getTime()).toBeGreaterThanOrEqual(29 * dayMs);
    await expect(kms.clock.advance({ days: -1 })).rejects.toThrow(RangeError);
    await expect(kms.clock.set(before)).rejects.toThrow(RangeError);
    const frozen = await kms.clock.freeze();
    await sleep(5);
    expect(kms.clock.now()).toEqual(frozen);
    await kms.clock.advance({ days: 1 });
    expect(await stateOf(client, keyId)).toBe('NotFoundException');
    await kms.clock.resume();
  });
});
