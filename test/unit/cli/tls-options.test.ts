import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/cli/exit.ts';
import { parseServeOptions } from '../../../src/cli/serve/options.ts';

const tlsOf = (line: string) => parseServeOptions(line === '' ? [] : line.split(' ')).tls;

describe('TLS options of serve', () => {
  it('are off, by a local authority, or by given files', () => {
    expect(tlsOf('')).toBeUndefined();
    expect(tlsOf('--tls')).toEqual({ by: 'local authority', names: [] });
    expect(tlsOf('--tls --ephemeral --tls-name kms.test --tls-name 10.0.0.1')).toEqual({
      by: 'local authority',
      names: ['kms.test', '10.0.0.1'],
    });
    expect(tlsOf('--tls-cert c.pem --tls-key k.pem')).toEqual({
      by: 'given files',
      certificateFile: resolve('c.pem'),
      keyFile: resolve('k.pem'),
    });
  });

  it.each([
    ['--tls-cert c', /go together/],
    ['--tls-key k', /go together/],
    ['--tls-cert  --tls-key k', /take a file each/],
    ['--tls --tls-cert c --tls-key k', /leave them out with --tls-cert/],
    ['--tls-name a --tls-cert c --tls-key k', /leave them out with --tls-cert/],
    ['--tls-name a', /--tls-name needs --tls/],
    ['--tls --tls-name a..b', /--tls-name takes a DNS name or an IP address, not 'a\.\.b'/],
    ['--tls --tls-name ', /--tls-name takes/],
  ])('%s is refused', (line, message) => {
    expect(() => tlsOf(line)).toThrow(UsageError);
    expect(() => tlsOf(line)).toThrow(message);
  });
});
