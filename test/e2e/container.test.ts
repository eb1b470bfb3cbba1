/**
 * The container recipe: the Dockerfile's steps, what the image starts and its health check, run without Docker.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { root } from '../support/files.ts';

const minute = 60_000;
/** What the script ends with when the machine lacks the means, such as root's rights. */
const unavailableExitCode = 77;

it('builds, gets healthy, answers, stops and starts again', {
  timeout: 15 * minute,
}, async (context) => {
  const startedAtMs = Date.now();
  const options = { timeout: 14 * minute, maxBuffer: 1 << 26 };
  const script = join(root, 'scripts', 'check-dockerfile.mjs');
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [script], options);
    const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(0);
    process.stdout.write(`the Dockerfile's steps and two containers took ${seconds} s\n`);
    expect(stdout.match(/^FROM .*: not run; .*$/gm)).toHaveLength(2);
    expect(stdout).toMatch(/^HEALTHCHECK passes$/m);
    expect(stdout).toMatch(/a second container over the same volumes decrypted it\n$/);
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code !== unavailableExitCode) throw error;
    // Tools can be installed; the rights to mount and to chroot are not everybody's.
    if (process.env.STRONGROOM_REQUIRE_TOOLS === '1' && /not found/.test(stderr ?? '')) throw error;
    process.stdout.write(`unavailable: container recipe: ${stderr?.trim()}\n`);
    context.skip(stderr?.trim());
  }
});
