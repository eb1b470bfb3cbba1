import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CredentialStore } from '../../../src/access/credential-store.ts';
import {
  CredentialsFileError,
  generateAccessKey,
  parseCredentialsFile,
  readRootCredential,
  writeCredentialsFile,
} from '../../../src/access/credentials-file.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'strongroom-credentials-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('access keys have the form of AWS and differ', () => {
  const keys = Array.from({ length: 100 }, generateAccessKey);
  for (const key of keys) {
    expect(key.accessKeyId).toMatch(/^AKIA[A-Z2-7]{16}$/);
    expect(key.secretAccessKey).toMatch(/^[A-Za-z0-9+/]{40}$/);
  }
  expect(new Set(keys.map((key) => key.accessKeyId)).size).toBe(100);
  expect(new Set(keys.map((key) => key.secretAccessKey)).size).toBe(100);
});

describe('the file', () => {
  test('is for its owner only, reads back, and is never replaced', () => {
    const file = join(folder, 'credentials');
    const key = generateAccessKey();
    writeCredentialsFile(file, key, '123456789012');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toBe(
      `[default]\naws_access_key_id = ${key.accessKeyId}\naws_secret_access_key = ${key.secretAccessKey}\naws_account_id = 123456789012\n`,
    );
    expect(readRootCredential(file)).toEqual({ ...key, accountId: '123456789012' });
    expect(() => writeCredentialsFile(file, generateAccessKey(), '123456789012')).toThrow('EEXIST');
    expect(readRootCredential(file).accessKeyId).toBe(key.accessKeyId);
    expect(readdirSync(folder)).toEqual(['credentials']);
  });

  test('profiles, comments, other settings and line ends', () => {
    const text =
      '# a\r\n; b\r\n[ default ]\r\nAWS_ACCESS_KEY_ID=A\r\naws_secret_access_key = b=c\r\nregion = x\r\n\r\n[half]\naws_access_key_id = A\n';
    expect([...parseCredentialsFile(text, 'f')]).toEqual([
      ['default', { accessKeyId: 'A', secretAccessKey: 'b=c', accountId: undefined }],
    ]);
  });

  test.each([
    ['aws_access_key_id = A', 1],
    ['[default]\nhunter2', 2],
    ['[default]\n= hunter2', 2],
    ['[default\naws_access_key_id = hunter2', 1],
  ])('%j names the line and not what is in it', (text, line) => {
    const parse = (): unknown => parseCredentialsFile(text, 'f');
    expect(parse).toThrow(CredentialsFileError);
    expect(parse).toThrow(`f, line ${line}: expected [profile] or name = value`);
  });

  test.each([
    '',
    '[default]\naws_access_key_id = A\n',
    '[other]\naws_access_key_id = A\naws_secret_access_key = B\n',
  ])('without a root credential: %j', (text) => {
    const file = join(folder, 'broken');
    writeFileSync(file, text);
    expect(() => readRootCredential(file)).toThrow(CredentialsFileError);
  });

  test('without an account', () => {
    const file = join(folder, 'no-account');
    writeFileSync(
      file,
      '[default]\naws_access_key_id = A\naws_secret_access_key = B\naws_account_id = 12\n',
    );
    expect(() => readRootCredential(file)).toThrow('has no aws_account_id of 12 digits');
  });
});

test('no inspection of the store shows a secret', () => {
  const store = new CredentialStore();
  store.addRoot('123456789012', { accessKeyId: 'AKIA', secretAccessKey: 'hunter2hunter2' });
  const credential = store.get('AKIA');
  const shown =
    inspect([store, credential], { depth: 9, showHidden: true }) +
    JSON.stringify([store, credential]);
  expect(shown).not.toContain('hunter2');
  expect(shown).toContain('arn:aws:iam::123456789012:root');
});
