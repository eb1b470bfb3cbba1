/**
 * Files cut or altered behind the store's back: it opens with everything acknowledged or refuses clearly, and a
 * refusal leaves the directory as it was, so that putting the file back mends it.
 */
import { cpSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { DataDirectoryError } from '../../src/store/data-directory.ts';
import { scratchDirectory } from '../support/scratch.ts';
import {
  type Acknowledged,
  checkDirectory,
  ended,
  listen,
  nothing,
  startLoad,
} from './store-check.ts';

describe('a data directory left by a killed server', () => {
  let original: string;
  let acknowledged: Acknowledged;
  let copies = 0;

  beforeAll(async () => {
    original = join(scratchDirectory(), 'data');
    acknowledged = nothing();
    // Killed in the end, so that the write-ahead log is still there.
    const child = startLoad([original, 'run', '12']);
    listen(child.stdout, acknowledged);
    await ended(child);
    expect(acknowledged.versions.size).toBe(3);
    expect(statSync(join(original, 'store.sqlite-wal')).size).toBeGreaterThan(32);
  });

  /** Opens a copy with one file changed. */
  async function tryWith(file: string, bytes: Buffer): Promise<'opened' | 'refused'> {
    const directory = join(original, '..', `copy-${++copies}`);
    cpSync(original, directory, { recursive: true });
    writeFileSync(join(directory, file), bytes);
    try {
      await checkDirectory(directory, acknowledged);
      return 'opened';
    } catch (error) {
      if (!(error instanceof DataDirectoryError)) throw error;
      expect(error.code).toBe('DAMAGED');
      expect(error.message).toContain(directory);
      // The whole file back in its place, nothing is lost.
      cpSync(join(original, file), join(directory, file));
      await checkDirectory(directory, acknowledged);
      return 'refused';
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  /** Cuts at many lengths: the ends, around `step`s, and places between. */
  async function cutEverywhere(
    file: string,
    step: number,
    tries: number,
  ): Promise<Record<string, number>> {
    const whole = readFileSync(join(original, file));
    const lengths = new Set([0, 1, 31, 32, 33, whole.length - 1, whole.length - 9, whole.length]);
    for (let i = 0; i < tries; i++) {
      const length = Math.floor((whole.length * i) / tries);
      lengths.add(length).add(length - (length % step));
    }
    const outcomes: Record<string, number> = { opened: 0, refused: 0 };
    for (const length of [...lengths].filter((length) => length >= 0 && length <= whole.length)) {
      const outcome = await tryWith(file, whole.subarray(0, length));
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      if (length === whole.length) expect(outcome).toBe('opened');
    }
    process.stdout.write(`${file} cut: ${JSON.stringify(outcomes)}\n`);
    return outcomes;
  }

  it('survives or refuses a cut write-ahead log', async () => {
    const outcomes = await cutEverywhere('store.sqlite-wal', 4096 + 24, 8);
    expect(outcomes.refused).toBeGreaterThan(10);
  });

  it('survives or refuses an altered write-ahead log', async () => {
    const whole = readFileSync(join(original, 'store.sqlite-wal'));
    for (let i = 0; i < 5; i++) {
      const bytes = Buffer.from(whole);
      const at = Math.floor((whole.length * i) / 5) + 40;
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      await tryWith('store.sqlite-wal', bytes);
    }
  });

  it('survives or refuses a cut database', async () => {
    await cutEverywhere('store.sqlite', 4096, 4);
  });

  it('survives or refuses a cut audit log', async () => {
    const outcomes = await cutEverywhere('audit.jsonl', 400, 4);
    expect(outcomes.refused).toBeGreaterThan(5);
  });
});
