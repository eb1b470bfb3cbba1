/**
 * Debian programs that tests use as peers, and rights that tests need. Absent ones make their tests report themselves
 * unavailable, or fail when STRONGROOM_REQUIRE_TOOLS is set (`npm test -- --require-tools`).
 */
import { existsSync } from 'node:fs';
import { describe, it } from 'vitest';

/** Why a program at an absolute path cannot be used; undefined when it is there. */
export function toolReason(path: string, debianPackage: string): string | undefined {
  return existsSync(path) ? undefined : `${path} is not here (Debian package ${debianPackage})`;
}

/** Declares a suite that needs a program at an absolute path. */
export function describeWithTool(
  path: string,
  debianPackage: string,
  name: string,
  body: () => void,
): void {
  describeUnless(toolReason(path, debianPackage), name, body);
}

/** Declares a suite that cannot run here for a reason, if there is one. */
export function describeUnless(reason: string | undefined, name: string, body: () => void): void {
  if (reason === undefined) {
    describe(name, body);
    return;
  }
  describe(name, () => {
    if (process.env.STRONGROOM_REQUIRE_TOOLS === '1') {
      it('has its tool', () => {
        throw new Error(reason);
      });
    } else {
      // The summary counts what was skipped; the reason is for whoever reads it.
      process.stdout.write(`unavailable: ${name}: ${reason}\n`);
      it.skip(`unavailable: ${reason}`, () => {});
    }
  });
}
