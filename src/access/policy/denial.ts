/**
 * What a caller reads who may not: AWS's texts.
 * Source: AWS IAM User Guide, "Troubleshoot access denied error messages"; recorded messages of KMS.
 */
import { kmsException } from '../../api/exceptions.ts';
import type { Decision, DenyingKind } from './decide.ts';
import type { AccessRequest } from './request.ts';

const kindNames: Readonly<Record<DenyingKind, string>> = {
  key: 'resource-based policy',
  identity: 'identity-based policy',
  boundary: 'permissions boundary',
  session: 'session policy',
  scp: 'service control policy',
  rcp: 'resource control policy',
  endpoint: 'VPC endpoint policy',
};

export type Denied = Extract<Decision, { allowed: false }>;

export function denialMessage(request: AccessRequest, denied: Denied): string {
  const { principal, action, resource } = request;
  const who = `User: ${principal.arn} is not authorized to perform: ${action} on`;
  if (denied.hidden)
    return `${who} this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access`;
  const name = kindNames[denied.policy];
  const what = `${who} resource: ${resource.arn ?? '*'}`;
  if (!denied.explicit) return `${what} because no ${name} allows the ${action} action`;
  return `${what} with an explicit deny in ${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}`;
}

/** AccessDeniedException with its text. */
export function accessDenied(request: AccessRequest, denied: Denied): Error {
  return kmsException('AccessDeniedException', denialMessage(request, denied));
}
