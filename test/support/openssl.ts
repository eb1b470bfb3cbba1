/** The openssl program as a judge of what was written here. */
import { execFileSync } from 'node:child_process';

export const opensslPath = '/usr/bin/openssl';

/** @returns what it printed; an exit code other than 0 throws with its words */
export function openssl(args: readonly string[], input?: string): string {
  return execFileSync(opensslPath, args, {
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(input === undefined ? {} : { input }),
  });
}
