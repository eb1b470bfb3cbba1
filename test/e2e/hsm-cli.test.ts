/**
 * `strongroom hsm` as people and scripts use it: each command a process of its own, on one device directory, which
 * libstrongroom-pkcs11.so would open as well.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/hsm/index.ts';
import { openDevice } from '../../src/link/in-process.ts';
import { openssl, opensslPath } from '../support/openssl.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { describeWithTool } from '../support/tools.ts';

const command = fileURLToPath(new URL('../../bin/strongroom.mjs', import.meta.url));
const scratch = scratchDirectory();
const directory = join(scratch, 'token');
const pins = { so: 'so pin 87654321', user: 'user pin 1234', other: 'another pin' };

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function strongroom(args: readonly string[], environment: object = {}): Promise<Ended> {
  const { PATH = '' } = process.env;
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [command, 'hsm', ...args],
      {
        env: { PATH, HOME: scratch, STRONGROOM_TOKEN_DIR: directory, ...environment },
        timeout: 60_000,
      },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
    child.stdin?.end();
  });
}

/** With the user's PIN. @returns what is printed */
async function prints(args: readonly string[], environment: object = {}): Promise<string> {
  const ended = await strongroom(args, { STRONGROOM_PIN: pins.user, ...environment });
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' });
  for (const pin of Object.values(pins)) expect(ended.stdout).not.toContain(pin);
  return ended.stdout;
}

async function refuses(
  code: number,
  args: readonly string[],
  environment: object = {},
): Promise<string> {
  const ended = await strongroom(args, environment);
  expect(ended).toMatchObject({ code, stdout: '' });
  expect(ended.stderr).toMatch(/^strongroom: [^\n]+\n$/);
  for (const pin of Object.values(pins)) expect(ended.stderr).not.toContain(pin);
  return ended.stderr;
}

interface Listed {
  readonly uniqueId: string;
  readonly class: string;
  readonly id: string;
  readonly label: string;
  readonly uses: readonly string[];
  readonly marks: readonly string[];
}

async function objects(...filter: string[]): Promise<Listed[]> {
  const text = await prints(['objects', '--json', ...filter]);
  return (JSON.parse(text) as { objects: Listed[] }).objects;
}

