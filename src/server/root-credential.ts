/**
 * The root credential of the service's one account: an AWS shared-credentials file in the data directory. Deleting
 * the file and starting again makes a new one.
 */
import { existsSync } from 'node:fs';
import {
  CredentialsFileError,
  generateAccessKey,
  type RootCredential,
  readRootCredential,
  writeCredentialsFile,
} from '../access/credentials-file.ts';
import { errorText } from '../values/unknown.ts';
import { StartError } from './start-error.ts';

/**
 * Reads or makes the credential.
 * @param accountId of a new one; when given, an existing one has to be of that account
 * @throws StartError
 */
export function rootCredential(
  file: string,
  accountId: string | undefined,
  defaultAccountId: string,
): { readonly credential: RootCredential; readonly isNew: boolean } {
  if (!existsSync(file)) {
    const owner = accountId ?? defaultAccountId;
    const key = generateAccessKey();
    writeCredentialsFile(file, key, owner);
    return { credential: { ...key, accountId: owner }, isNew: true };
  }
  try {
    const credential = readRootCredential(file);
    if (accountId !== undefined && accountId !== credential.accountId) {
      throw new StartError(
        `--account ${accountId}: this data directory is of account ${credential.accountId}`,
        'CONFLICT',
      );
    }
    return { credential, isNew: false };
  } catch (error) {
    if (error instanceof StartError) throw error;
    if (error instanceof CredentialsFileError) throw new StartError(error.message, 'REFUSED');
    throw new StartError(`${file} cannot be read: ${errorText(error)}`, 'REFUSED', {
      cause: error,
    });
  }
}
