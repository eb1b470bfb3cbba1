import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { checkClock, checkDomainClock, judgeSkew } from '../../../../src/cli/doctor/clock.ts';
import { findingLines } from '../../../../src/cli/doctor/doctor.ts';
import { Report } from '../../../../src/cli/doctor/finding.ts';
import { checkPermissions } from '../../../../src/cli/doctor/permissions.ts';
import { checkPort } from '../../../../src/cli/doctor/port.ts';
import { checkStore } from '../../../../src/cli/doctor/store.ts';
import { checkTls } from '../../../../src/cli/doctor/tls.ts';
import { checkAddon, checkNode, compilerAdvice } from '../../../../src/cli/doctor/toolchain.ts';
import { openLocalTls } from '../../../../src/server/tls/local.ts';
import { scratchDirectory } from '../../../support/scratch.ts';

const dayMs = 86_400_000;
const statuses = (findings: readonly { status: string }[]): string[] =>
  findings.map(({ status }) => status);
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function httpServer(date?: string): Promise<number> {
  const server = createServer((_, response) => {
    if (date === undefined) response.sendDate = false;
    else response.setHeader('Date', date);
    response.end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

function dataDirectory(): string {
  const directory = join(scratchDirectory(), 'data');
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}

describe('toolchain', () => {
  it('is good where the tests run', () => {
    expect(statuses(checkNode())).toEqual(['ok']);
    expect(statuses(checkAddon())).toEqual(['ok']);
  });
  it('names what an addon that does not load would need', () => {
    expect(compilerAdvice(() => true)).toMatch(/build-addon\.mjs --force/);
    expect(compilerAdvice((command) => command === 'make')).toBe(
      'to compile one, install a C++20 compiler (g++), python3',
    );
  });
});

describe('permissions', () => {
  const check = (directory: string) =>
    checkPermissions({ dataDirectory: directory, host: '', port: 0 });

  it('are good for what the owner alone can read', () => {
    const directory = dataDirectory();
    writeFileSync(join(directory, 'credentials'), '', { mode: 0o600 });
    expect(statuses(check(directory))).toEqual(['ok']);
  });

  it.each([
    ['the directory', '.', 0o750],
    ['a file', 'credentials', 0o640],
    ['a file that others may write', 'credentials', 0o602],
  ])('name %s that others have rights on', (_, name, mode) => {
    const directory = dataDirectory();
    writeFileSync(join(directory, 'credentials'), '', { mode: 0o600 });
    chmodSync(join(directory, name), mode);
    expect(check(directory)).toEqual([
      {
        check: 'permissions',
        status: 'failure',
        message: `other users have rights on ${join(directory, name)}`,
        advice: expect.stringContaining(`chmod -R go= ${directory}`),
      },
    ]);
  });

  it('speak of a PIN that was not moved, and of one that others can read', () => {
    const directory = dataDirectory();
    writeFileSync(`${directory}.so-pin`, '', { mode: 0o600 });
    expect(statuses(check(directory))).toEqual(['ok', 'warning']);
    chmodSync(`${directory}.so-pin`, 0o644);
    expect(statuses(check(directory))).toEqual(['ok', 'failure']);
  });

  it('of a directory that is to be made, or is a file', () => {
    const directory = dataDirectory();
    expect(statuses(check(join(directory, 'a', 'b')))).toEqual(['skipped']);
    writeFileSync(join(directory, 'file'), '');
    expect(check(join(directory, 'file'))[0]).toMatchObject({
      status: 'failure',
      message: expect.stringContaining('is not a directory'),
    });
  });
});

describe('clock', () => {
  it('is good when the file system and the server agree', async () => {
    const port = await httpServer(new Date().toUTCString());
    const findings = await checkClock(dataDirectory(), `http://127.0.0.1:${port}`);
    expect(statuses(findings)).toEqual(['ok', 'ok']);
  });

  it.each([
    [4_000, 'ok'],
    [-30_000, 'warning'],
    [301_000, 'failure'],
    [-301_000, 'failure'],
  ])('%i ms apart is %s', (skewMs, status) => {
    const report = new Report('clock');
    judgeSkew(report, 'it', skewMs);
    expect(statuses(report.findings)).toEqual([status]);
    if (status !== 'ok')
      expect(report.findings[0]?.message).toContain(skewMs < 0 ? 'behind' : 'ahead');
  });

  it('of key life is told when it was moved', () => {
    const file = join(dataDirectory(), 'clock.json');
    expect(checkDomainClock(file)).toMatchObject([{ check: 'domain clock', status: 'ok' }]);
    writeFileSync(file, `{"format":1,"offsetMs":${30 * dayMs}}`);
    expect(checkDomainClock(file)).toMatchObject([
      { status: 'warning', message: "is 30.0 days ahead of the machine's clock" },
    ]);
    writeFileSync(file, '{"format":1,"offsetMs":0,"frozenAtMs":0}');
    expect(checkDomainClock(file)[0]?.message).toMatch(/^is -\d+\.\d days .*, and stands still$/);
    writeFileSync(file, 'x');
    expect(statuses(checkDomainClock(file))).toEqual(['failure']);
  });

  it('is bad when a server is ahead, or tells no time', async () => {
    const ahead = await httpServer(new Date(Date.now() + 600_000).toUTCString());
    const findings = await checkClock(undefined, `http://127.0.0.1:${ahead}`);
    expect(findings[1]).toMatchObject({
      status: 'failure',
      message: expect.stringMatching(/600 s ahead/),
    });
    const silent = await httpServer();
    expect((await checkClock(undefined, `http://127.0.0.1:${silent}`))[1]).toMatchObject({
      status: 'failure',
      message: expect.stringMatching(/does not tell the time: its answer has no Date/),
    });
  });
});

describe('port', () => {
  it('is free, or taken by another program', async () => {
    const port = await httpServer();
    const patient = { dataDirectory: '', host: '127.0.0.1', port };
    expect((await checkPort(patient, undefined))[0]).toMatchObject({
      status: 'failure',
      message: `127.0.0.1:${port} is in use by another program`,
    });
    closers.pop()?.();
    expect(statuses(await checkPort(patient, undefined))).toEqual(['ok']);
  });
});

describe('tls', () => {
  it('is judged by what is left of the certificates', () => {
    const directory = join(scratchDirectory(), 'tls');
    const nowMs = Date.now();
    expect(checkTls(directory)).toEqual([]);
    openLocalTls(directory, ['localhost'], nowMs);
    const findingsAfter = (days: number) => statuses(checkTls(directory, nowMs + days * dayMs));
    expect(findingsAfter(0)).toEqual(['ok', 'ok']);
    expect(findingsAfter(800)).toEqual(['warning', 'ok']);
    expect(findingsAfter(826)).toEqual(['failure', 'ok']);
    expect(findingsAfter(4000)).toEqual(['failure', 'failure']);
    writeFileSync(join(directory, 'ca.pem'), 'x');
    expect(findingsAfter(0)).toEqual(['ok', 'failure']);
  });
});

describe('store', () => {
  const check = (directory: string) =>
    checkStore({ dataDirectory: directory, deviceId: undefined, isRunning: false });

  it('is passed over before the first start', async () => {
    expect(statuses(await check(dataDirectory()))).toEqual(['skipped']);
  });
  it('is bad when it is no database', async () => {
    const directory = dataDirectory();
    writeFileSync(join(directory, 'store.sqlite'), 'x'.repeat(4096));
    expect((await check(directory))[0]).toMatchObject({
      status: 'failure',
      message: expect.stringMatching(/not a database/),
    });
  });
});

it('findings are lines, advice below them', () => {
  const text = findingLines([
    { check: 'node', status: 'ok', message: 'Node' },
    { check: 'port', status: 'failure', message: 'taken\u001b[0m', advice: 'another' },
  ]);
  expect(text).toBe(
    `ok       node           Node\nFAILURE  port           taken [0m\n${' '.repeat(24)}-> another\n`,
  );
});
