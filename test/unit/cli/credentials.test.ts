import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { environmentLines, processCredentials } from '../../../src/cli/credentials.ts';

const credential = { accessKeyId: 'AKIA', secretAccessKey: 'a/b+c=', accountId: '000000000000' };
const place = { endpoint: 'https://127.0.0.1:1', region: 'us-east-1', caFile: "/a b/it's/ca.pem" };

it('the lines set in a shell what they say', () => {
  const shell = (script: string): string =>
    execFileSync('/bin/sh', ['-c', `${script}\nenv`], {
      encoding: 'utf8',
      env: { PATH: '/usr/bin:/bin', AWS_SESSION_TOKEN: 'of others' },
    });
  const all = shell(environmentLines(credential, place));
  for (const line of [
    'AWS_ACCESS_KEY_ID=AKIA',
    'AWS_SECRET_ACCESS_KEY=a/b+c=',
    'AWS_ENDPOINT_URL_KMS=https://127.0.0.1:1',
    'AWS_REGION=us-east-1',
    'AWS_DEFAULT_REGION=us-east-1',
    "AWS_CA_BUNDLE=/a b/it's/ca.pem",
    "NODE_EXTRA_CA_CERTS=/a b/it's/ca.pem",
  ])
    expect(all.split('\n')).toContain(line);
  expect(all).not.toContain('AWS_SESSION_TOKEN');
  expect(shell(environmentLines(credential, undefined))).not.toMatch(/ENDPOINT|REGION|CA/);
});

it('JSON is what a credential process prints', () => {
  const key = {
    Version: 1,
    AccessKeyId: 'AKIA',
    SecretAccessKey: 'a/b+c=',
    AccountId: '000000000000',
  };
  expect(processCredentials(credential, undefined)).toEqual(key);
  expect(processCredentials(credential, { endpoint: 'http://x', region: 'r' })).toEqual({
    ...key,
    Endpoint: 'http://x',
    Region: 'r',
  });
});
