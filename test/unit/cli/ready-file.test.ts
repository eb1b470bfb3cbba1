import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CommandError } from '../../../src/cli/exit.ts';
import { ReadyFile, type ReadyInfo, readyLine } from '../../../src/cli/serve/ready-file.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const info: ReadyInfo = {
  event: 'ready',
  endpoint: 'http://127.0.0.1:1',
  port: 1,
  pid: process.pid,
  region: 'us-east-1',
  regions: ['us-east-1'],
  accountId: '000000000000',
  ephemeral: true,
  credentials: { accessKeyId: 'AKIAX', secretAccessKey: 'the secret' },
};
/** Of a process that has ended: ids stay below 2^22. */
const gone = 2 ** 22 + 1;

it('the ready line has everything but the credentials', () => {
  const { credentials: _, ...rest } = info;
  expect(JSON.parse(readyLine(info))).toEqual(rest);
});

describe('the ready file', () => {
  it('appears whole, for its owner only, and goes', () => {
    const folder = scratchDirectory();
    const file = join(folder, 'ready');
    {
      using ready = new ReadyFile(file);
      expect(readdirSync(folder)).toEqual([]);
      ready.publish(info);
      expect(readFileSync(file, 'utf8')).toBe(`${JSON.stringify(info)}\n`);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(readdirSync(folder)).toEqual(['ready']);
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it('of a server that was killed is gone before the next one starts', () => {
    const file = join(scratchDirectory(), 'ready');
    writeFileSync(file, JSON.stringify({ ...info, pid: gone }));
    using _ = new ReadyFile(file);
    expect(existsSync(file)).toBe(false);
  });

  it('of a server that runs stays until it is replaced, and is then left to its new owner', () => {
    const file = join(scratchDirectory(), 'ready');
    const other = `${JSON.stringify({ ...info, pid: process.ppid })}\n`;
    writeFileSync(file, other);
    {
      using _ = new ReadyFile(file);
      expect(readFileSync(file, 'utf8')).toBe(other);
    }
    expect(readFileSync(file, 'utf8')).toBe(other);
    {
      using ready = new ReadyFile(file);
      ready.publish(info);
      writeFileSync(file, other);
    }
    expect(readFileSync(file, 'utf8')).toBe(other);
  });

  it('may be an empty file that was made for it', () => {
    const file = join(scratchDirectory(), 'ready');
    writeFileSync(file, '');
    using ready = new ReadyFile(file);
    ready.publish(info);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(info);
  });

  it('takes the place of no other file, and of nothing a link points to', () => {
    const folder = scratchDirectory();
    for (const text of ['precious', '{}', '{"event":"ready"}', 'null']) {
      const file = join(folder, 'file');
      writeFileSync(file, text);
      expect(() => new ReadyFile(file)).toThrow(/is there, and is no ready file/);
      expect(readFileSync(file, 'utf8')).toBe(text);
    }
    mkdirSync(join(folder, 'folder'));
    expect(() => new ReadyFile(join(folder, 'folder'))).toThrow(/is no ready file/);

    const link = join(folder, 'link');
    symlinkSync(join(folder, 'target'), link);
    writeFileSync(join(folder, 'target'), '');
    using ready = new ReadyFile(link);
    ready.publish(info);
    expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('');
  });

  it('in a missing directory, or below a file, is refused in words', () => {
    const folder = scratchDirectory();
    writeFileSync(join(folder, 'file'), '');
    for (const [path, reason] of [
      ['nowhere/ready', /the ready file cannot be written: there is no directory .*nowhere$/],
      ['file/ready', /the ready file cannot be written: .*file is no directory$/],
    ] as const) {
      expect(() => new ReadyFile(join(folder, path))).toThrow(CommandError);
      expect(() => new ReadyFile(join(folder, path))).toThrow(reason);
    }
    expect(readdirSync(folder)).toEqual(['file']);
  });
});
