/**
 * The directory: which accounts, users and roles there are, and which policies bound them. What decides requests asks it;
 * where it comes from (the declarative file, or nothing but root credentials) is not seen through it.
 */
import { createHash } from 'node:crypto';
import type { CredentialSource } from './credential-store.ts';
import type { Principal } from './principal.ts';

/** A policy of identities, limits or sessions. The same object as long as its text is the same. */
export interface NamedPolicy {
  /** ARN of a managed one, the name of an inline one. */
  readonly name: string;
  /** JSON. */
  readonly text: string;
}

/** What an identity is given, and what cuts it. */
export interface PrincipalPolicies {
  readonly identity: readonly NamedPolicy[];
  /** Absent: none is set. */
  readonly boundary?: NamedPolicy | undefined;
  /** Absent: none were passed. */
  readonly session?: readonly NamedPolicy[] | undefined;
}

/** Policies of an organisation, from its root down to the account: every level has to allow. */
export interface AccountLimits {
  /** Empty: the account is in no organisation, or is its management account. */
  readonly serviceControl: readonly (readonly NamedPolicy[])[];
  readonly resourceControl: readonly (readonly NamedPolicy[])[];
}

export interface Organization {
  /** `o-...` */
  readonly id: string;
  /** aws:PrincipalOrgPaths: `o-id/r-id/ou-id/` */
  readonly path: string;
}

/** A user or role. */
export interface Identified {
  readonly name: string;
  /** `/` or `/division/team/` */
  readonly path: string;
  readonly arn: string;
  /** `AIDA...` or `AROA...` */
  readonly id: string;
  readonly tags: ReadonlyMap<string, string>;
}

export interface UserEntry extends Identified {
  readonly boundary?: NamedPolicy | undefined;
}

export interface RoleEntry extends Identified {
  readonly description: string | undefined;
  /** Who may take the role: JSON. */
  readonly trustPolicy: NamedPolicy;
  /** Seconds. */
  readonly maxSessionDuration: number;
  readonly boundary?: NamedPolicy | undefined;
}

export interface Directory extends CredentialSource {
  /** Nothing for principals that are no longer there. */
  policiesOf(principal: Principal): PrincipalPolicies;
  limitsOf(accountId: string): AccountLimits;
  /** Undefined: in none. */
  organizationOf(accountId: string): Organization | undefined;
  /** Tags of the user or role; those of a session are in its facts. */
  tagsOf(principal: Principal): ReadonlyMap<string, string>;
  /** Whether an account (by root ARN), user or role is there. */
  exists(arn: string): boolean;
  /** `AIDA...` or `AROA...` of a user's or role's ARN. */
  idOf(arn: string): string | undefined;
  /** ARN of the user or role that has an id now. */
  arnOf(id: string): string | undefined;
  user(accountId: string, name: string): UserEntry | undefined;
  role(accountId: string, name: string): RoleEntry | undefined;
  /** By name. */
  roles(accountId: string): readonly RoleEntry[];
}

/** ARN of the root, user or role that a principal is, or is a session of. */
export function identityArn(principal: Principal): string {
  switch (principal.type) {
    case 'Root':
    case 'IAMUser':
      return principal.arn;
    case 'AssumedRole':
      return principal.roleArn;
    case 'FederatedUser':
      return principal.issuerArn;
  }
}

/** AWS's prefixes of unique ids. */
export type IdPrefix = 'AIDA' | 'AROA';

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * The unique id of a user or role: 21 characters, the same for the same account and name wherever and whenever the
 * directory is made. (In AWS a namesake made later has another one; here there is no "later" in a file.)
 */
export function uniqueId(prefix: IdPrefix, accountId: string, name: string): string {
  const digest = createHash('sha256').update(`${prefix}\0${accountId}\0${name}`).digest();
  let id: string = prefix;
  for (const octet of digest.subarray(0, 17)) id += base32[octet & 31];
  return id;
}

export const emptyTags: ReadonlyMap<string, string> = new Map();

/** Session policies of a principal as policies with a name. */
const sessionPolicies = new WeakMap<object, readonly NamedPolicy[]>();

export function sessionPoliciesOf({ session }: Principal): readonly NamedPolicy[] | undefined {
  if (session?.policies === undefined) return undefined;
  let named = sessionPolicies.get(session);
  if (named === undefined) {
    named = session.policies.map((text) => ({ name: 'session policy', text }));
    sessionPolicies.set(session, named);
  }
  return named;
}
