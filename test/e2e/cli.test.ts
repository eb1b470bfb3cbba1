/**
 * The commands of `strongroom` that people type, each as a process of its own against a running server.
 */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StartedServer, startServer } from '../../src/testing/start-server.ts';
import { openssl, opensslPath } from '../support/openssl.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { describeWithTool } from '../support/tools.ts';

const command = fileURLToPath(new URL('../../bin/strongroom.mjs', import.meta.url));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function strongroom(args: readonly string[], environment: object = {}): Promise<Ended> {
  const { PATH = '' } = process.env;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [command, ...args],
      { env: { PATH, HOME: scratch, ...environment }, timeout: 60_000 },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

const scratch = scratchDirectory();
const directory = join(scratch, 'data');
const data = ['--data-dir', directory];
let server: StartedServer;

async function prints(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await strongroom([...args, ...data]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

async function fails(code: number, ...args: string[]): Promise<string> {
  const ended = await strongroom(args);
  expect(ended).toMatchObject({ code, stdout: '' });
  expect(ended.stderr).toMatch(/^strongroom: [^\n]+\n$/);
  return ended.stderr;
}

beforeAll(async () => {
  server = await startServer({
    dataDirectory: directory,
    regions: ['us-east-1', 'eu-west-1'],
    flags: ['--tls', '--threads', '2'],
  });
});
afterAll(async () => {
  await server.stop();
});

describe('help', () => {
  const words = [
    [],
    ['serve'],
    ['status'],
    ['stop'],
    ['keys'],
    ...['list', 'show', 'create', 'alias'].map((name) => ['keys', name]),
    ['hsm'],
    ...['slots', 'init', 'objects', 'generate', 'delete', 'mechanisms', 'self-test'].map((name) => [
      'hsm',
      name,
    ]),
    ['hsm', 'module-path'],
    ['hsm', 'pin'],
    ...['set', 'change', 'unlock'].map((name) => ['hsm', 'pin', name]),
    ['hsm', 'import'],
    ['hsm', 'import', 'certificate'],
    ['credentials'],
    ['doctor'],
  ];
  const groups = ['', 'keys', 'hsm', 'hsm pin', 'hsm import'];
  it.each(words)('of strongroom %s %s says how to use it', async (...path) => {
    const { code, stdout, stderr } = await strongroom([...path, '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(['strongroom', ...path].join(' '));
    const isGroup = groups.includes(path.join(' '));
    expect(stdout).toMatch(isGroup ? /--help says more/ : /Exit codes: 0/);
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(110);
  });
});

describe('bad command lines', () => {
  it.each([
    [['frob'], /there is no command 'strongroom frob'/],
    [['keys'], /strongroom keys needs a command/],
    [['keys', 'frob'], /there is no command 'strongroom keys frob'/],
    [['keys', 'list', '--frob'], /Unknown option '--frob'/],
    [['keys', 'list', 'x'], /Unexpected argument 'x'/],
    [['keys', 'list', '--limit', '0'], /--limit takes a whole number/],
    [['keys', 'show'], /keys show takes one key/],
    [['keys', 'show', 'x', '--json', '--public-key'], /leave --json out/],
    [['keys', 'create', 'x'], /keys create takes flags only/],
    [['keys', 'create', '--spec', 'x'], /--spec takes/],
    [['keys', 'alias', 'x'], /which key is alias\/x to point to/],
    [['keys', 'list', '--endpoint-url', 'x'], /--endpoint-url takes|which Region/],
    [['credentials', '--format', 'x'], /--format takes env, json, file: not 'x'/],
    [['credentials', '--output', 'x'], /go with --format file/],
    [['credentials', '--format', 'file', '--profile', 'a]'], /--profile takes letters/],
    [['doctor', '--port', 'x'], /--port takes a whole number/],
    [['serve', '--tls-name', 'a'], /--tls-name needs --tls/],
  ])('%j ends with 2 and one sentence', async (args, message) => {
    expect(await fails(2, ...args)).toMatch(message);
  });
});

describe('strongroom keys', () => {
  it('makes, shows, lists and names keys', { timeout: 120_000 }, async () => {
    expect(await prints('keys', 'list')).toMatch(/^KEY ID .*DESCRIPTION\n$/);
    const created = ['keys', 'create', '--description', 'the first', '--tag', 'team=web'];
    const keyId = (await prints(...created, '--alias', 'app/main')).trim();
    expect(keyId).toMatch(/^[0-9a-f-]{36}$/);
    const shown = await prints('keys', 'show', 'alias/app/main');
    expect(shown).toContain(`KeyId:        ${keyId}\n`);
    expect(shown).toContain('Aliases:      alias/app/main\n');
    expect(shown).toContain('Tag:          team=web\n');
    const view = JSON.parse(await prints('keys', 'show', keyId, '--json'));
    expect(view).toMatchObject({
      KeyMetadata: { KeyId: keyId, Description: 'the first', KeyState: 'Enabled' },
      Aliases: ['alias/app/main'],
      Tags: [{ TagKey: 'team', TagValue: 'web' }],
    });
    expect(view.KeyMetadata.CreationDate).toMatch(/^\d{4}-\d\d-\d\dT[\d:]+Z$/);

    const other = JSON.parse(await prints('keys', 'create', '--json')).KeyMetadata.KeyId;
    expect(await fails(1, 'keys', 'alias', 'app/main', other, ...data)).toMatch(
      /AlreadyExistsException.*--move/,
    );
    expect(await fails(1, 'keys', 'create', '--alias', 'app/main', ...data)).toMatch(
      new RegExp(`alias/app/main is an alias of key ${keyId} already; no key was made`),
    );
    expect(await prints('keys', 'alias', 'app/main', other, '--move')).toBe('');
    expect(await prints('keys', 'alias')).toMatch(
      new RegExp(`^ALIAS +KEY ID +UPDATED\nalias/app/main +${other} +\\S+Z\n$`),
    );
    const listed = JSON.parse(await prints('keys', 'list', '--json')).Keys;
    expect(listed.map((key: { KeyId: string }) => key.KeyId).sort()).toEqual([keyId, other].sort());
    expect(listed.find((key: { KeyId: string }) => key.KeyId === other).Aliases).toEqual([
      'alias/app/main',
    ]);
    expect((await prints('keys', 'list', '--limit', '1')).split('\n')).toHaveLength(3);
    expect(await prints('keys', 'list')).toMatch(
      new RegExp(`\n${keyId}  SYMMETRIC_DEFAULT  ENCRYPT_DECRYPT  Enabled  \\S+Z +the first\n`),
    );
    expect(await prints('keys', 'alias', 'app/main', '--delete')).toBe('');
    expect(JSON.parse(await prints('keys', 'alias', '--json'))).toEqual({ Aliases: [] });
  });

  it('asks the Region it is told, and says what the server refuses', async () => {
    expect(await prints('keys', 'list', '--region', 'eu-west-1')).toMatch(/^KEY ID .*\n$/);
    expect(await fails(1, 'keys', 'list', '--region', 'eu-north-1', ...data)).toMatch(
      /SignatureException|InvalidSignature/,
    );
    expect(await fails(1, 'keys', 'show', 'alias/none', ...data)).toMatch(/NotFoundException: /);
  });

  describeWithTool(opensslPath, 'openssl', 'public keys', () => {
    it('are PEM that OpenSSL reads', { timeout: 60_000 }, async () => {
      for (const [spec, text] of [
        ['ECC_NIST_P256', /NIST CURVE: P-256/],
        ['RSA_2048', /\(2048 bit\)/],
      ] as const) {
        const usage = spec === 'RSA_2048' ? ['--usage', 'SIGN_VERIFY'] : [];
        const keyId = (await prints('keys', 'create', '--spec', spec, ...usage)).trim();
        const pem = await prints('keys', 'show', keyId, '--public-key');
        expect(openssl(['pkey', '-pubin', '-noout', '-text'], pem)).toMatch(text);
      }
    });
  });

  it('takes endpoint, credentials and authority from the environment', async () => {
    const asked = await strongroom(['keys', 'list'], server.environment);
    expect(asked).toMatchObject({ code: 0, stderr: '' });
    const { AWS_CA_BUNDLE: caFile = '', NODE_EXTRA_CA_CERTS: _, ...others } = server.environment;
    const refused = await strongroom(['keys', 'list'], others);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/certificate of https:.* is not trusted .*--ca-bundle FILE/);
    expect(await strongroom(['keys', 'list', '--ca-bundle', caFile], others)).toMatchObject({
      code: 0,
    });
    const wrong = { ...server.environment, AWS_SECRET_ACCESS_KEY: 'another' };
    expect((await strongroom(['keys', 'list'], wrong)).stderr).toMatch(
      /InvalidSignatureException: The request signature we calculated/,
    );
  });

  it('says that no server is there', async () => {
    expect(await fails(1, 'keys', 'list', '--data-dir', join(scratch, 'none'))).toMatch(
      /no server runs on .*none; start one with strongroom serve/,
    );
    const nowhere = { ...server.environment, AWS_ENDPOINT_URL_KMS: 'http://127.0.0.1:9' };
    expect((await strongroom(['keys', 'list'], nowhere)).stderr).toBe(
      'strongroom: no server listens at http://127.0.0.1:9\n',
    );
  });
});

describe('strongroom metrics', () => {
  it('tells in OpenMetrics what every thread counts', async () => {
    await prints('keys', 'list');
    const text = await prints('metrics');
    expect(text).toMatch(/^# TYPE strongroom_requests counter$/m);
    const listed = [
      ...text.matchAll(/^strongroom_requests_total\{(.*operation="ListKeys".*)\} (\d+)$/gm),
    ];
    expect(listed.reduce((sum, [, , count]) => sum + Number(count), 0)).toBeGreaterThan(0);
    for (const thread of ['main', 'http-0', 'http-1'])
      expect(text).toMatch(
        new RegExp(`^strongroom_hsm_commands_total\\{thread="${thread}"\\} [1-9]`, 'm'),
      );
    expect(text).toMatch(/^strongroom_hsm_token_objects\{thread="main"\} [1-9]\d*$/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds\{thread="http-1"\}/m);
    expect(text).toMatch(/^strongroom_due_items\{thread="main"\} 0$/m);
    expect(text.endsWith('# EOF\n')).toBe(true);
  });
});

describe('strongroom credentials', () => {
  const secret = (): string => server.credentials.secretAccessKey;

  it('prints what a shell, an SDK and a file take', async () => {
    const lines = await prints('credentials');
    for (const part of [
      `export AWS_SECRET_ACCESS_KEY=${secret()}\n`,
      `export AWS_ENDPOINT_URL_KMS=${server.endpoint}\n`,
      `export AWS_CA_BUNDLE=${server.ready.caFile}\n`,
    ])
      expect(lines).toContain(part);
    expect(JSON.parse(await prints('credentials', '--format', 'json'))).toMatchObject({
      Version: 1,
      SecretAccessKey: secret(),
      Endpoint: server.endpoint,
    });
    expect(await prints('credentials', '--format', 'file')).toBe(
      readFileSync(join(directory, 'credentials'), 'utf8'),
    );
    expect(await prints('credentials', '--format', 'file', '--profile', 'sr')).toMatch(/^\[sr\]\n/);
  });

  describeWithTool('/usr/bin/aws', 'awscli', 'AWS CLI', () => {
    it('is a credential_process of its own', { timeout: 60_000 }, async () => {
      const config = join(scratch, 'config');
      const line = [process.execPath, command, 'credentials', '--format', 'json', ...data].join(
        ' ',
      );
      writeFileSync(config, `[default]\nregion = us-east-1\ncredential_process = ${line}\n`);
      const ended = await new Promise<Ended>((resolve) => {
        execFile(
          '/usr/bin/aws',
          ['kms', 'list-keys', '--endpoint-url', server.endpoint],
          {
            env: {
              ...{ PATH: '/usr/bin:/bin', HOME: scratch, AWS_CONFIG_FILE: config },
              AWS_CA_BUNDLE: server.ready.caFile,
            },
          },
          (error, stdout, stderr) => resolve({ code: error === null ? 0 : 1, stdout, stderr }),
        );
      });
      expect(ended).toMatchObject({ code: 0, stderr: '' });
      expect(JSON.parse(ended.stdout)).toHaveProperty('Keys');
    });
  });

  it('writes a file for its owner alone, and never over another', async () => {
    const file = join(scratch, 'profile');
    const write = ['credentials', '--format', 'file', '--output', file];
    expect(await prints(...write)).toBe('');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toContain(secret());
    expect(await fails(1, ...write, ...data)).toMatch(
      /profile was not written: it is there already/,
    );
    expect(await fails(1, 'credentials', '--data-dir', join(scratch, 'none'))).toMatch(
      /none has no credentials: ENOENT/,
    );
  });

  it('is the only command that prints a secret', async () => {
    for (const args of [
      ['status'],
      ['keys', 'list'],
      ['keys', 'list', '--json'],
      ['doctor', '--json'],
    ]) {
      const { stdout, stderr } = await strongroom([...args, ...data]);
      expect(stdout.length).toBeGreaterThan(0);
      expect(stdout + stderr).not.toContain(secret());
    }
  });
});

describe('strongroom doctor', () => {
  interface Diagnosis {
    readonly ok: boolean;
    readonly findings: readonly { check: string; status: string; message: string }[];
    readonly disclaimer: string;
  }
  const examine = async (...args: string[]): Promise<Diagnosis & { code: number }> => {
    const { code, stdout, stderr } = await strongroom(['doctor', '--json', ...args]);
    expect(stderr).toBe('');
    return { code, ...(JSON.parse(stdout) as Diagnosis) };
  };
  const failures = ({ findings }: Diagnosis) =>
    findings.filter(({ status }) => status === 'failure').map(({ check }) => check);

  it('finds a running server well', async () => {
    const diagnosis = await examine(...data, '--port', String(server.ready.port));
    expect(failures(diagnosis)).toEqual([]);
    expect(diagnosis).toMatchObject({ ok: true, code: 0 });
    expect(diagnosis.disclaimer).toMatch(/simulation of an HSM, not a validated module/);
    const checks = new Set(diagnosis.findings.map(({ check }) => check));
    for (const check of [
      'node',
      'addon',
      'permissions',
      'device',
      'locked memory',
      'store',
      'tls',
      'clock',
      'port',
    ])
      expect(checks, check).toContain(check);
    const { stdout } = await strongroom(['doctor', ...data, '--port', String(server.ready.port)]);
    expect(stdout).toMatch(/^ok {7}node/);
    expect(stdout).toMatch(/not a validated module/);
  });

  it('finds a machine without a data directory well', async () => {
    const none = join(scratch, 'not-yet');
    expect(await examine('--data-dir', none, '--port', '1')).toMatchObject({
      findings: expect.arrayContaining([
        expect.objectContaining({ check: 'permissions', status: 'skipped' }),
        expect.objectContaining({ check: 'device', status: 'ok' }),
      ]),
    });
    expect(existsSync(none)).toBe(false);
  });

  it('finds what is wrong with a stopped one', { timeout: 120_000 }, async () => {
    const sick = join(scratch, 'sick');
    const start = () => startServer({ dataDirectory: sick });
    const first = await start();
    expect(await first.stop()).toBe(0);
    const port = ['--port', String(first.ready.port)];
    const sickness = () => examine('--data-dir', sick, ...port);
    const healthy = await sickness();
    expect(healthy).toMatchObject({ ok: true, code: 0 });
    expect(healthy.findings.map(({ check }) => check)).toContain('audit log');
    // It took nothing away: the server starts again.
    const second = await start();
    expect(await second.stop()).toBe(0);

    chmodSync(join(sick, 'credentials'), 0o644);
    expect(await sickness()).toMatchObject({ ok: false, code: 1 });
    expect(failures(await sickness())).toEqual(['permissions']);
    chmodSync(join(sick, 'credentials'), 0o600);

    const head = readFileSync(join(sick, 'store.head'), 'latin1');
    writeFileSync(join(sick, 'store.head'), head.replace(/^\d{16}/, '0000000000000999'));
    const cut = await sickness();
    expect(failures(cut)).toEqual(['store']);
    expect(cut.findings.find(({ check }) => check === 'store')?.message).toMatch(
      /but change 999 had been made/,
    );
    writeFileSync(join(sick, 'store.head'), head);

    writeFileSync(join(sick, 'audit.jsonl'), '{"not":"a record"}\n');
    expect(failures(await sickness())).toEqual(['audit log']);

    const [journal = ''] = readdirSync(join(sick, 'hsm', 'flash'));
    truncateSync(join(sick, 'hsm', 'flash', journal), 40);
    const broken = await sickness();
    expect(failures(broken)).toContain('device');
    expect(broken.code).toBe(1);
  });

  it('finds that the port is somebody else’s', async () => {
    const diagnosis = await examine(
      ...['--data-dir', join(scratch, 'not-yet')],
      ...['--port', String(server.ready.port)],
    );
    expect(failures(diagnosis)).toEqual(['port']);
    expect(diagnosis.findings.at(-1)?.message).toContain(`process id ${server.ready.pid}`);
  });
});
