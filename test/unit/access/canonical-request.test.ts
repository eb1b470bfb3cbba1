/** Cases of the published Signature Version 4 test suite (aws-sig-v4-test-suite), by their names there. */
import { expect, test } from 'vitest';
import { canonicalRequest } from '../../../src/access/canonical-request.ts';
import { received } from './sign.ts';

const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const host = ['Host', 'example.amazonaws.com'] as const;
const date = ['X-Amz-Date', '20150830T123600Z'] as const;
const usual = 'host:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\nhost;x-amz-date\n';

function canonical(
  url: string,
  lines: readonly (readonly [string, string])[],
  signed: string,
): string | undefined {
  return canonicalRequest(
    { ...received(url, lines, new Uint8Array()), method: 'GET' },
    { text: signed, names: signed.split(';') },
    empty,
  );
}

test.each([
  ['get-vanilla', '/', 'GET\n/\n\n'],
  ['get-vanilla-empty-query-key', '/?Param1=value1', 'GET\n/\nParam1=value1\n'],
  [
    'get-vanilla-query-order-key-case',
    '/?Param2=value2&Param1=value1',
    'GET\n/\nParam1=value1&Param2=value2\n',
  ],
  [
    'get-vanilla-query-order-value',
    '/?Param1=value2&Param1=value1',
    'GET\n/\nParam1=value1&Param1=value2\n',
  ],
  ['get-vanilla-query-unreserved', '/?-._~0aZ=-._~0aZ', 'GET\n/\n-._~0aZ=-._~0aZ\n'],
  ['get-vanilla-utf8-query', '/?\u00e1\u0088\u00b4=bar', 'GET\n/\n%E1%88%B4=bar\n'],
  ['get-utf8', '/\u00e1\u0088\u00b4', 'GET\n/%E1%88%B4\n\n'],
  ['get-relative', '/example/..', 'GET\n/\n\n'],
  ['get-relative-relative', '/example1/example2/../..', 'GET\n/\n\n'],
  ['get-slash', '//', 'GET\n/\n\n'],
  ['get-slash-dot-slash', '/./', 'GET\n/\n\n'],
  ['get-slash-pointless-dot', '/./example', 'GET\n/example\n\n'],
  ['get-slashes', '//example//', 'GET\n/example/\n\n'],
  ['get-space', '/example%20space/', 'GET\n/example%2520space/\n\n'],
  ['value without equals sign', '/?b&a=', 'GET\n/\na=&b=\n'],
  ['encoded slash and plus', '/?a=%2f%2B+', 'GET\n/\na=%2F%2B%2B\n'],
  ['a lone percent sign', '/?a=%zz&=%', 'GET\n/\n=%25&a=%25zz\n'],
])('%s', (_, url, start) => {
  expect(canonical(url, [host, date], 'host;x-amz-date')).toBe(`${start}${usual}${empty}`);
});

test('get-header-key-duplicate: values joined in their order', () => {
  const lines = [
    host,
    ['My-Header1', 'value2'],
    ['My-Header1', 'value2'],
    ['My-Header1', 'value1'],
    date,
  ] as const;
  expect(canonical('/', lines, 'host;my-header1;x-amz-date')).toBe(
    'GET\n/\n\nhost:example.amazonaws.com\nmy-header1:value2,value2,value1\nx-amz-date:20150830T123600Z\n\n' +
      `host;my-header1;x-amz-date\n${empty}`,
  );
});

test('get-header-value-trim: outer blanks off, inner ones to one', () => {
  const lines = [host, ['My-Header1', ' value1'], ['My-Header2', ' "a   b   c"'], date] as const;
  expect(canonical('/', lines, 'host;my-header1;my-header2;x-amz-date')).toBe(
    'GET\n/\n\nhost:example.amazonaws.com\nmy-header1:value1\nmy-header2:"a b c"\nx-amz-date:20150830T123600Z\n\n' +
      `host;my-header1;my-header2;x-amz-date\n${empty}`,
  );
});

test.each(['constructor', '__proto__', 'tostring', ''])(
  'a signed header %j that was not sent',
  (name) => {
    expect(canonical('/', [host, date], `host;${name}`)).toBeUndefined();
  },
);
