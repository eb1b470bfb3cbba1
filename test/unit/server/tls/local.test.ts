import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { issue, makeAuthority } from '../../../../src/server/tls/authority.ts';
import { makeEphemeralTls, openLocalTls } from '../../../../src/server/tls/local.ts';
import { openssl, opensslPath } from '../../../support/openssl.ts';
import { scratchDirectory } from '../../../support/scratch.ts';
import { describeWithTool } from '../../../support/tools.ts';

const names = ['localhost', '127.0.0.1', '::1', 'kms.test', '*.apps.test', '2001:db8::7f00:1'];
const nowMs = Date.parse('2026-11-23T10:00:00Z');
const dayMs = 86_400_000;
const year = 365 * dayMs;

let directory: string;
beforeEach(() => {
  directory = join(scratchDirectory(), 'tls');
});
const read = (name: string): string => readFileSync(join(directory, name), 'utf8');

describe('tls/ of a data directory', () => {
  it('is made for its owner alone, and complete', () => {
    const made = openLocalTls(directory, names, nowMs);
    expect(made).toMatchObject({ isNewAuthority: true, authorityFile: join(directory, 'ca.pem') });
    expect(readdirSync(directory).sort()).toEqual([
      'ca-key.pem',
      'ca.pem',
      'server-key.pem',
      'server.pem',
    ]);
    for (const name of ['', ...readdirSync(directory)])
      expect(statSync(join(directory, name)).mode & 0o077, name).toBe(0);
    expect(made.server).toMatchObject({
      certificate: read('server.pem'),
      key: read('server-key.pem'),
    });
    expect(existsSync(`${directory}.partial`)).toBe(false);
  });

  it('stays as it is while nothing is missing', () => {
    openLocalTls(directory, names, nowMs);
    const before = readdirSync(directory).map(read);
    const again = openLocalTls(directory, ['localhost', 'kms.test'], nowMs + year);
    expect(again.isNewAuthority).toBe(false);
    expect(again.server.certificate).toBe(read('server.pem'));
    expect(readdirSync(directory).map(read)).toEqual(before);
  });

  it.each([
    ['has less than half of its life left', nowMs + 420 * dayMs, () => undefined],
    ['has expired', nowMs + 3 * year, () => undefined],
    ['is missing', nowMs, () => rmSync(join(directory, 'server.pem'))],
    ['lost its key', nowMs, () => rmSync(join(directory, 'server-key.pem'))],
    ['is not one', nowMs, () => writeFileSync(join(directory, 'server.pem'), 'x')],
    [
      'has the key of another',
      nowMs,
      () => {
        const other = issue(makeAuthority(names, nowMs), names, nowMs);
        writeFileSync(join(directory, 'server-key.pem'), other.key);
      },
    ],
    [
      'is of another authority',
      nowMs,
      () => {
        const other = issue(makeAuthority(names, nowMs), names, nowMs);
        writeFileSync(join(directory, 'server-key.pem'), other.key);
        writeFileSync(join(directory, 'server.pem'), other.certificate);
      },
    ],
  ])('keeps its authority when the server certificate %s', (_, laterMs, change) => {
    const first = openLocalTls(directory, names, nowMs);
    const authority = read('ca.pem');
    change();
    const next = openLocalTls(directory, names, laterMs);
    expect(next.isNewAuthority).toBe(false);
    expect(read('ca.pem')).toBe(authority);
    expect(next.server.certificate).not.toBe(first.server.certificate);
    const server = new X509Certificate(next.server.certificate);
    expect(server.verify(new X509Certificate(authority).publicKey)).toBe(true);
    expect(server.validToDate.getTime()).toBe(laterMs + 825 * dayMs);
    expect(statSync(join(directory, 'server-key.pem')).mode & 0o777).toBe(0o600);
  });

  it('makes another authority for a name that the old one is not bound to', () => {
    openLocalTls(directory, names, nowMs);
    const authority = read('ca.pem');
    const next = openLocalTls(directory, [...names, 'else.test'], nowMs);
    expect(next.isNewAuthority).toBe(true);
    expect(read('ca.pem')).not.toBe(authority);
  });

  it('makes another authority when the old one would end before what it signs', () => {
    openLocalTls(directory, names, nowMs);
    expect(openLocalTls(directory, names, nowMs + 7.9 * year).isNewAuthority).toBe(true);
  });

  it.each([
    ['without its key', () => rmSync(join(directory, 'ca-key.pem'))],
    ['without its certificate', () => rmSync(join(directory, 'ca.pem'))],
    ['that is damaged', () => writeFileSync(join(directory, 'ca.pem'), 'x')],
    [
      'with the key of another',
      () => writeFileSync(join(directory, 'ca-key.pem'), makeAuthority(names, nowMs).key),
    ],
  ])('refuses an authority %s, and changes nothing', (_, change) => {
    openLocalTls(directory, names, nowMs);
    change();
    const before = readdirSync(directory).map(read);
    expect(() => openLocalTls(directory, names, nowMs)).toThrow(
      expect.objectContaining({
        name: 'StartError',
        code: 'REFUSED',
        message: expect.stringMatching(/ca\.pem cannot be used: .*delete it to make another/),
      }),
    );
    expect(readdirSync(directory).map(read)).toEqual(before);
  });
});

