/**
 * CreateAlias: a name for a KMS key of the same account and Region.
 * Source: AWS KMS API Reference, CreateAlias.
 * Errors beyond the shared ones: AlreadyExistsException, InvalidAliasNameException, LimitExceededException,
 * NotAuthorizedException for a name of AWS's.
 */
import { kmsException } from '../../api/exceptions.ts';
import { aliasArn } from '../keys/key-arn.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { checkAliasQuota, checkNewAliasName, checkTarget } from './alias-rules.ts';
import { retried } from './change.ts';

export const createAlias: Operation<'CreateAlias'> = defineOperation({
  name: 'CreateAlias',
  key: { member: 'TargetKeyId', alias: false },
  action: 'kms:CreateAlias',
  audit: { readOnly: false, parameters: ['AliasName', 'TargetKeyId'], never: [] },
  prepare({ AliasName: aliasName, TargetKeyId: targetKeyId }) {
    checkNewAliasName(aliasName);
    checkTarget(targetKeyId);
    return aliasName;
  },
  run: (request) =>
    retried(request, async ({ prepared: aliasName, key, aliases, nowMs, commit }) => {
      const arn = aliasArn(key.region, key.accountId, aliasName);
      if ((await aliases.find(key.accountId, aliasName)) !== undefined)
        throw kmsException(
          'AlreadyExistsException',
          `An alias with the name ${arn} already exists`,
        );
      checkAliasQuota(key);
      const success = { responseElements: { KeyId: key.arn }, resources: [key.arn, arn] };
      await commit(success, (audit) => aliases.create(aliasName, key, nowMs, audit));
      return undefined;
    }),
});
