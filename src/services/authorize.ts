/** May a caller of STS or IAM do what it asks for? By the same engine that decides about keys. */

import type { RoleEntry } from '../access/directory.ts';
import { decide } from '../access/policy/decide.ts';
import { denialMessage } from '../access/policy/denial.ts';
import { principalValue } from '../access/policy/principal-context.ts';
import type { AccessRequest, ConditionContext } from '../access/policy/request.ts';
import { compiledPolicy, policiesFor } from '../access/principal-policies.ts';
import type { Call } from './action.ts';
import { denied } from './query.ts';

const tagPrefix = 'aws:principaltag/';

/** @param values by condition key, lower-case: what the request itself says */
function contextOf(
  { principal, directory, nowMs, region, sourceAddress, userAgent }: Call,
  values: ReadonlyMap<string, string | readonly string[]>,
): ConditionContext {
  const general = (key: string): string | undefined => {
    switch (key) {
      case 'aws:currenttime':
        return new Date(nowMs).toISOString();
      case 'aws:epochtime':
        return String(Math.floor(nowMs / 1000));
      case 'aws:requestedregion':
        return region;
      case 'aws:sourceip':
        return sourceAddress;
      case 'aws:useragent':
        return userAgent;
      case 'aws:principalorgid':
        return directory?.organizationOf(principal.accountId)?.id;
      case 'aws:viaawsservice':
        return 'false';
      default:
        return key.startsWith(tagPrefix) ? ownTag(key.slice(tagPrefix.length)) : undefined;
    }
  };
  const ownTag = (name: string): string | undefined => {
    const tags = directory?.tagsOf(principal) ?? [];
    return [...tags].find(([each]) => each.toLowerCase() === name)?.[1];
  };
  return { get: (key) => values.get(key) ?? principalValue(principal, key) ?? general(key) };
}

const nothing: ReadonlyMap<string, string> = new Map();

/**
 * What identity policies alone decide.
 * @throws QueryError AccessDenied
 */
export function checkAllowed(call: Call, action: string, arn: string): void {
  const { principal, directory } = call;
  const { accountId } = principal;
  const request: AccessRequest = {
    principal,
    action,
    // As the alias side of alias actions: an ARN that no policy of its own speaks for.
    resource: { kind: 'alias', arn, accountId },
    crossAccountCapable: false,
    context: contextOf(call, nothing),
  };
  const policies = policiesFor(directory, principal, accountId);
  const decision = decide(request, { ...policies, grant: 'none' });
  if (!decision.allowed) throw denied(denialMessage(request, decision));
}

/**
 * What a role's trust policy decides, as a key policy does about a key: alone for those of its account whom it names,
 * else together with identity policies.
 * @param role undefined: there is none, which the caller does not learn
 * @param values what conditions see of the request, by condition key, lower-case
 * @returns the role
 * @throws QueryError AccessDenied
 */
export function checkTrusted(
  call: Call,
  action: string,
  { arn, accountId, role }: { arn: string; accountId: string; role: RoleEntry | undefined },
  values: ReadonlyMap<string, string | readonly string[]>,
): RoleEntry {
  const { principal, directory } = call;
  if (role !== undefined) {
    const request: AccessRequest = {
      principal,
      action,
      resource: { kind: 'key', arn, accountId },
      crossAccountCapable: true,
      context: contextOf(call, values),
    };
    const key = compiledPolicy(role.trustPolicy, 'trust');
    const policies = policiesFor(directory, principal, accountId);
    if (decide(request, { ...policies, key, grant: 'none' }).allowed) return role;
  }
  throw denied(
    `User: ${principal.arn} is not authorized to perform: ${action} on resource: ${arn}`,
  );
}