it('an ephemeral server leaves a public certificate on the disk, until it ends', () => {
  const tls = makeEphemeralTls(names);
  const folder = dirname(tls.authorityFile);
  expect(readdirSync(folder)).toEqual(['ca.pem']);
  expect(readFileSync(tls.authorityFile, 'utf8')).not.toContain('PRIVATE');
  tls[Symbol.dispose]();
  expect(existsSync(folder)).toBe(false);
});

describeWithTool(opensslPath, 'openssl', 'what OpenSSL says of the certificates', () => {
  const verify = (...args: string[]): string =>
    openssl([
      'verify',
      '-x509_strict',
      '-purpose',
      'sslserver',
      '-CAfile',
      join(directory, 'ca.pem'),
      '-attime',
      String(nowMs / 1000),
      ...args,
      join(directory, 'server.pem'),
    ]);

  it('the chain is good by the strict rules, for each name', () => {
    openLocalTls(directory, names, nowMs);
    for (const name of ['localhost', 'kms.test', 'one.apps.test'])
      expect(verify('-verify_hostname', name)).toMatch(/: OK/);
    for (const name of ['127.0.0.1', '::1', '2001:db8::7f00:1'])
      expect(verify('-verify_ip', name)).toMatch(/: OK/);
    expect(() => verify('-verify_hostname', 'else.test')).toThrow(/hostname mismatch/i);
    expect(() => verify('-verify_ip', '127.0.0.2')).toThrow(/IP address mismatch/i);
  });

  it('what the authority signs beyond its names is refused', () => {
    openLocalTls(directory, names, nowMs);
    const authority = { certificate: read('ca.pem'), key: read('ca-key.pem') };
    for (const name of ['else.test', '10.0.0.1', '::2']) {
      writeFileSync(join(directory, 'server.pem'), issue(authority, [name], nowMs).certificate);
      expect(() => verify(), name).toThrow(/permitted subtree violation/);
    }
  });

  it('subject, extensions and dates are as written', () => {
    // Past 2049 a date has four digits of the year.
    const lateMs = Date.parse('2045-06-01T00:00:00Z');
    openLocalTls(directory, names, lateMs);
    const authority = openssl(['x509', '-in', join(directory, 'ca.pem'), '-noout', '-text']);
    expect(authority).toMatch(/Not After : Jun {2}1 00:00:00 2055 GMT/);
    expect(authority).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
    expect(authority).toMatch(/Key Usage: critical\s+Certificate Sign\n/);
    expect(authority).toMatch(/Name Constraints: critical\s+Permitted:\s+DNS:localhost/);
    expect(authority).toMatch(/IP:127\.0\.0\.1\/255\.255\.255\.255/);
    expect(authority).toMatch(/DNS:apps\.test/);
    const server = openssl(['x509', '-in', join(directory, 'server.pem'), '-noout', '-text']);
    expect(server).toMatch(/Extended Key Usage: \s+TLS Web Server Authentication/);
    expect(server).toMatch(
      /DNS:localhost, IP Address:127\.0\.0\.1, IP Address:0:0:0:0:0:0:0:1, DNS:kms\.test, DNS:\*\.apps\.test, IP Address:2001:DB8:0:0:0:0:7F00:1/,
    );
  });
});
