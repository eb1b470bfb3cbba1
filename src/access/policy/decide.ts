/**
 * The decision: may this caller do this, by all policies and grants that apply? Pure: the same answer for the same
 * request, policies and context. Nothing is allocated for a decision without conditions or variables.
 *
 * Sources: AWS IAM User Guide, "Policy evaluation logic"; AWS KMS Developer Guide, "Troubleshooting key access",
 * "Allowing users in other accounts to use a KMS key", "Grants in AWS KMS".
 */
import {
  type CompiledCondition,
  type CompiledPolicy,
  type CompiledStatement,
  conditionHolds,
  coversAction,
  coversResource,
} from './compile.ts';
import type { PolicyKind } from './document.ts';
import { coveredLevel, type Level, level } from './principals.ts';
import type { AccessRequest } from './request.ts';

/**
 * How a live grant (or one whose token is presented) covers caller, operation and constraints: by an ARN of what kind
 * its grantee is named.
 */
export type GrantCoverage = 'none' | 'user' | 'session' | 'service' | 'role' | 'account';

/** Everything that bears on a request; absent: no such policy, which never hinders but for `key`. */
export interface Policies {
  /** The key's; for resources of other kinds it is not looked at. */
  readonly key?: CompiledPolicy | undefined;
  /** All of the caller's (of a role session the role's, of a user its groups' too). */
  readonly identity: readonly CompiledPolicy[];
  readonly boundary?: CompiledPolicy | undefined;
  /** One that allows is enough; undefined or none: the session has no policies. */
  readonly session?: readonly CompiledPolicy[] | undefined;
  /** Root, organisational units, account: each level must have a policy that allows. None: no organisation. */
  readonly scpLevels: readonly (readonly CompiledPolicy[])[];
  /** Of the resource's account. */
  readonly rcpLevels: readonly (readonly CompiledPolicy[])[];
  /** Of the VPC endpoint the request came through. */
  readonly endpoint?: CompiledPolicy | undefined;
  readonly grant: GrantCoverage;
}

/** Kinds of policy that a denial may be because of. */
export type DenyingKind = Exclude<PolicyKind, 'trust'>;

export type Decision =
  | { readonly allowed: true; readonly by: 'grant' | 'key' | 'identity' }
  | {
      readonly allowed: false;
      /** A Deny applies, of whatever policy; otherwise nothing allows. */
      readonly explicit: boolean;
      /** The policy that the message names. */
      readonly policy: DenyingKind;
      /** The key is another account's and says nothing for the caller, who must not learn whether it exists. */
      readonly hidden: boolean;
    };

type Denied = Extract<Decision, { allowed: false }>;

const denyingKinds: readonly DenyingKind[] = [
  ...(['key', 'identity', 'boundary', 'session', 'scp', 'rcp', 'endpoint'] as const),
];

function denials(explicit: boolean, hidden: boolean): Readonly<Record<DenyingKind, Denied>> {
  const entries = denyingKinds.map((policy) => [
    policy,
    { allowed: false, explicit, policy, hidden },
  ]);
  return Object.fromEntries(entries) as Record<DenyingKind, Denied>;
}

const explicitly = { hidden: denials(true, true), shown: denials(true, false) };
const implicitly = { hidden: denials(false, true), shown: denials(false, false) };
const allowedBy = {
  grant: { allowed: true, by: 'grant' },
  key: { allowed: true, by: 'key' },
  identity: { allowed: true, by: 'identity' },
} as const satisfies Record<string, Decision>;

/** Told of each statement whose principal, action and resource are those of the request. */
export type Tracer = (
  policy: CompiledPolicy,
  statement: CompiledStatement,
  coverage: Level,
  failed: readonly CompiledCondition[],
) => void;

/** What a policy or several say: DENY, or the highest level they allow at. */
type Verdict = typeof DENY | Level;
const DENY = -1;

interface Question {
  readonly request: AccessRequest;
  /** Lower-case. */
  readonly action: string;
  /** An ARN, or `*` for none. */
  readonly resource: string;
  readonly trace: Tracer | undefined;
}

function conditionsHold(statement: CompiledStatement, { context }: AccessRequest): boolean {
  for (const condition of statement.conditions)
    if (!conditionHolds(condition, context)) return false;
  return true;
}

