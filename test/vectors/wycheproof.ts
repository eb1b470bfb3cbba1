/**
 * Reads Wycheproof files from the folder that `npm test -- --vectors DIR` names, and our own few vectors in the same form
 * when no folder is given.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { HashName } from '../../src/hsm/index.ts';
import minimums from './minimums.json' with { type: 'json' };

/** Of any file: each has its own share of the members, bytes in hexadecimal. */
export interface Vector {
  readonly tcId: number;
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly label: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
  readonly sig: string;
  readonly result: 'valid' | 'invalid' | 'acceptable';
}

/** Of any file, likewise. Sizes are in bits, `sLen` in bytes. */
export interface Group {
  readonly tagSize: number;
  readonly keySize: number;
  readonly sha: HashName;
  readonly mgfSha: HashName;
  readonly sLen: number;
  readonly publicKeyDer: string;
  readonly privateKeyPkcs8: string;
  readonly tests: readonly Vector[];
}

export type FileName = keyof typeof minimums;

/** The files that there are minimums for, by the beginning of their names. */
export function filesOf(...families: readonly string[]): FileName[] {
  return (Object.keys(minimums) as FileName[]).filter((name) =>
    families.some((family) => name.startsWith(family)),
  );
}

export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

/** CKM_<before><hash><after>, for one of the hashes that files name. */
export function mechanismOf<const B extends string, const A extends string = ''>(
  before: B,
  hash: HashName,
  after: A = '' as A,
): `CKM_${B}${ShortHash}${A}` {
  return `CKM_${before}${hash.replace('-', '') as ShortHash}${after}`;
}
type ShortHash = 'SHA1' | 'SHA224' | 'SHA256' | 'SHA384' | 'SHA512';

/** What the vectors of a group share: made at the first of them, given back at the first of the next group. */
export function perGroup<T>(
  make: (group: Group) => Promise<T>,
  giveBack: (made: T) => Promise<void>,
): (group: Group) => Promise<T> {
  let current: { group: Group; made: T } | undefined;
  return async (group) => {
    if (current?.group !== group) {
      if (current !== undefined) await giveBack(current.made);
      current = { group, made: await make(group) };
    }
    return current.made;
  };
}

interface File {
  readonly testGroups: readonly Group[];
  readonly numberOfTests: number;
}

/** Finds a file, in the folder or in its `wycheproof` folder. */
function read(name: FileName): { file: File; published: boolean } {
  const directory = process.env.STRONGROOM_VECTORS;
  if (!directory) {
    const own = new URL(`own/${name}`, import.meta.url);
    return { file: JSON.parse(readFileSync(own, 'utf8')), published: false };
  }
  const path = [join(directory, name), join(directory, 'wycheproof', name)].find(existsSync);
  if (path === undefined) throw new Error(`${directory} was named for vectors and lacks ${name}`);
  return { file: JSON.parse(readFileSync(path, 'utf8')), published: true };
}

/**
 * Runs every vector of a file. `run` returns undefined when it did, or why it could not (after seeing the refusal); the
 * counts are printed and, for a published file, held against what minimums.json records.
 */
export async function runVectors(
  name: FileName,
  run: (vector: Vector, group: Group) => Promise<string | undefined>,
): Promise<void> {
  const { file, published } = read(name);
  const skipped = new Map<string, number>();
  let ran = 0;
  for (const group of file.testGroups) {
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
  expect(ran + total, 'vectors').toBe(file.numberOfTests);
  if (published) {
    expect(ran, 'vectors run').toBeGreaterThanOrEqual(minimums[name].run);
    expect(total, 'vectors skipped').toBeLessThanOrEqual(minimums[name].skipped);
  } else {
    expect(ran).toBeGreaterThan(0);
    expect(total).toBe(0);
  }
}
