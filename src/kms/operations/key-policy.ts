/**
 * The key policy of a request or of a key. There is one for each key, and its name is `default`.
 *
 * Policies are stored and checked, and NOT ENFORCED: whatever they say, the account's root may do everything
 * with the account's keys, and nobody else anything. Enforcement comes with access control.
 */

import { type PolicyDocument, parsePolicy } from '../../access/policy/document.ts';
import { checkLockout as checkPolicyLockout } from '../../access/policy/lockout.ts';
import type { Principal } from '../../access/principal.ts';
import { kmsException } from '../../api/exceptions.ts';
import { partitionOf } from '../keys/key-arn.ts';
import type { KeyRecord } from '../keys/key-record.ts';

export const policyName = 'default';

/** @throws NotFoundException for every other name. Absent means the one that there is. */
export function checkPolicyName(name: string | undefined): void {
  if (name !== undefined && name !== policyName)
    throw kmsException('NotFoundException', 'No such policy exists');
}

/** @throws LimitExceededException, MalformedPolicyDocumentException, InvalidArnException */
export function readPolicy(text: string): PolicyDocument {
  return parsePolicy(text, 'key');
}

/**
 * Refuses a policy under which the caller could not put another one.
 * @throws MalformedPolicyDocumentException
 */
export function checkLockout(policy: PolicyDocument, principal: Principal, keyArn: string): void {
  checkPolicyLockout({ policy, principal, keyArn });
}

/** The policy of a key as GetKeyPolicy answers it. */
export function policyText({ policy, region, accountId }: KeyRecord): string {
  return policy ?? defaultPolicy(region, accountId);
}

/** What a key has that was made without a policy: the account may do everything. Spaced as AWS does. */
function defaultPolicy(region: string, accountId: string): string {
  return `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:${partitionOf(region)}:iam::${accountId}:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`;
}
