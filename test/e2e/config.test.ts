/** The declarative file of a running server: its access keys, reloads, what a broken one does. */
import { execFile } from 'node:child_process';
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { KMSClient, ListKeysCommand } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Profile, parseCredentialsFile } from '../../src/access/credentials-file.ts';
import { type StartedServer, startServer } from '../../src/testing/start-server.ts';
import { scratchDirectory } from '../support/scratch.ts';

const command = fileURLToPath(new URL('../../bin/strongroom.mjs', import.meta.url));
const scratch = scratchDirectory();
const dataDirectory = join(scratch, 'data');
const file = join(scratch, 'strongroom.yaml');
const given = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMIK7MDENGbPxRf' };

const text = (users: string): string => `version: 1
accounts:
  "111122223333":
    root: { accessKeys: [{ profile: owner }] }
    users: { ${users} }
`;
const alice = `alice: { accessKeys: [{ id: ${given.accessKeyId}, secret: ${given.secretAccessKey} }] }`;
const bob = 'bob: { accessKeys: [{}] }';

/** As an editor does. */
function replace(content: string): void {
  writeFileSync(`${file}.new`, content);
  renameSync(`${file}.new`, file);
}

const generated = (): Map<string, Profile> =>
  parseCredentialsFile(readFileSync(join(dataDirectory, 'access-keys'), 'utf8'), 'access-keys');

let server: StartedServer;
const start = (threads: string): Promise<StartedServer> =>
  startServer({ dataDirectory, flags: ['--config', file, '--threads', threads] });

async function listKeys(credentials: {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}): Promise<string> {
  const { endpoint, region } = server;
  const client = new KMSClient({ endpoint, region, credentials, maxAttempts: 1 });
  try {
    await client.send(new ListKeysCommand({}));
    return 'done';
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  } finally {
    client.destroy();
  }
}

async function strongroom(...words: string[]): Promise<{ code: number; out: string }> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [command, ...words]);
    return { code: 0, out: stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout + stderr };
  }
}

beforeAll(async () => {
  writeFileSync(file, text(alice));
  server = await start('2');
}, 60_000);
afterAll(async () => {
  await server.stop();
});

const denied = (user: string): string =>
  `AccessDeniedException: User: arn:aws:iam::111122223333:user/${user} is not authorized to perform: kms:ListKeys on resource: * because no identity-based policy allows the kms:ListKeys action`;
const unknown =
  'UnrecognizedClientException: The security token included in the request is invalid.';

test('a given key signs; its user, who has no policy, is denied by name', async () => {
  expect(await listKeys(given)).toBe(denied('alice'));
  expect(await listKeys(server.credentials)).toBe('done');
});

test('a generated key is in a file of the owner alone, and signs', async () => {
  expect(statSync(join(dataDirectory, 'access-keys')).mode & 0o777).toBe(0o600);
  const owner = generated().get('owner')!;
  expect(owner.accountId).toBe('111122223333');
  expect(await listKeys(owner)).toBe('done');
});

test('a changed file is taken, by every thread, and keys that were made stay', async () => {
  const before = generated().get('owner');
  replace(text(bob));
  await vi.waitFor(() => expect(generated().has('111122223333-bob')).toBe(true), 10_000);
  await vi.waitFor(
    () => expect(server.stderr()).toMatch(/is in force: 1 accounts, 1 users/),
    5_000,
  );
  expect(generated().get('owner')).toEqual(before);
  for (let again = 0; again < 4; again++) {
    expect(await listKeys(given)).toBe(unknown);
    expect(await listKeys(generated().get('111122223333-bob')!)).toBe(denied('bob'));
  }
}, 30_000);

test('a broken file changes nothing, and the reason is said with its place', async () => {
  replace('version: 1\naccounts: { "1": {} }\n');
  const place = `${file}:2:13: accounts.1: the name must match pattern`;
  await vi.waitFor(() => expect(server.stderr()).toContain(place), 10_000);
  const reload = await strongroom('config', 'reload', '--data-dir', dataDirectory);
  expect(reload.code).toBe(1);
  expect(reload.out).toContain(place);
  const check = await strongroom('config', 'check', file);
  expect(check.code).toBe(1);
  expect(check.out).toContain(place);
  expect(await listKeys(generated().get('111122223333-bob')!)).toBe(denied('bob'));
}, 30_000);

test('config reload answers when it is in force; a second one changes nothing', async () => {
  replace(text(`${alice}, ${bob}`));
  const before = readFileSync(join(dataDirectory, 'access-keys'), 'utf8');
  for (let again = 0; again < 2; again++) {
    const { code, out } = await strongroom('config', 'reload', '--data-dir', dataDirectory);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({ file, accounts: 1, users: 2, roles: 0 });
    expect(await listKeys(given)).toBe(denied('alice'));
  }
  expect(readFileSync(join(dataDirectory, 'access-keys'), 'utf8')).toBe(before);
}, 30_000);

test('config check and a start refuse what serve would refuse', async () => {
  expect((await strongroom('config', 'check', file)).code).toBe(0);
  expect((await strongroom('config', 'check', join(scratch, 'none'))).code).toBe(1);
  expect((await strongroom('config', 'check')).code).toBe(2);
  await expect(startServer({ ephemeral: true, flags: ['--config', file] })).rejects.toThrow(
    /every access key has to have an id and a secret/,
  );
  await expect(
    startServer({ ephemeral: true, flags: ['--config', file, '--dev'] }),
  ).rejects.toThrow(/--dev checks no caller/);
}, 30_000);
