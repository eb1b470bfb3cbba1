/**
 * Whether a statement's Principal covers a caller, and how: an Allow that names a user directly gives more than one that
 * names the account, which only lets the account's IAM policies give.
 * Source: AWS IAM User Guide, "AWS JSON policy elements: Principal", "NotPrincipal"; AWS KMS Developer Guide, "Key policies".
 */
import type { PrincipalPatterns } from './document.ts';
import type { Caller } from './request.ts';

/** How a caller is covered, the weakest first: not at all, by account, by role, by `*`, by its own ARN or name. */
export const level = { none: 0, account: 1, role: 2, any: 3, direct: 4 } as const;
export type Level = (typeof level)[keyof typeof level];

/** What policies know a caller by. */
interface Names {
  /** A user's, a session's; undefined of a root, which is its account. */
  readonly arn: string | undefined;
  /** AIDA of a user: stands in a policy after the user is gone. */
  readonly userId: string | undefined;
  readonly roleArn: string | undefined;
  readonly roleId: string | undefined;
}

const known = new WeakMap<Caller, Names>();

function namesOf(caller: Caller): Names {
  const found = known.get(caller);
  if (found !== undefined) return found;
  const isUser = caller.type === 'IAMUser';
  const isSession = caller.type === 'AssumedRole';
  const names: Names = {
    arn: caller.type === 'Root' ? undefined : caller.arn,
    userId: isUser ? caller.userId : undefined,
    roleArn: isSession ? caller.roleArn : undefined,
    roleId: isSession ? caller.userId.slice(0, caller.userId.indexOf(':')) : undefined,
  };
  known.set(caller, names);
  return names;
}

export interface CompiledPrincipals {
  readonly isNegated: boolean;
  readonly isAnyone: boolean;
  /** 12-digit ids. */
  readonly accounts: ReadonlySet<string>;
  /** ARNs and unique ids of users, roles and sessions. */
  readonly named: ReadonlySet<string>;
  readonly services: ReadonlySet<string>;
}

const rootForm = /^(?:arn:aws[a-z-]*:iam::)?([0-9]{12})(?::root)?$/;

export function compilePrincipals(patterns: PrincipalPatterns): CompiledPrincipals {
  const accounts = new Set<string>();
  const named = new Set<string>();
  for (const pattern of patterns.aws) {
    const account = rootForm.exec(pattern)?.[1];
    if (account === undefined) named.add(pattern);
    else accounts.add(account);
  }
  return {
    isNegated: patterns.isNegated,
    isAnyone: named.delete('*'),
    accounts,
    named,
    services: new Set(patterns.service),
  };
}

function has(named: ReadonlySet<string>, name: string | undefined): boolean {
  return name !== undefined && named.has(name);
}

function positiveLevel(principals: CompiledPrincipals, caller: Caller): Level {
  if (caller.type === 'AWSService') {
    if (principals.services.has(caller.arn)) return level.direct;
    return principals.isAnyone ? level.any : level.none;
  }
  if (principals.named.size > 0) {
    const names = namesOf(caller);
    if (has(principals.named, names.arn) || has(principals.named, names.userId))
      return level.direct;
    if (principals.isAnyone) return level.any;
    if (has(principals.named, names.roleArn) || has(principals.named, names.roleId))
      return level.role;
  }
  if (principals.isAnyone) return level.any;
  return principals.accounts.has(caller.accountId) ? level.account : level.none;
}

/**
 * NotPrincipal of a Deny: a caller escapes when all that it is, is listed: itself, its role, its account.
 */
function escapesDeny(principals: CompiledPrincipals, caller: Caller): boolean {
  if (principals.isAnyone) return true;
  if (caller.type === 'AWSService') return principals.services.has(caller.arn);
  if (!principals.accounts.has(caller.accountId)) return false;
  const { named } = principals;
  const { arn, userId, roleArn, roleId } = namesOf(caller);
  const isListed = arn === undefined || named.has(arn) || has(named, userId);
  return isListed && (roleArn === undefined || named.has(roleArn) || has(named, roleId));
}

/**
 * @param isDeny NotPrincipal of a Deny covers everyone not wholly listed; that of an Allow, everyone of whom nothing is
 */
export function coveredLevel(
  principals: CompiledPrincipals,
  caller: Caller,
  isDeny: boolean,
): Level {
  if (!principals.isNegated) return positiveLevel(principals, caller);
  const isExcepted = isDeny
    ? escapesDeny(principals, caller)
    : positiveLevel(principals, caller) !== level.none;
  return isExcepted ? level.none : level.any;
}
