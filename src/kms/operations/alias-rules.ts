/** What the operations that make, move and delete aliases ask, beyond the shapes. */
import { kmsException } from '../../api/exceptions.ts';
import type { KmsKey } from '../keys/key-record.ts';

const prefix = 'alias/';
const aliasCountMax = 50;

/**
 * @param aliasName as the shape leaves it: letters, digits and `:/_-`
 * @throws ValidationException; NotAuthorizedException for the names that AWS keeps for its own keys
 */
export function checkAliasName(aliasName: string): void {
  if (!aliasName.startsWith(prefix))
    throw kmsException(
      'ValidationException',
      'Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html',
    );
  if (aliasName.startsWith('alias/aws/')) throw kmsException('NotAuthorizedException');
}

/**
 * For a name that is to be: the shape allows more than an alias can have.
 * @throws ValidationException, InvalidAliasNameException, NotAuthorizedException
 */
export function checkNewAliasName(aliasName: string): void {
  checkAliasName(aliasName);
  if (aliasName === prefix) throw kmsException('InvalidAliasNameException');
  if (aliasName.includes(':'))
    throw kmsException(
      'ValidationException',
      `${aliasName} contains invalid characters for an alias`,
    );
}

/** @throws ValidationException for a target that is an alias itself */
export function checkTarget(targetKeyId: string): void {
  if (targetKeyId.startsWith(prefix))
    throw kmsException('ValidationException', 'Aliases must refer to keys. Not aliases');
}

/** @throws LimitExceededException when there is no room for one more */
export function checkAliasQuota({ aliases: { length } }: KmsKey): void {
  if (length >= aliasCountMax)
    throw kmsException(
      'LimitExceededException',
      `Aliases per key quota for this account in this region is ${aliasCountMax}, current usage is ${length}.`,
    );
}
