/** Who may use a data directory, and what each refusal says. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataDirectoryError, lockDataDirectory } from '../../../src/store/data-directory.ts';
import { scratchDirectory } from '../../support/scratch.ts';

function refusalOf(directory: string): DataDirectoryError {
  try {
    lockDataDirectory(directory).release();
  } catch (error) {
    expect(error).toBeInstanceOf(DataDirectoryError);
    return error as DataDirectoryError;
  }
  throw new Error('the directory was not refused');
}

/** Another process that holds the directory until it is killed. */
async function holderOf(directory: string) {
  const module = new URL('../../../src/store/data-directory.ts', import.meta.url).href;
  const code = `import { lockDataDirectory } from ${JSON.stringify(module)};
    lockDataDirectory(${JSON.stringify(directory)}).describe({ port: 4711 });
    console.log('held');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

describe('lockDataDirectory', () => {
  it('makes a directory for its owner alone, parents included', () => {
    const directory = join(scratchDirectory(), 'a', 'b');
    using lock = lockDataDirectory(directory);
    expect(lock.directory).toBe(directory);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const file of ['lock', 'holder'] as const)
      expect(statSync(lock.path(file)).mode & 0o777).toBe(0o600);
  });

  it('refuses whoever comes second in the same process, and says who holds it', () => {
    const directory = scratchDirectory();
    const lock = lockDataDirectory(directory, { pid: 17, started: '2026-11-23T00:00:00.000Z' });
    lock.describe({ port: 8080 });
    const error = refusalOf(directory);
    expect(error.code).toBe('IN_USE');
    expect(error.holder).toEqual({ pid: 17, started: '2026-11-23T00:00:00.000Z', port: 8080 });
    expect(error.message).toBe(
      `data directory ${directory} is in use by process 17 on port 8080, started 2026-11-23T00:00:00.000Z`,
    );
    lock.release();
    lock.release();
    expect(readdirSync(directory)).toEqual(['lock']);
    lockDataDirectory(directory).release();
  });

  it('refuses another process until that is killed', async () => {
    const directory = join(scratchDirectory(), 'data');
    const child = await holderOf(directory);
    expect(refusalOf(directory)).toMatchObject({
      code: 'IN_USE',
      holder: { pid: child.pid, port: 4711 },
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    using lock = lockDataDirectory(directory);
    expect(JSON.parse(readFileSync(lock.path('holder'), 'utf8'))).toMatchObject({
      pid: process.pid,
    });
  });

  it('says IN_USE also when the holder has not said who it is', () => {
    const directory = scratchDirectory();
    using lock = lockDataDirectory(directory);
    for (const text of ['', 'not json', 'null', '{}', '{"pid":"1","started":2}']) {
      writeFileSync(lock.path('holder'), text);
      const error = refusalOf(directory);
      expect(error).toMatchObject({ code: 'IN_USE', holder: undefined });
      expect(error.message).toContain('another process');
    }
  });

  it('closes an empty directory to others, and one of its own', () => {
    const directory = join(scratchDirectory(), 'open');
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    lockDataDirectory(directory).release();
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    chmodSync(directory, 0o750);
    lockDataDirectory(directory).release();
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  it("leaves alone a directory that is open to others and holds somebody's files", () => {
    const directory = join(scratchDirectory(), 'home');
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    writeFileSync(join(directory, 'letter'), 'dear');
    expect(refusalOf(directory).code).toBe('FOREIGN');
    expect(statSync(directory).mode & 0o777).toBe(0o755);
    expect(readdirSync(directory)).toEqual(['letter']);
  });

  it('refuses what is no directory', () => {
    const file = join(scratchDirectory(), 'file');
    writeFileSync(file, '');
    expect(refusalOf(file).code).toBe('UNREADABLE');
    expect(refusalOf(join(file, 'below')).code).toBe('UNREADABLE');
    expect(refusalOf('/proc/strongroom').code).toBe('UNREADABLE');
  });

  it('refuses a lock file that is none', () => {
    const directory = scratchDirectory();
    writeFileSync(join(directory, 'lock'), 'x'.repeat(5000));
    expect(refusalOf(directory).code).toBe('DAMAGED');
  });
});
