/**
 * UpdateAlias: points an alias to another KMS key of the same kind. The old key may be in any state.
 * Source: AWS KMS API Reference, UpdateAlias.
 * Errors beyond the shared ones: LimitExceededException, NotAuthorizedException for a name of AWS's.
 */
import { kmsException } from '../../api/exceptions.ts';
import { StoreConflictError } from '../../store/metadata-store.ts';
import { aliasArn } from '../keys/key-arn.ts';
import type { KeyRecord } from '../keys/key-record.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { checkAliasName, checkAliasQuota, checkTarget } from './alias-rules.ts';
import { retried } from './change.ts';

export const updateAlias: Operation<'UpdateAlias'> = defineOperation({
  name: 'UpdateAlias',
  key: { member: 'AliasName', alias: true, anyState: true },
  destination: { member: 'TargetKeyId', alias: false },
  action: 'kms:UpdateAlias',
  audit: { readOnly: false, parameters: ['AliasName', 'TargetKeyId'], never: [] },
  prepare({ AliasName: aliasName, TargetKeyId: targetKeyId }) {
    checkAliasName(aliasName);
    checkTarget(targetKeyId);
    return aliasName;
  },
  check({ AliasName: aliasName }, from, to) {
    requireSame(aliasName, 'key usage', from.keyUsage, to.keyUsage);
    requireSame(aliasName, 'key type', keyType(from), keyType(to));
    if (from.keyId !== to.keyId) checkAliasQuota(to);
  },
  run: (request) =>
    retried(request, async ({ prepared: aliasName, key, destination, ...rest }) => {
      const { aliases, accountId, region, nowMs, commit } = rest;
      const alias = await aliases.find(accountId, aliasName);
      if (alias?.targetKeyId !== key.keyId) throw new StoreConflictError('the alias has moved');
      const resources = [
        ...new Set([key.arn, destination.arn]),
        aliasArn(region, accountId, aliasName),
      ];
      const success = { responseElements: { KeyId: destination.arn }, resources };
      await commit(success, (audit) => aliases.retarget(alias, key, destination, nowMs, audit));
      return undefined;
    }),
});

function keyType({ keySpec }: KeyRecord): string {
  if (keySpec === 'SYMMETRIC_DEFAULT') return 'symmetric';
  return keySpec.startsWith('HMAC_') ? 'HMAC' : 'asymmetric';
}

/** @throws ValidationException */
function requireSame(aliasName: string, what: string, from: string, to: string): void {
  if (from !== to)
    throw kmsException(
      'ValidationException',
      `Alias ${aliasName} cannot be changed from a CMK with ${what} ${from} to a CMK with ${what} ${to}. The ${what} of the current CMK and the new CMK must be the same.`,
    );
}
