/**
 * What a schema cannot say of the declarative file: names lead somewhere, nothing is there twice, policies have the form
 * and length of their kind.
 * Source: AWS IAM User Guide, "IAM and AWS STS quotas".
 */
import { isObject } from '../values/unknown.ts';
import type {
  AccessKeyEntry,
  AccountDocument,
  ConfigDocument,
  GroupDocument,
  OrganizationDocument,
  PolicyValue,
  UnitDocument,
} from './document.ts';
import { policyText, resolvePolicyName } from './policies.ts';

/** @param onName the trouble is the member's name, not its value */
export type Report = (
  path: readonly (string | number)[],
  message: string,
  onName?: boolean,
) => void;

/** Characters without white space. */
const lengthMax = {
  user: 2048,
  role: 10_240,
  group: 5120,
  managed: 6144,
  trust: 2048,
  control: 5120,
};

export function checkReferences(config: ConfigDocument, report: Report): void {
  const accessKeyIds = new Set<string>();
  const profiles = new Set<string>();
  const checkKeys = (entries: readonly AccessKeyEntry[], path: readonly string[]): void => {
    for (const [index, { id, profile }] of entries.entries()) {
      const each = [...path, 'accessKeys', index];
      if (id !== undefined && accessKeyIds.has(id))
        report([...each, 'id'], 'another access key has this id');
      if (id !== undefined) accessKeyIds.add(id);
      if (id !== undefined && profile !== undefined)
        report([...each, 'profile'], 'a key that is given is not written anywhere');
      if (profile !== undefined && profiles.has(profile))
        report([...each, 'profile'], 'another access key has this profile');
      if (profile !== undefined) profiles.add(profile);
    }
    const generated = entries.filter(({ id, profile }) => (id ?? profile) === undefined);
    if (generated.length > 1)
      report([...path, 'accessKeys'], 'of two generated keys one needs a profile of its own');
  };
  for (const [accountId, account] of Object.entries(config.accounts ?? {})) {
    const path = ['accounts', accountId];
    checkKeys(account.root?.accessKeys ?? [], [...path, 'root']);
    for (const [name, user] of Object.entries(account.users ?? {})) {
      checkKeys(user.accessKeys ?? [], [...path, 'users', name]);
      for (const [index, group] of (user.groups ?? []).entries())
        if (account.groups === undefined || !Object.hasOwn(account.groups, group))
          report([...path, 'users', name, 'groups', index], 'the account has no such group');
    }
    checkAccount(accountId, account, path, report);
  }
  const members = new Set<string>();
  for (const [index, organization] of (config.organizations ?? []).entries())
    checkOrganization(organization, ['organizations', index], members, report);
}

function checkAccount(
  accountId: string,
  account: AccountDocument,
  path: readonly string[],
  report: Report,
): void {
  checkPolicies(account.policies, [...path, 'policies'], lengthMax.managed, report);
  const attached = (
    kind: 'users' | 'roles' | 'groups',
    entries: Readonly<Record<string, GroupDocument & { readonly permissionsBoundary?: string }>>,
    inlineMax: number,
  ): void => {
    const names = new Map<string, string>();
    for (const [name, entry] of Object.entries(entries)) {
      const each = [...path, kind, name];
      // IAM's names differ in more than case.
      const namesake = names.get(name.toLowerCase());
      if (namesake !== undefined) report(each, 'another name differs from it in case only', true);
      names.set(name.toLowerCase(), name);
      for (const [index, policy] of (entry.policies ?? []).entries())
        if (resolvePolicyName(policy, accountId, account) === undefined)
          report([...each, 'policies', index], 'there is no such managed policy');
      const { permissionsBoundary: boundary } = entry;
      if (boundary !== undefined && resolvePolicyName(boundary, accountId, account) === undefined)
        report([...each, 'permissionsBoundary'], 'there is no such managed policy');
      checkPolicies(entry.inlinePolicies, [...each, 'inlinePolicies'], inlineMax, report);
    }
  };
  attached('users', account.users ?? {}, lengthMax.user);
  attached('roles', account.roles ?? {}, lengthMax.role);
  attached('groups', account.groups ?? {}, lengthMax.group);
  for (const [name, role] of Object.entries(account.roles ?? {}))
    checkPolicy(role.trustPolicy, [...path, 'roles', name, 'trustPolicy'], lengthMax.trust, report);
}

function checkOrganization(
  { root, managementAccount }: OrganizationDocument,
  path: readonly (string | number)[],
  members: Set<string>,
  report: Report,
): void {
  let hasManagement = false;
  const walk = (unit: UnitDocument, at: readonly (string | number)[]): void => {
    checkLimits(unit, at, report);
    for (const [accountId, limits] of Object.entries(unit.accounts ?? {})) {
      const each = [...at, 'accounts', accountId];
      if (members.has(accountId)) report(each, 'the account is in a unit already', true);
      members.add(accountId);
      hasManagement ||= accountId === managementAccount;
      checkLimits(limits ?? {}, each, report);
    }
    for (const [index, inner] of (unit.units ?? []).entries()) walk(inner, [...at, 'units', index]);
  };
  walk(root, [...path, 'root']);
  if (!hasManagement) report([...path, 'managementAccount'], 'the account is in no unit');
}

function checkLimits(
  limits: Pick<UnitDocument, 'serviceControlPolicies' | 'resourceControlPolicies'>,
  at: readonly (string | number)[],
  report: Report,
): void {
  for (const kind of ['serviceControlPolicies', 'resourceControlPolicies'] as const)
    checkPolicies(limits[kind], [...at, kind], lengthMax.control, report);
}

function checkPolicies(
  policies: Readonly<Record<string, PolicyValue>> = {},
  path: readonly (string | number)[],
  max: number,
  report: Report,
): void {
  for (const [name, value] of Object.entries(policies))
    checkPolicy(value, [...path, name], max, report);
}

function checkPolicy(
  value: PolicyValue,
  path: readonly (string | number)[],
  max: number,
  report: Report,
): void {
  const text = policyText(value);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    report(path, 'the policy is not valid JSON');
    return;
  }
  if (!isObject(parsed) || parsed.Statement === undefined)
    report(path, 'the policy has no Statement');
  const { length } = text.replace(/\s/g, '');
  if (length > max) report(path, `the policy has ${length} characters, and ${max} are allowed`);
}
