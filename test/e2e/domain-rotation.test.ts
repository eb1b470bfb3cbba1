/**
 * Rotation of domain keys in a running server: while several threads serve requests none fails, a kill in the middle is
 * made good by the next start, and what goes wrong is said.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateKeyCommand,
  DecryptCommand,
  EncryptCommand,
  GenerateMacCommand,
  type KMSClient,
  SignCommand,
  UpdateKeyDescriptionCommand,
} from '@aws-sdk/client-kms';
import { describe, expect, it } from 'vitest';
import { adminRequest } from '../../src/admin/admin-client.ts';
import type { RegionDomainStatus } from '../../src/server/domain-care.ts';
import { startServer } from '../../src/testing/start-server.ts';
import { kmsClient } from '../support/clients.ts';
import { scratchDirectory } from '../support/scratch.ts';

const COMMAND = new URL('../../bin/strongroom.mjs', import.meta.url).pathname;
const Plaintext = Buffer.from('what was encrypted before');

function domain(dataDirectory: string, action: string, ...flags: string[]) {
  const argv = ['hsm', 'domain', action, '--data-dir', dataDirectory, ...flags];
  const { status, stderr, stdout } = spawnSync(process.execPath, [COMMAND, ...argv], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, stderr, stdout };
}

async function statusOf(dataDirectory: string): Promise<RegionDomainStatus> {
  const all = await adminRequest(dataDirectory, 'domain', { action: 'status' });
  return (all as RegionDomainStatus[])[0] as RegionDomainStatus;
}

/** When every key token is under the active keys. */
/** @param look is shown every status on the way: a later pass, which finds nothing to do, counts anew */
async function settled(
  dataDirectory: string,
  look: (status: RegionDomainStatus) => void = () => undefined,
): Promise<RegionDomainStatus> {
  for (const deadline = Date.now() + 60_000; ; ) {
    const status = await statusOf(dataDirectory);
    look(status);
    const full = status.keys.filter(({ state, emptyAt }) => state === 'retired' && !emptyAt);
    if (full.length === 0 && status.rewrap?.state !== 'running') return status;
    if (Date.now() > deadline) throw new Error(`not done: ${JSON.stringify(status)}`);
    await sleep(20);
  }
}

async function createKeys(kms: KMSClient, count: number): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const made = await Promise.all(
      Array.from({ length: Math.min(16, count - ids.length) }, () =>
        kms.send(new CreateKeyCommand({})),
      ),
    );
    ids.push(...made.map(({ KeyMetadata }) => KeyMetadata?.KeyId ?? ''));
  }
  return ids;
}

