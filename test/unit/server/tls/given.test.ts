import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { issue, makeAuthority } from '../../../../src/server/tls/authority.ts';
import { readGivenTls } from '../../../../src/server/tls/given.ts';
import { scratchDirectory } from '../../../support/scratch.ts';

const nowMs = Date.now();
const dayMs = 86_400_000;
const authority = makeAuthority(['localhost'], nowMs);
const good = issue(authority, ['localhost'], nowMs);
const directory = scratchDirectory();

function given(certificate: string, key: string) {
  const files = {
    certificateFile: join(directory, 'c.pem'),
    keyFile: join(directory, 'k.pem'),
  };
  writeFileSync(files.certificateFile, certificate);
  writeFileSync(files.keyFile, key);
  return files;
}

it('takes a certificate with its chain, and its key', () => {
  const chain = good.certificate + authority.certificate;
  expect(readGivenTls(given(chain, good.key))).toEqual({ certificate: chain, key: good.key });
});

const encrypted = createPrivateKey(good.key).export({
  type: 'pkcs8',
  format: 'pem',
  cipher: 'aes-256-cbc',
  passphrase: 'p',
}) as string;
const weak = generateKeyPairSync('rsa', { modulusLength: 512 }).privateKey;

it.each([
  ['no certificate', 'x', good.key, /c\.pem holds no certificate in PEM$/],
  ['no key', good.certificate, 'x', /k\.pem holds no private key in PEM$/],
  ['an encrypted key', good.certificate, encrypted, /k\.pem is encrypted.*without$/],
  [
    'a key of something else',
    good.certificate,
    weak.export({ type: 'pkcs8', format: 'pem' }) as string,
    /k\.pem is not the key of the first certificate in .*c\.pem \(CN=localhost\)$/,
  ],
  [
    'an authority first in its chain',
    authority.certificate + good.certificate,
    good.key,
    /k\.pem is not the key of the first certificate/,
  ],
])('refuses %s', (_, certificate, key, message) => {
  expect(() => readGivenTls(given(certificate, key))).toThrow(
    expect.objectContaining({
      name: 'StartError',
      code: 'FAILED',
      message: expect.stringMatching(message),
    }),
  );
});

it('refuses what is not there, and what is out of its time', () => {
  const files = given(good.certificate, good.key);
  expect(() => readGivenTls({ ...files, keyFile: join(directory, 'none') })).toThrow(
    /none cannot be read: ENOENT/,
  );
  expect(() => readGivenTls(files, nowMs + 826 * dayMs)).toThrow(/c\.pem expired on .* GMT$/);
  expect(() => readGivenTls(files, nowMs - dayMs)).toThrow(/c\.pem is not valid before .* GMT$/);
});

it('says nothing of the key', () => {
  const secret = good.key.split('\n')[1] ?? '';
  expect(secret.length).toBeGreaterThan(16);
  try {
    readGivenTls(given(authority.certificate, good.key));
    expect.unreachable();
  } catch (error) {
    expect(String((error as Error).stack)).not.toContain(secret);
  }
});
