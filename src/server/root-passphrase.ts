/**
 * The passphrase of a device's root secret: read from a file or a descriptor (`/dev/fd/3`) at the moment it is needed, and
 * wiped. Never from the command line or the environment, which others may read.
 */
import { readFileSync } from 'node:fs';
import { errorText } from '../values/unknown.ts';
import { StartError } from './start-error.ts';

/** Bytes: what can be tried by the billion is no secret; what is longer is another file. */
const LENGTH_MIN = 12;
const LENGTH_MAX = 1024;

/**
 * Runs `use` with the first line of the file, or with undefined where there is no file.
 * @throws StartError, what `use` throws
 */
export async function withRootPassphrase<T>(
  file: string | undefined,
  use: (passphrase: Uint8Array | undefined) => Promise<T>,
): Promise<T> {
  if (file === undefined) return use(undefined);
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch (cause) {
    throw new StartError(`no passphrase was read: ${errorText(cause)}`, 'REFUSED', { cause });
  }
  try {
    const end = content.indexOf('\n');
    const line = end < 0 ? content : content.subarray(0, end);
    if (line.length < LENGTH_MIN || line.length > LENGTH_MAX)
      throw new StartError(
        `${file} holds no passphrase: it has ${LENGTH_MIN} to ${LENGTH_MAX} bytes`,
        'REFUSED',
      );
    return await use(line);
  } finally {
    content.fill(0);
  }
}
