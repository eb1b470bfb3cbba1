/** The key that seals session tokens: random, kept beside the credentials, so that a restarted server knows its sessions. */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { sessionKeyLength } from '../access/session-token.ts';
import { errorText } from '../values/unknown.ts';
import { StartError } from './start-error.ts';

export const newSessionKey = (): Uint8Array => new Uint8Array(randomBytes(sessionKeyLength));

/** Reads the key, or makes it (0600). Deleting the file ends all sessions. @throws StartError */
export function keptSessionKey(file: string): Uint8Array {
  try {
    return read(file) ?? make(file);
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    throw new StartError(`${file} cannot be read: ${errorText(cause)}`, 'REFUSED', { cause });
  }
}

function read(file: string): Uint8Array | undefined {
  let key: Uint8Array;
  try {
    key = new Uint8Array(readFileSync(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  if (key.length !== sessionKeyLength)
    throw new StartError(`${file} is not a key of ${sessionKeyLength} octets`, 'REFUSED');
  return key;
}

function make(file: string): Uint8Array {
  const key = newSessionKey();
  const draft = `${file}.${process.pid}.draft`;
  try {
    writeFileSync(draft, key, { mode: 0o600, flag: 'wx', flush: true });
    linkSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
  return key;
}
