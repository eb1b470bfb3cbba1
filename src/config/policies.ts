/** Policies of the declarative file: their text, and what names of managed ones lead to. */
import type { NamedPolicy } from '../access/directory.ts';
import type { AccountDocument, PolicyValue } from './document.ts';

const allow = (name: string, action: string | readonly string[]): NamedPolicy => ({
  name,
  text: JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: action, Resource: '*' }],
  }),
});

export const administrator: NamedPolicy = allow('arn:aws:iam::aws:policy/AdministratorAccess', '*');

/** A session policy of an action that there is not. */
export const allowsNothing: NamedPolicy = allow('no session policy', 'none:None');

/** AWS managed policies that are here; others are absent, and a file that names one is refused. */
const awsManaged: ReadonlyMap<string, NamedPolicy> = new Map(
  [administrator].map((policy) => [policy.name, policy]),
);

/** What a unit or account has that names no policies of a kind: it takes nothing away. */
export const fullAccess: {
  readonly serviceControl: NamedPolicy;
  readonly resourceControl: NamedPolicy;
} = {
  serviceControl: allow(
    'arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess',
    '*',
  ),
  resourceControl: {
    name: 'arn:aws:organizations::aws:policy/resource_control_policy/p-RCPFullAWSAccess',
    text: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }],
    }),
  },
};

/** JSON. */
export const policyText = (value: PolicyValue): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

/** @param name of an account's policy, or an ARN: the account's own or AWS's. @returns undefined: there is none */
export function resolvePolicyName(
  name: string,
  accountId: string,
  { policies = {} }: AccountDocument,
): NamedPolicy | undefined {
  const prefix = `arn:aws:iam::${accountId}:policy/`;
  if (name.startsWith('arn:') && !name.startsWith(prefix)) return awsManaged.get(name);
  const own = name.startsWith(prefix) ? name.slice(prefix.length) : name;
  if (!Object.hasOwn(policies, own)) return undefined;
  return { name: `${prefix}${own}`, text: policyText(policies[own]!) };
}
