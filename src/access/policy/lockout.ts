/**
 * The lock-out safety check: could whoever puts this key policy put another one after it?
 * Source: AWS KMS API Reference, PutKeyPolicy, BypassPolicyLockoutSafetyCheck.
 */
import { kmsException } from '../../api/exceptions.ts';
import type { Principal } from '../principal.ts';
import { compilePolicy } from './compile.ts';
import { decide, type Policies } from './decide.ts';
import type { PolicyDocument } from './document.ts';
import { principalValue } from './principal-context.ts';
import type { ConditionContext } from './request.ts';

export interface LockoutQuestion {
  readonly policy: PolicyDocument;
  readonly principal: Principal;
  readonly keyArn: string;
  /** What else applies to the caller: its IAM policies, for a key policy that leaves it to the account. */
  readonly policies?: Omit<Policies, 'key' | 'grant'> | undefined;
  /** Of the request. Absent: what the principal brings along, since a later request may have nothing else. */
  readonly context?: ConditionContext | undefined;
}

/** @throws KmsException MalformedPolicyDocumentException */
export function checkLockout({ policy, principal, keyArn, ...more }: LockoutQuestion): void {
  const { accountId } = principal;
  const context = more.context ?? { get: (key: string) => principalValue(principal, key) };
  const resource = { kind: 'key', arn: keyArn, accountId } as const;
  const request = { principal, action: 'kms:PutKeyPolicy', resource, context };
  const policies = more.policies ?? { identity: [], scpLevels: [], rcpLevels: [] };
  const { allowed } = decide(
    { ...request, crossAccountCapable: false },
    { ...policies, key: compilePolicy(policy), grant: 'none' },
  );
  if (!allowed)
    throw kmsException(
      'MalformedPolicyDocumentException',
      'The new key policy will not allow you to update the key policy in the future.',
    );
}

/** Whether an account, user or role is there: asked of every principal of type AWS. Absent: all of them are. */
export type PrincipalExists = (arn: string) => boolean;

/** @throws KmsException MalformedPolicyDocumentException for a policy that names who is not there */
export function checkPrincipalsExist(policy: PolicyDocument, exists: PrincipalExists): void {
  for (const { principals } of policy.statements)
    for (const name of principals?.aws ?? [])
      if (name !== '*' && !exists(name))
        throw kmsException(
          'MalformedPolicyDocumentException',
          'Policy contains a statement with one or more invalid principals.',
        );
}
