/** What is generated is what its table says: native and TypeScript cannot drift apart. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

const scripts = ['generate-cryptoki.mjs', 'generate-frame.mjs', 'generate-mechanisms.mjs'];
it.each(scripts)('%s has nothing to change', (script) => {
  const check = spawnSync(process.execPath, [`scripts/${script}`, '--check'], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(check.stderr).toBe('');
  expect(check.status).toBe(0);
});