describe('strongroom hsm', () => {
  beforeAll(async () => {
    expect(await refuses(1, ['slots'])).toContain(`${directory}: there is no device`);
    expect(existsSync(join(directory, 'flash'))).toBe(false);
    const environment = { STRONGROOM_SO_PIN: pins.so };
    expect(await prints(['init', 'my-token'], environment)).toMatch(
      /^slot 0: token my-token, serial [0-9a-f]{16}\n$/,
    );
  });

  it("makes a token whose files are its owner's alone", () => {
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(readdirSync(directory).sort()).toEqual(['flash', 'root']);
  });

  it('shows slots, and goes on from there: the user gets a PIN, changes it, locks it, and is let in again', async () => {
    const user = async (): Promise<string[]> => {
      const [, slot] = (await prints(['slots'])).split('\n');
      return (slot ?? '').split(/ {2,}/).slice(2);
    };
    expect(await user()).toEqual(['none yet', 'set', 'my-token']);
    const none = await refuses(1, ['objects'], { STRONGROOM_PIN: pins.user });
    expect(none).toMatch(/the user has no PIN yet; strongroom hsm pin set/);

    const so = { STRONGROOM_SO_PIN: pins.so };
    const short = await refuses(1, ['pin', 'set'], { ...so, STRONGROOM_NEW_PIN: 'abc' });
    expect(short).toContain('a PIN has 4 to 255 bytes');
    await prints(['pin', 'set'], { ...so, STRONGROOM_NEW_PIN: pins.other });
    expect(await refuses(1, ['pin', 'set'], so)).toMatch(/hsm pin change .*hsm pin unlock/);
    const files = { old: join(scratch, 'old'), fresh: join(scratch, 'fresh') };
    writeFileSync(files.old, `${pins.other}\n`);
    writeFileSync(files.fresh, pins.user);
    await prints(['pin', 'change', '--pin-file', files.old, '--new-pin-file', files.fresh], {
      STRONGROOM_PIN: 'not this one',
    });
    expect(await objects()).toEqual([]);

    const wrong = await refuses(1, ['objects'], { STRONGROOM_PIN: pins.other });
    expect(wrong).toContain('the PIN is wrong; each wrong one counts');
    expect((await user())[0]).toBe('tried wrongly');
    const device = await openDevice({
      flashDirectory: join(directory, 'flash'),
      rootDirectory: join(directory, 'root'),
      slotCount: 1,
      create: false,
    });
    try {
      const [slot] = await device.slots();
      const session = await slot?.openSession();
      for (let tries = 1; tries < 10; tries++)
        await expect(session?.login('user', 'wrong pin')).rejects.toThrow('CKR_PIN_INCORRECT');
    } finally {
      await device.close();
    }
    expect((await user())[0]).toBe('locked');
    const locked = await refuses(1, ['objects'], { STRONGROOM_PIN: pins.user });
    expect(locked).toMatch(/the PIN is locked; strongroom hsm pin unlock/);
    await prints(['pin', 'unlock'], { ...so, STRONGROOM_NEW_PIN: pins.user });
    expect((await user())[0]).toBe('set');
    expect(await objects()).toEqual([]);
  });

  it("changes the SO's PIN", async () => {
    const to = async (from: string, fresh: string): Promise<void> => {
      const environment = { STRONGROOM_SO_PIN: from, STRONGROOM_NEW_PIN: fresh };
      await prints(['pin', 'change', '--so'], environment);
    };
    await to(pins.so, pins.other);
    await refuses(1, ['pin', 'change', '--so'], {
      STRONGROOM_SO_PIN: pins.so,
      STRONGROOM_NEW_PIN: pins.user,
    });
    await to(pins.other, pins.so);
  });

  it('takes no PIN from the command line, and asks nobody where there is no terminal', async () => {
    expect(await refuses(2, ['pin', 'set', 'secret'])).toContain('never on the command line');
    expect(await refuses(2, ['objects'])).toContain('--pin-file FILE, STRONGROOM_PIN');
    expect(await refuses(2, ['objects', '--pin', '1234'])).toContain('--pin');
  });

  it('makes keys, lists and finds them, and destroys one', async () => {
    const aes = (
      await prints(['generate', 'aes', '--label', 'wrapper', '--use', 'wrap,unwrap'])
    ).trim();
    expect(aes).toMatch(/^[0-9a-f]{32}$/);
    const made = JSON.parse(
      await prints(['generate', 'ec', '--label', 'signer', '--id', '01', '--json']),
    ) as { uniqueId: string; publicUniqueId: string };
    await prints(['generate', 'generic', '--bits', '512', '--id', '02', '--extractable']);

    expect((await objects()).map(({ class: name }) => name).sort()).toEqual([
      ...['private', 'public', 'secret', 'secret'],
    ]);
    expect(await objects('--label', 'wrapper')).toEqual([
      {
        uniqueId: aes,
        class: 'secret',
        type: 'AES',
        size: '256',
        id: '',
        label: 'wrapper',
        uses: ['wrap', 'unwrap'],
        marks: ['private', 'sensitive'],
      },
    ]);
    expect(await objects('--class', 'private', '--id', '01')).toMatchObject([
      { uniqueId: made.uniqueId, size: 'P-256', uses: ['sign'], marks: ['private', 'sensitive'] },
    ]);
    const table = await prints(['objects']);
    expect(table).toMatch(/^UNIQUE ID +CLASS +TYPE +SIZE +ID +USES +MARKS +LABEL\n/);
    // Seen without a PIN: what is public.
    const open = await strongroom(['objects', '--public', '--json']);
    expect(open.stderr).toBe('');
    expect(JSON.parse(open.stdout).objects).toMatchObject([{ uniqueId: made.publicUniqueId }]);

    const several = await refuses(1, ['delete', '--class', 'secret'], {
      STRONGROOM_PIN: pins.user,
    });
    expect(several).toContain('2 objects are meant');
    expect(await prints(['delete', '--class', 'secret', '--id', '02'])).toMatch(
      /^destroyed \w+: secret\n$/,
    );
    expect(await prints(['delete', aes])).toBe(`destroyed ${aes}: secret wrapper\n`);
    expect(await refuses(1, ['delete', aes], { STRONGROOM_PIN: pins.user })).toContain(
      'no such object',
    );
    expect(await objects()).toHaveLength(2);
  });

  it('erases a token only when it is told to, and with its SO PIN', async () => {
    expect(await refuses(1, ['init', 'again', '--slot', '0'])).toContain('--erase destroys it');
    await refuses(1, ['init', 'again', '--erase'], { STRONGROOM_SO_PIN: pins.other });
    expect(await objects()).toHaveLength(2);
    const text = await prints(['init', 'again', '--erase', '--json'], {
      STRONGROOM_SO_PIN: pins.so,
      STRONGROOM_NEW_PIN: pins.user,
    });
    expect(JSON.parse(text)).toMatchObject({ slot: 0, label: 'again', userPin: true });
    expect(await objects()).toEqual([]);
  });

  it('tells what the token can and cannot do', async () => {
    const { mechanisms, missing } = JSON.parse(await prints(['mechanisms', '--json']));
    const names = mechanisms.map(({ name }: { name: string }) => name);
    expect(names).toContain('CKM_AES_GCM');
    const lacks = Object.values(missing as Record<string, string[]>).flat();
    expect(lacks).toContain('CKM_DES3_CBC_PAD');
    expect(lacks.filter((name) => names.includes(name))).toEqual([]);
    const table = await prints(['mechanisms']);
    for (const name of [...names, ...lacks]) expect(table).toContain(name);
  });

  it('runs the self-tests', async () => {
    const { tests } = JSON.parse(await prints(['self-test', '--json'])) as {
      tests: { name: string; result: string }[];
    };
    const results = Object.fromEntries(tests.map(({ name, result }) => [name, result]));
    expect(results).toMatchObject({
      integrity: 'passed',
      'aes-gcm': 'passed',
      'rsa-oaep': 'passed',
    });
    expect(Object.values(results)).not.toContain('failed');
    expect(await prints(['self-test'])).toMatch(/^integrity +passed +FIPS 140-3/m);
  });

  const held = (shared: boolean): Promise<Device> =>
    openDevice({
      flashDirectory: join(directory, 'flash'),
      rootDirectory: join(directory, 'root'),
      slotCount: 1,
      create: false,
      shared,
    });

  it('works beside a program that has the device open', async () => {
    await using device = await held(true);
    const [slot] = await device.slots();
    await using session = await slot?.openSession();
    const before = (await session?.findObjects({}))?.length ?? 0;
    await prints(['generate', 'ec', '--label', 'meanwhile']);
    // The public half is seen without a login.
    expect(await session?.findObjects({})).toHaveLength(before + 1);
  });

  it('says that another process has the device for itself', async () => {
    await using device = await held(false);
    expect(await device.slots()).toHaveLength(1);
    expect(await refuses(3, ['slots'])).toContain('in use by another process');
  });
});

