/**
 * Reads Wycheproof files from the folder that `npm test -- --vectors DIR` names, and our own few vectors in the same form
 * when no folder is given.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import minimums from './minimums.json' with { type: 'json' };

export interface Vector {
  readonly tcId: number;
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
  readonly result: 'valid' | 'invalid' | 'acceptable';
}

export interface Group {
  readonly tagSize: number;
  readonly tests: readonly Vector[];
}

export type FileName = keyof typeof minimums;

export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

/** Finds a file, in the folder or in its `wycheproof` folder. */
function read(name: FileName): { groups: readonly Group[]; published: boolean } {
  const directory = process.env.STRONGROOM_VECTORS;
  if (!directory) {
    const own = new URL(`own/${name}`, import.meta.url);
    return { groups: JSON.parse(readFileSync(own, 'utf8')).testGroups, published: false };
  }
  const file = [join(directory, name), join(directory, 'wycheproof', name)].find(existsSync);
  if (file === undefined) throw new Error(`${directory} was named for vectors and lacks ${name}`);
  return { groups: JSON.parse(readFileSync(file, 'utf8')).testGroups, published: true };
}

/**
 * Runs every vector of a file. `run` returns undefined when it did, or why it could not; the counts are printed and, for a
 * published file, held against what minimums.json records.
 */
export async function runVectors(
  name: FileName,
  run: (vector: Vector, group: Group) => Promise<string | undefined>,
): Promise<void> {
  const { groups, published } = read(name);
  const skipped = new Map<string, number>();
  let ran = 0;
  for (const group of groups) {
    for (const vector of group.tests) {
      const reason = await run(vector, group);
      if (reason === undefined) ran++;
      else skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
    }
  }
  const total = [...skipped.values()].reduce((sum, count) => sum + count, 0);
  const reasons = [...skipped].map(([reason, count]) => `${count} ${reason}`).join('; ');
  const source = published ? '' : ' (own vectors: no --vectors DIR)';
  console.log(`${name}${source}: ${ran} run, ${total} skipped${reasons ? ` (${reasons})` : ''}`);
  if (published) {
    expect(ran, 'vectors run').toBeGreaterThanOrEqual(minimums[name].run);
    expect(total, 'vectors skipped').toBeLessThanOrEqual(minimums[name].skipped);
  } else {
    expect(ran).toBeGreaterThan(0);
    expect(total).toBe(0);
  }
}
