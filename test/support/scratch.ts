/**
 * Scratch folders for tests, gone when the test file ends.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** A new empty folder with a short path (Unix sockets allow 107 bytes). */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sr-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
