/**
 * The condition keys that a caller brings along, whatever the request.
 * Source: AWS IAM User Guide, "AWS global condition context keys"; AWS KMS Developer Guide, kms:CallerAccount.
 */
import type { Principal, SessionFacts } from '../principal.ts';
import type { Caller } from './request.ts';

const types: Readonly<Record<Principal['type'], string>> = {
  Root: 'Account',
  IAMUser: 'User',
  AssumedRole: 'AssumedRole',
  FederatedUser: 'FederatedUser',
};

function sessionValue(session: SessionFacts, key: string): string | undefined {
  switch (key) {
    case 'aws:tokenissuetime':
      return new Date(session.issuedAtMs).toISOString();
    case 'aws:multifactorauthpresent':
      return String(session.mfaAuthenticated);
    case 'aws:sourceidentity':
      return session.sourceIdentity;
    default:
      return undefined;
  }
}

const tagPrefix = 'aws:principaltag/';

/** Tag keys are compared without their case, as all of a condition key. */
function sessionTag(session: SessionFacts, key: string): string | undefined {
  for (const [name, value] of session.tags)
    if (name.toLowerCase() === key.slice(tagPrefix.length)) return value;
  return undefined;
}

/**
 * @param key lower-case
 * @returns undefined for keys the caller does not have, those of users' and roles' own tags among them
 */
export function principalValue(caller: Caller, key: string): string | undefined {
  if (caller.type === 'AWSService') {
    if (key === 'aws:principalisawsservice') return 'true';
    return key === 'aws:principalservicename' ? caller.arn : undefined;
  }
  const session = 'session' in caller ? caller.session : undefined;
  switch (key) {
    case 'aws:principalarn':
      return caller.type === 'AssumedRole' ? caller.roleArn : caller.arn;
    case 'aws:principalaccount':
    case 'kms:calleraccount':
      return caller.accountId;
    case 'aws:principaltype':
      return types[caller.type];
    case 'aws:userid':
      return caller.userId;
    case 'aws:username':
      return caller.type === 'IAMUser' ? caller.userName : undefined;
    case 'aws:principalisawsservice':
      return 'false';
    default:
      if (session === undefined) return undefined;
      return key.startsWith(tagPrefix) ? sessionTag(session, key) : sessionValue(session, key);
  }
}
