import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/cli/exit.ts';
import { parseServeOptions } from '../../../src/cli/serve/options.ts';

describe('serve options', () => {
  it('has defaults that listen on loopback only', () => {
    expect(parseServeOptions([])).toEqual({
      host: '127.0.0.1',
      port: 4599,
      data: {
        directory: resolve('strongroom-data'),
        soPinFile: resolve('strongroom-data.so-pin'),
      },
      regions: ['us-east-1'],
      accountId: undefined,
      threads: 1,
      readyFile: undefined,
      dev: false,
      serverTiming: false,
    });
  });

  it('takes every flag, Regions several times and once each', () => {
    const options = parseServeOptions(
      '--host 0.0.0.0 --port 0 --data-dir d --region eu-west-1 --region us-gov-west-1 --region eu-west-1 --account 111122223333 --threads 2 --ready-file r --so-pin-file s'.split(
        ' ',
      ),
    );
    expect(options).toMatchObject({
      port: 0,
      regions: ['eu-west-1', 'us-gov-west-1'],
      accountId: '111122223333',
      threads: 2,
    });
    expect(options.readyFile).toBe(resolve('r'));
    expect(options.data).toEqual({ directory: resolve('d'), soPinFile: resolve('s') });
  });

  it('keeps nothing when ephemeral', () => {
    const options = parseServeOptions(['--ephemeral', '--account', '111122223333']);
    expect(options).toMatchObject({ data: undefined, accountId: '111122223333' });
  });

  it.each([
    ['--dev --host 0.0.0.0', /loopback only/],
    ['--dev --host 192.168.1.4', /loopback only/],
    ['--dev --account 111122223333', /account 000000000000 only/],
    ['--port 65536', /--port takes a whole number from 0 to 65535/],
    ['--port -1', /--port/],
    ['--port 1e3', /--port/],
    ['--threads 0', /--threads/],
    ['--account 123', /12 digits/],
    ['--region mars', /--region takes a Region/],
    ['--data-dir d --so-pin-file d/pin', /outside the data directory/],
    ['--data-dir ', /--data-dir takes a directory/],
    ['--ephemeral --data-dir d', /--ephemeral keeps nothing/],
    ['--ephemeral --so-pin-file d', /--ephemeral keeps nothing/],
    ['--ready-file ', /--ready-file takes a file/],
    ['--colour', /colour/],
    ['extra', /extra/],
  ])('refuses %s', (line, message) => {
    expect(() => parseServeOptions(line.split(' '))).toThrow(UsageError);
    expect(() => parseServeOptions(line.split(' '))).toThrow(message);
  });
});
