/**
 * The ceremony that makes a recovery secret: handed to the operator once, in a file outside the data directory; the
 * service keeps the public half.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { makeDirectory, syncDirectory } from '../../store/data-directory.ts';
import { errorText } from '../../values/unknown.ts';
import { isInside } from '../so-pin.ts';
import { recoveryKeyFile } from './back-up.ts';
import { makeRecoveryKey, parseSecret, publicKeyText, secretText } from './recovery-key.ts';
import { BackUpError } from './sealed-stream.ts';

/** Beside the data directory. */
export function recoverySecretFileDefault(directory: string): string {
  return `${resolve(directory)}.recovery-secret`;
}

/**
 * @param file where nothing is yet
 * @param replace another secret takes the place of the one there is, for back-ups from now on
 * @throws BackUpError; then nothing is left
 */
export function createRecoverySecret(directory: string, file: string, replace: boolean): void {
  if (!existsSync(directory)) throw new BackUpError(`there is no data directory ${directory}`);
  if (isInside(directory, file))
    throw new BackUpError(`${file} is in the data directory: keep the recovery secret elsewhere`);
  const keyFile = join(directory, recoveryKeyFile);
  if (existsSync(keyFile) && !replace) {
    throw new BackUpError(
      `${directory} has a recovery key already; --replace makes another for back-ups from now on`,
    );
  }
  const { secret, publicKey } = makeRecoveryKey();
  try {
    handOver(file, secret);
    // The secret is there first: a back-up that nobody can open would be the worse half.
    const draft = `${keyFile}.next`;
    writeFileSync(draft, `${publicKeyText(publicKey)}\n`, { mode: 0o600, flush: true });
    renameSync(draft, keyFile);
    syncDirectory(directory);
  } finally {
    secret.fill(0);
  }
}

/** @throws BackUpError, RecoveryKeyError */
export function readRecoverySecret(file: string): Uint8Array {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new BackUpError(
      `the recovery secret is not in ${file} (${errorText(cause)}); name its file with --recovery-secret-file`,
      { cause },
    );
  }
  return parseSecret(text);
}

function handOver(file: string, secret: Uint8Array): void {
  makeDirectory(dirname(file));
  let fd: number;
  try {
    fd = openSync(file, 'wx', 0o600);
  } catch (cause) {
    throw new BackUpError(`the recovery secret cannot be written: ${errorText(cause)}`, { cause });
  }
  try {
    writeSync(fd, `${secretText(secret)}\n`);
    fsyncSync(fd);
    syncDirectory(dirname(file));
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}