describe('rotation under load', () => {
  it('fails no request in several threads, and every key token follows', async () => {
    const dataDirectory = join(scratchDirectory(), 'data');
    await using server = await startServer({ dataDirectory, flags: ['--threads', '3'] });
    const kms = kmsClient(server);
    const keyIds = await createKeys(kms, 200);
    const before = await Promise.all(
      keyIds.map((KeyId) => kms.send(new EncryptCommand({ KeyId, Plaintext }))),
    );
    const [mac, ec] = await Promise.all(
      [
        { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' } as const,
        { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' } as const,
      ].map(async (input) => {
        const { KeyMetadata } = await kms.send(new CreateKeyCommand(input));
        return KeyMetadata?.KeyId ?? '';
      }),
    );
    const failures: unknown[] = [];
    const counts = { cryptography: 0, mutations: 0 };
    let isOver = false;
    const worker = async (seed: number): Promise<void> => {
      const Message = Buffer.from('m');
      for (let i = seed; !isOver; i += 7) {
        const at = i % keyIds.length;
        try {
          const opened = await kms.send(
            new DecryptCommand({ CiphertextBlob: before[at]?.CiphertextBlob }),
          );
          expect(Buffer.from(opened.Plaintext ?? [])).toEqual(Plaintext);
          await kms.send(
            new GenerateMacCommand({ KeyId: mac, MacAlgorithm: 'HMAC_SHA_256', Message }),
          );
          await kms.send(
            new SignCommand({ KeyId: ec, SigningAlgorithm: 'ECDSA_SHA_256', Message }),
          );
          counts.cryptography += 3;
          if (i % 3 === 0) {
            const KeyId = keyIds[at];
            const Description = `changed ${i}`;
            await kms.send(new UpdateKeyDescriptionCommand({ KeyId, Description }));
            const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
            await kms.send(new EncryptCommand({ KeyId: KeyMetadata?.KeyId, Plaintext }));
            counts.mutations += 2;
          }
        } catch (error) {
          failures.push(error);
        }
      }
    };
    const workers = Array.from({ length: 8 }, (_, i) => worker(i));
    const soPinFile = `${dataDirectory}.so-pin`;
    for (const kind of ['all', 'seal', 'mac', 'sign', 'all'])
      await adminRequest(dataDirectory, 'domain', { action: 'rotate', kind, soPinFile });
    const { keys, rewrap } = await settled(dataDirectory);
    isOver = true;
    await Promise.all(workers);
    expect(failures).toEqual([]);
    expect(keys.filter(({ state }) => state === 'active')).toHaveLength(4);
    expect(keys.filter(({ state }) => state === 'retired')).toHaveLength(11);
    expect(rewrap).toMatchObject({ state: 'done', failedCount: 0 });
    expect(rewrap?.doneCount).toBeGreaterThan(201);
    process.stdout.write(
      `5 rotations beside ${counts.cryptography} cryptographic requests and ${counts.mutations} changes\n`,
    );
    const audit = readFileSync(join(dataDirectory, 'audit.jsonl'), 'utf8');
    expect(audit.match(/"operation":"hsm:RotateDomainKey"/g)).toHaveLength(5);
    expect(audit).toMatch(/"operation":"hsm:RewrapKeyTokens"/);
  });
});

describe('rotation cut off', () => {
  it('goes on after kill -9, wherever it came', async () => {
    const dataDirectory = join(scratchDirectory(), 'data');
    let server = await startServer({ dataDirectory });
    // As many as take the background a second.
    const keyIds = await createKeys(kmsClient(server), 5000);
    const blobs = await Promise.all(
      keyIds
        .filter((_, i) => i % 10 === 0)
        .map((KeyId) => kmsClient(server).send(new EncryptCommand({ KeyId, Plaintext }))),
    );
    let resumedCount = 0;
    for (const delayMs of [0, 1, 10, 30, 80]) {
      const rotation = adminRequest(dataDirectory, 'domain', {
        action: 'rotate',
        soPinFile: `${dataDirectory}.so-pin`,
      }).catch(() => undefined);
      // The PINs take most of a ceremony's time: one kill comes within it, the others after it.
      if (delayMs > 0) await rotation;
      else await sleep(400);
      await sleep(delayMs);
      await server.kill();
      await rotation;
      server = await startServer({ dataDirectory });
      let movedCount = 0;
      await settled(dataDirectory, ({ rewrap }) => {
        movedCount = Math.max(movedCount, rewrap?.movedCount ?? 0);
      });
      if (movedCount > 0) resumedCount += 1;
    }
    expect(resumedCount).toBeGreaterThan(0);
    const { keys } = await settled(dataDirectory);
    expect(keys.filter(({ state }) => state === 'active')).toHaveLength(4);
    for (const [i, { CiphertextBlob }] of blobs.entries()) {
      const opened = await kmsClient(server).send(new DecryptCommand({ CiphertextBlob }));
      expect(Buffer.from(opened.Plaintext ?? []), `key ${i}`).toEqual(Plaintext);
    }
    await server.stop();
  });
});

describe('what goes wrong', () => {
  it('is said, and changes nothing', async () => {
    const dataDirectory = join(scratchDirectory(), 'data');
    const pinFile = `${dataDirectory}.so-pin`;
    await using server = await startServer({ dataDirectory });
    const before = await statusOf(dataDirectory);
    const refused = (...flags: string[]): string => {
      const { status, stderr } = domain(dataDirectory, 'rotate', ...flags);
      expect(status).not.toBe(0);
      return stderr;
    };
    renameSync(pinFile, `${pinFile}.safe`);
    expect(refused()).toMatch(/needs the security officer, whose PIN is not in .*--so-pin-file/);
    writeFileSync(pinFile, '0000000000000000\n');
    expect(refused()).toMatch(/not the security officer's; this was one of the tries/);
    writeFileSync(pinFile, '');
    expect(refused()).toMatch(/holds no PIN/);
    rmSync(pinFile);
    renameSync(`${pinFile}.safe`, pinFile);
    expect(refused('--region', 'eu-west-1')).toMatch(/eu-west-1 is not a Region that is served/);
    expect(refused('--kind', 'other')).toMatch(/--kind takes seal, mac/);
    expect(await statusOf(dataDirectory)).toEqual(before);
    const done = domain(dataDirectory, 'rotate', '--so-pin-file', pinFile);
    expect(done).toMatchObject({ status: 0, stderr: '' });
    expect(done.stdout).toMatch(/us-east-1 +seal +active/);
    await settled(dataDirectory);
    const { status, stderr } = domain(dataDirectory, 'retire');
    expect({ status, stderr }).toMatchObject({ status: 1 });
    expect(stderr).toMatch(/rotated less than 60 s ago/);
    await kmsClient(server).send(new CreateKeyCommand({}));
  });
});