describeWithTool(opensslPath, 'openssl', 'a certificate on the token', () => {
  it('comes from PEM and DER, and is found by its ID', async () => {
    const files = {
      pem: join(scratch, 'c.pem'),
      der: join(scratch, 'c.der'),
      key: join(scratch, 'k'),
    };
    openssl([
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-subj', '/CN=a certificate/O=Example', '-keyout', files.key, '-out', files.pem],
    ]);
    openssl(['x509', '-in', files.pem, '-outform', 'DER', '-out', files.der]);
    const place = { STRONGROOM_TOKEN_DIR: join(scratch, 'certificates') };
    await prints(['init', 'c'], {
      ...place,
      STRONGROOM_SO_PIN: pins.so,
      STRONGROOM_NEW_PIN: pins.user,
    });
    for (const file of [files.pem, files.der]) {
      const text = await prints(
        ['import', 'certificate', file, '--label', 'cert', '--id', '0a', '--json'],
        place,
      );
      expect(JSON.parse(text).subject).toContain('CN=a certificate');
    }
    const { objects: listed } = JSON.parse(
      await prints(['objects', '--id', '0a', '--json'], place),
    );
    expect(listed).toHaveLength(2);
    expect(listed[0]).toMatchObject({ class: 'certificate', label: 'cert', marks: [] });

    const device = await openDevice({
      flashDirectory: join(place.STRONGROOM_TOKEN_DIR, 'flash'),
      rootDirectory: join(place.STRONGROOM_TOKEN_DIR, 'root'),
      slotCount: 1,
      create: false,
    });
    try {
      const [slot] = await device.slots();
      await using session = await slot?.openSession();
      const [handle] = (await session?.findObjects({ CKA_CLASS: 'CKO_CERTIFICATE' })) ?? [];
      if (session === undefined || handle === undefined) return expect.unreachable();
      const { CKA_VALUE: value } = await session.getAttributes(handle, ['CKA_VALUE']);
      const digest = (bytes: Uint8Array): string =>
        createHash('sha256').update(bytes).digest('hex');
      expect(digest(value ?? new Uint8Array())).toBe(digest(readFileSync(files.der)));
    } finally {
      await device.close();
    }
    const environment = { ...place, STRONGROOM_PIN: pins.user };
    expect(await refuses(1, ['import', 'certificate', files.key], environment)).toContain(
      'is no X.509',
    );
    expect(await refuses(1, ['import', 'certificate', '/nowhere'], environment)).toContain(
      'ENOENT',
    );
  });
});
