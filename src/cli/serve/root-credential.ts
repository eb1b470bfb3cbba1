/**
 * The root credential of the service's one account: an AWS shared-credentials file in the data directory. Deleting
 * the file and starting again makes a new one.
 */
import { existsSync } from 'node:fs';
import {
  CredentialsFileError,
  generateAccessKey,
  readRootCredential,
  writeCredentialsFile,
} from '../../access/credentials-file.ts';
import { CommandError, EXIT, UsageError } from '../exit.ts';

export interface RootCredential {
  readonly accountId: string;
  readonly isNew: boolean;
}

/**
 * Reads or makes the credential.
 * @param accountId of a new one; when given, an existing one has to be of that account
 * @throws CommandError, UsageError
 */
export function rootCredential(
  file: string,
  accountId: string | undefined,
  defaultAccountId: string,
): RootCredential {
  if (!existsSync(file)) {
    const owner = accountId ?? defaultAccountId;
    writeCredentialsFile(file, generateAccessKey(), owner);
    return { accountId: owner, isNew: true };
  }
  try {
    const stored = readRootCredential(file);
    if (accountId !== undefined && accountId !== stored.accountId) {
      throw new UsageError(
        `--account ${accountId}: this data directory is of account ${stored.accountId}`,
      );
    }
    return { accountId: stored.accountId, isNew: false };
  } catch (error) {
    if (error instanceof CredentialsFileError)
      throw new CommandError(error.message, EXIT.dataDirectoryRefused);
    if (error instanceof CommandError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`${file} cannot be read: ${reason}`, EXIT.dataDirectoryRefused, {
      cause: error,
    });
  }
}