function verdictOf(policy: CompiledPolicy, question: Question): Verdict {
  if (policy.isUnreadable) return DENY;
  const { request, action, resource, trace } = question;
  let verdict: Verdict = level.none;
  for (const statement of policy.statements) {
    const isDeny = statement.effect === 'Deny';
    const coverage =
      statement.principals === undefined
        ? level.any
        : coveredLevel(statement.principals, request.principal, isDeny);
    if (coverage === level.none || !coversAction(statement, action)) continue;
    if (!coversResource(statement, resource, request.context)) continue;
    if (trace !== undefined) {
      const failed = statement.conditions.filter((one) => !conditionHolds(one, request.context));
      trace(policy, statement, coverage, failed);
    }
    if (!conditionsHold(statement, request)) continue;
    if (isDeny) {
      if (trace === undefined) return DENY;
      verdict = DENY;
    } else if (verdict !== DENY && coverage > verdict) verdict = coverage;
  }
  return verdict;
}

/** Of policies that stand side by side: one that allows is enough, one that denies too. */
function verdictOfAny(policies: readonly CompiledPolicy[], question: Question): Verdict {
  let verdict: Verdict = level.none;
  for (const policy of policies) {
    const one = verdictOf(policy, question);
    if (one === DENY) verdict = DENY;
    else if (verdict !== DENY && one > verdict) verdict = one;
  }
  return verdict;
}

/** Of levels that must all allow. */
function verdictOfLevels(
  levels: readonly (readonly CompiledPolicy[])[],
  question: Question,
): Verdict {
  let verdict: Verdict = level.any;
  for (const policies of levels) {
    const one = verdictOfAny(policies, question);
    if (one < verdict) verdict = one;
  }
  return verdict;
}

/** A policy that may be absent, and then hinders nothing. */
function verdictOfLimit(policy: CompiledPolicy | undefined, question: Question): Verdict {
  return policy === undefined ? level.any : verdictOf(policy, question);
}

const grantLevels: Readonly<Record<GrantCoverage, Level>> = {
  none: level.none,
  user: level.direct,
  session: level.direct,
  service: level.direct,
  role: level.role,
  account: level.account,
};

export function decide(request: AccessRequest, policies: Policies, trace?: Tracer): Decision {
  const { principal, resource } = request;
  const question: Question = {
    request,
    action: request.action.toLowerCase(),
    resource: resource.arn ?? '*',
    trace,
  };
  const isKey = resource.kind === 'key';
  const isForeign = principal.type !== 'AWSService' && isElsewhere(principal.accountId, request);
  const key = isKey && policies.key ? verdictOf(policies.key, question) : level.none;
  const identity = verdictOfAny(policies.identity, question);
  const boundary = verdictOfLimit(policies.boundary, question);
  const { session: passed } = policies;
  const session = passed?.length ? verdictOfAny(passed, question) : level.any;
  const scp = verdictOfLevels(policies.scpLevels, question);
  const rcp = verdictOfLevels(policies.rcpLevels, question);
  const endpoint = verdictOfLimit(policies.endpoint, question);

  const isReachable = !isForeign || (isKey && request.crossAccountCapable);
  const granted = isKey ? grantLevels[policies.grant] : level.none;
  const isNamed = isReachable && (key > level.none || (granted > level.none && key !== DENY));
  const view = isForeign && !isNamed ? 'hidden' : 'shown';

  const explicit = explicitly[view];
  if (key === DENY) return explicit.key;
  if (identity === DENY) return explicit.identity;
  if (boundary === DENY) return explicit.boundary;
  if (session === DENY) return explicit.session;
  if (scp === DENY) return explicit.scp;
  if (rcp === DENY) return explicit.rcp;
  if (endpoint === DENY) return explicit.endpoint;

  const implicit = implicitly[view];
  const decision = decideByAllows();
  if (!decision.allowed) return decision;
  if (scp === level.none) return implicit.scp;
  if (rcp === level.none) return implicit.rcp;
  if (endpoint === level.none) return implicit.endpoint;
  return decision;

  function decideByAllows(): Decision {
    if (!isReachable) return implicit.key;
    const byIdentity = identity > level.none || principal.type === 'Root';
    if (!isKey) return byIdentity ? withinLimits(allowedBy.identity) : implicit.identity;
    if (granted === level.direct) return allowedBy.grant;
    if (granted === level.role && boundary > level.none && session > level.none)
      return allowedBy.grant;
    if (!isForeign && key >= level.any) return allowedBy.key;
    if (!isForeign && key === level.role) return withinLimits(allowedBy.key);
    if (granted === level.none && key === level.none) return implicit.key;
    if (granted === level.role && key === level.none) return withinLimits(allowedBy.grant);
    if (!byIdentity) return implicit.identity;
    return withinLimits(key === level.none ? allowedBy.grant : allowedBy.identity);
  }

  function withinLimits(decision: Decision): Decision {
    if (boundary === level.none) return implicit.boundary;
    return session === level.none ? implicit.session : decision;
  }
}

function isElsewhere(accountId: string, { resource }: AccessRequest): boolean {
  return resource.kind !== 'none' && resource.accountId !== accountId;
}
