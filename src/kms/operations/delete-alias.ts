/**
 * DeleteAlias: takes a name from its KMS key, which stays as it is.
 * Source: AWS KMS API Reference, DeleteAlias.
 * Errors beyond the shared ones: NotAuthorizedException for a name of AWS's.
 */
import { StoreConflictError } from '../../store/metadata-store.ts';
import { aliasArn } from '../keys/key-arn.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { checkAliasName } from './alias-rules.ts';
import { retried } from './change.ts';

export const deleteAlias: Operation<'DeleteAlias'> = defineOperation({
  name: 'DeleteAlias',
  key: { member: 'AliasName', alias: true },
  action: 'kms:DeleteAlias',
  audit: { readOnly: false, parameters: ['AliasName'], never: [] },
  prepare({ AliasName: aliasName }) {
    checkAliasName(aliasName);
    return aliasName;
  },
  run: (request) =>
    retried(request, async ({ prepared: aliasName, key, aliases, accountId, region, commit }) => {
      const alias = await aliases.find(accountId, aliasName);
      if (alias?.targetKeyId !== key.keyId) throw new StoreConflictError('the alias has moved');
      const resources = [aliasArn(region, accountId, aliasName), key.arn];
      const success = { responseElements: { KeyId: key.arn }, resources };
      await commit(success, (audit) => aliases.delete(alias, key, audit));
      return undefined;
    }),
});
