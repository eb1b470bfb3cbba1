/** Builds that start at the same moment take turns, and one that was killed blocks nobody. */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withLock } from '../../../scripts/lock.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'strongroom-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('withLock', () => {
  it('lets one in at a time', async () => {
    const path = join(folder, 'lock');
    let inside = 0;
    const most: number[] = [];
    const work = async () => {
      inside += 1;
      most.push(inside);
      await sleep(20);
      inside -= 1;
    };
    await Promise.all([withLock(path, work), withLock(path, work), withLock(path, work)]);
    expect(most).toEqual([1, 1, 1]);
  });

  it('takes over from an owner that is gone', async () => {
    const path = join(folder, 'lock');
    symlinkSync('4194305', path); // above the largest process id there can be
    expect(await withLock(path, () => 'done')).toBe('done');
  });

  it('is released when the work throws', async () => {
    const path = join(folder, 'lock');
    const failing = () => {
      throw new Error('no compiler');
    };
    await expect(withLock(path, failing)).rejects.toThrow('no compiler');
    expect(await withLock(path, () => 'next')).toBe('next');
  });
});
