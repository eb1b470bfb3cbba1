/**
 * Test projects, one per folder of test/ (see the list below); `npx vitest run --project unit` runs one.
 * Forks, not threads: the addon is process-global, and a crash in it must end one file, not the run.
 */
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// Loading TypeScript costs more than most tests do; the cache is shared by every fork of every run.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules', '.cache', 'compile');

// The addon and the sources need it, and vitest itself fails on older ones in ways that do not say so.
if (Number.parseInt(process.versions.node, 10) < 24) {
  throw new Error(
    `vitest runs on the pinned Node, not ${process.version}: npm test, or npx vitest`,
  );
}

const second = 1000;
const timeoutsMs = {
  unit: 10 * second,
  contract: 30 * second,
  vectors: 120 * second,
  fault: 60 * second,
  property: 60 * second,
  matrix: 120 * second,
  e2e: 60 * second,
  clients: 120 * second,
};

export default defineConfig({
  test: {
    pool: 'forks',
    // More forks than cores make timing-sensitive tests lie; the machines we test on have two.
    maxWorkers: 2,
    projects: Object.entries(timeoutsMs).map(([name, timeoutMs]) => ({
      extends: true,
      test: {
        name,
        include:
          name === 'unit'
            ? ['test/*.test.ts', 'test/unit/**/*.test.ts']
            : [`test/${name}/**/*.test.ts`],
        testTimeout: timeoutMs,
        hookTimeout: 60 * second,
      },
    })),
  },
});
