import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CommandError, UsageError } from '../../../src/cli/exit.ts';
import { findTarget } from '../../../src/cli/target.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const scratch = scratchDirectory();
const file = join(scratch, 'credentials');
writeFileSync(
  file,
  [
    '[default]',
    'aws_access_key_id = AKIADEFAULT',
    'aws_secret_access_key = s1',
    '[other]',
    'aws_access_key_id = AKIAOTHER',
    'aws_secret_access_key = s2',
    '',
  ].join('\n'),
);
const url = 'https://kms.test:1';
const base = { HOME: scratch, AWS_REGION: 'eu-west-1', AWS_SHARED_CREDENTIALS_FILE: file };

describe('the server a command asks', () => {
  it('is named by the flag, or by the environment as for AWS SDKs', async () => {
    const target = async (flag: string | undefined, more: Record<string, string>) =>
      (await findTarget({ 'endpoint-url': flag }, { ...base, ...more })).endpoint.href;
    expect(await target(url, { AWS_ENDPOINT_URL_KMS: 'http://b' })).toBe(`${url}/`);
    expect(
      await target(undefined, { AWS_ENDPOINT_URL_KMS: 'http://b', AWS_ENDPOINT_URL: 'http://c' }),
    ).toBe('http://b/');
    expect(await target(undefined, { AWS_ENDPOINT_URL: 'http://c' })).toBe('http://c/');
  });

  it('is the one on the data directory, if one runs', async () => {
    await expect(findTarget({ 'data-dir': scratch }, { AWS_ENDPOINT_URL: url })).rejects.toThrow(
      `no server runs on ${scratch}; start one with strongroom serve`,
    );
  });

  it.each(['kms.test', 'ftp://kms.test', ''])('is no %s', async (text) => {
    await expect(findTarget({ 'endpoint-url': text }, base)).rejects.toThrow(UsageError);
  });
});

describe('credentials', () => {
  const keyOf = async (environment: Record<string, string>) =>
    findTarget({ 'endpoint-url': url }, { HOME: scratch, AWS_REGION: 'r', ...environment });

  it('come from variables, else from a profile', async () => {
    const variables = { AWS_ACCESS_KEY_ID: 'AKIAENV', AWS_SECRET_ACCESS_KEY: 's3' };
    expect(await keyOf({ ...base, ...variables, AWS_SESSION_TOKEN: 't' })).toMatchObject({
      accessKey: { accessKeyId: 'AKIAENV', secretAccessKey: 's3' },
      sessionToken: 't',
    });
    expect((await keyOf(base)).accessKey.accessKeyId).toBe('AKIADEFAULT');
    const other = await keyOf({ ...base, AWS_PROFILE: 'other' });
    expect(other.accessKey.accessKeyId).toBe('AKIAOTHER');
    expect(other.sessionToken).toBeUndefined();
  });

  it('that are not there are named, without a secret', async () => {
    await expect(keyOf({ ...base, AWS_PROFILE: 'none' })).rejects.toThrow(
      `${file}: there is no profile none with an access key`,
    );
    await expect(keyOf({})).rejects.toThrow(/^no credentials: ENOENT.*\.aws\/credentials/);
    await expect(keyOf({})).rejects.toBeInstanceOf(CommandError);
  });
});

describe('Region and authority', () => {
  it('come from flags, else from the environment', async () => {
    const find = (values: object, environment: object) =>
      findTarget({ 'endpoint-url': url, ...values }, { ...base, ...environment });
    expect((await find({ region: 'us-east-1' }, {})).region).toBe('us-east-1');
    expect((await find({}, {})).region).toBe('eu-west-1');
    expect((await find({}, { AWS_REGION: '', AWS_DEFAULT_REGION: 'x' })).region).toBe('x');
    await expect(find({}, { AWS_REGION: '' })).rejects.toThrow(/which Region of https:/);
    expect((await find({}, {})).trusted).toBeUndefined();
    expect((await find({ 'ca-bundle': file }, {})).trusted).toContain('AKIADEFAULT');
    expect((await find({}, { AWS_CA_BUNDLE: file })).trusted).toContain('AKIADEFAULT');
    await expect(find({ 'ca-bundle': join(scratch, 'no') }, {})).rejects.toThrow(
      /^the authorities cannot be read: ENOENT/,
    );
  });
});
