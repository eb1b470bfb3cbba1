/**
 * Why a service did not start, in words and with the exit code of docs/operations.md.
 */
import { CkrError } from '../../hsm/index.ts';
import { PortInUseError } from '../../http/bind.ts';
import { DomainError } from '../../keystore/domain-keyring.ts';
import { RecordIntegrityError } from '../../keystore/record-mac.ts';
import { StartError, type StartErrorCode } from '../../server/start-error.ts';
import { DataDirectoryError } from '../../store/data-directory.ts';
import { CommandError, EXIT, type ExitCode, UsageError } from '../exit.ts';

/**
 * @param directory the data directory, if there is one
 * @returns a CommandError where the trouble is one that people can mend; else the error itself
 */
export function commandError(error: unknown, directory: string | undefined): unknown {
  if (error instanceof CommandError) return error;
  const options = { cause: error };
  if (error instanceof StartError) {
    if (error.code === 'CONFLICT') return new UsageError(error.message);
    return new CommandError(error.message, START_EXITS[error.code], options);
  }
  if (error instanceof DataDirectoryError) {
    const code = error.code === 'IN_USE' ? EXIT.dataDirectoryInUse : EXIT.dataDirectoryRefused;
    return new CommandError(error.message, code, options);
  }
  if (error instanceof PortInUseError)
    return new CommandError(error.message, EXIT.portTaken, options);
  const refused = directory === undefined ? EXIT.failure : EXIT.dataDirectoryRefused;
  if (error instanceof CkrError) {
    const device = directory === undefined ? 'the device' : `the device in ${directory}/hsm`;
    const trouble = DEVICE_TROUBLE[error.ckr] ?? error.ckr;
    return new CommandError(`${device}: ${trouble}`, refused, options);
  }
  if (error instanceof DomainError || error instanceof RecordIntegrityError) {
    const where = directory === undefined ? '' : `data directory ${directory}: `;
    return new CommandError(`${where}${error.message}`, refused, options);
  }
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code !== undefined && syscall !== undefined) {
    const isNetwork = syscall === 'listen' || syscall === 'getaddrinfo';
    return new CommandError((error as Error).message, isNetwork ? EXIT.failure : refused, options);
  }
  return error;
}

const START_EXITS: Readonly<Record<Exclude<StartErrorCode, 'CONFLICT'>, ExitCode>> = {
  REFUSED: EXIT.dataDirectoryRefused,
  FAILED: EXIT.failure,
};

/** What is wrong with a device, by what opening it answered. */
export const DEVICE_TROUBLE: Readonly<Record<string, string>> = {
  CKR_STRONGROOM_FLASH_IN_USE: 'its flash is in use by another process',
  CKR_STRONGROOM_FLASH_VERSION: 'its flash was written by a newer version',
  CKR_STRONGROOM_FLASH_INTEGRITY: 'its flash is cut, altered, rolled back or of another device',
  CKR_TOKEN_NOT_PRESENT: 'its flash or its root secret is missing',
  CKR_PIN_INCORRECT: 'the PIN in user-pin is not its own',
  CKR_PIN_INVALID:
    'its root secret does not open with this passphrase: it has another one, or none',
  CKR_PIN_LOCKED: 'its user PIN is locked; the security officer can set a new one',
  CKR_DEVICE_ERROR: 'its files cannot be read or written',
  CKR_FIPS_SELF_TEST_FAILED: 'a self-test failed, so it does no cryptography',
};
