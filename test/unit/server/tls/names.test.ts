import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { issue, makeAuthority } from '../../../../src/server/tls/authority.ts';
import { certificateNames, endpointHost, isTlsName } from '../../../../src/server/tls/names.ts';

function certificateOf(...names: string[]): X509Certificate {
  const nowMs = Date.now();
  return new X509Certificate(issue(makeAuthority(names, nowMs), names, nowMs).certificate);
}

describe('names of a certificate', () => {
  it.each([
    'localhost',
    'kms.example.test',
    '*.example.test',
    '10.0.0.1',
    'fe80::1',
    'a-b.c',
    'K.x',
  ])('can be %s', (name) => expect(isTlsName(name)).toBe(true));
  it.each([
    '',
    '*',
    '*.',
    'a..b',
    '.a',
    'a.',
    'a b',
    'a,b',
    '*.*.a',
    'a.*.b',
    '-a',
    'fe80::1%lo',
    'é',
  ])('cannot be "%s"', (name) => expect(isTlsName(name)).toBe(false));

  it('are those of this machine, the address listened to and what is asked for, once each', () => {
    const local = ['localhost', '127.0.0.1', '::1'];
    expect(certificateNames('127.0.0.1', [])).toEqual(local);
    expect(certificateNames('0.0.0.0', [])).toEqual(local);
    expect(certificateNames('::', [])).toEqual(local);
    expect(certificateNames('10.0.0.7', ['KMS.test', 'localhost'])).toEqual([
      ...local,
      '10.0.0.7',
      'kms.test',
    ]);
  });
});

describe('the host of the endpoint', () => {
  it('is the address listened to where there is no certificate', () => {
    expect(endpointHost('127.0.0.1', undefined)).toBe('127.0.0.1');
    expect(endpointHost('::1', undefined)).toBe('[::1]');
  });
  it.each([
    ['127.0.0.1', ['localhost', '127.0.0.1'], '127.0.0.1'],
    ['::1', ['localhost', '::1'], '[::1]'],
    ['0.0.0.0', ['localhost', '127.0.0.1'], '127.0.0.1'],
    ['127.0.0.1', ['kms.test', 'localhost'], 'localhost'],
    ['0.0.0.0', ['*.x.test', 'kms.test'], 'kms.test'],
    ['10.0.0.7', ['*.x.test'], '10.0.0.7'],
  ])('listening on %s with a certificate of %j is %s', (host, names, expected) => {
    expect(endpointHost(host, certificateOf(...names))).toBe(expected);
  });
});
