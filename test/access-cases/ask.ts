/** Puts a case to the engine. */
import { compilePolicy } from '../../src/access/policy/compile.ts';
import type { Policies } from '../../src/access/policy/decide.ts';
import { type PolicyKind, parsePolicy } from '../../src/access/policy/document.ts';
import { type AccessRequest, type Caller, fixedContext } from '../../src/access/policy/request.ts';
import {
  A,
  type AccessCase,
  ALIAS,
  B,
  type CallerName,
  KEY,
  type PolicyText,
  policyJson,
} from './case.ts';

const accessKeyId = 'AKIAIOSFODNN7EXAMPLE';
const session = {
  issuedAtMs: 0,
  expiresAtMs: 3_600_000,
  mfaAuthenticated: false,
  tags: new Map<string, string>(),
};

function user(accountId: string, userName: string, userId: string): Caller {
  const arn = `arn:aws:iam::${accountId}:user/${userName}`;
  return { type: 'IAMUser', accountId, arn, userId, userName, accessKeyId };
}

function root(accountId: string): Caller {
  const arn = `arn:aws:iam::${accountId}:root`;
  return { type: 'Root', accountId, arn, userId: accountId, accessKeyId };
}

function roleSession(roleName: string, path: string, roleId: string): Caller {
  return {
    type: 'AssumedRole',
    accountId: A,
    arn: `arn:aws:sts::${A}:assumed-role/${roleName}/s1`,
    userId: `${roleId}:s1`,
    accessKeyId,
    roleArn: `arn:aws:iam::${A}:role/${path}${roleName}`,
    roleName,
    sessionName: 's1',
    session,
  };
}

export const callers: Readonly<Record<CallerName, Caller>> = {
  alice: user(A, 'alice', 'AIDAALICEALICEALICE1'),
  bob: user(A, 'bob', 'AIDABOBBOBBOBBOBBOB1'),
  root: root(A),
  session: roleSession('App', 'team/', 'AROAAPPAPPAPPAPPAPP1'),
  otherSession: roleSession('AppX', '', 'AROAAPPXAPPXAPPXAPP1'),
  federated: {
    type: 'FederatedUser',
    accountId: A,
    arn: `arn:aws:sts::${A}:federated-user/fred`,
    userId: `${A}:fred`,
    accessKeyId,
    issuerArn: `arn:aws:iam::${A}:user/alice`,
    session,
  },
  foreignUser: user(B, 'bob', 'AIDAFOREIGNBOBFOREI1'),
  foreignRoot: root(B),
  service: { type: 'AWSService', arn: 's3.amazonaws.com', accountId: '' },
};

export function requestOf(one: AccessCase): AccessRequest {
  const kind = one.resource ?? 'key';
  const arn = { key: KEY, alias: ALIAS, none: undefined }[kind];
  return {
    principal: callers[one.caller],
    action: one.action ?? 'kms:Decrypt',
    resource: { kind, arn, accountId: kind === 'none' ? undefined : A },
    crossAccountCapable: one.crossAccountCapable ?? true,
    context: fixedContext(one.context ?? {}),
  };
}

export function policiesOf(one: AccessCase): Policies {
  const compiled = (kind: PolicyKind) => (policy: PolicyText) =>
    compilePolicy(parsePolicy(policyJson(policy), kind));
  const optional = (kind: PolicyKind, policy: PolicyText | undefined) =>
    policy && compiled(kind)(policy);
  return {
    key: optional('key', one.key),
    identity: one.identity === undefined ? [] : [compiled('identity')(one.identity)],
    boundary: optional('boundary', one.boundary),
    session: one.session && [compiled('session')(one.session)],
    scpLevels: (one.scp ?? []).map((policy) => [compiled('scp')(policy)]),
    rcpLevels: (one.rcp ?? []).map((policy) => [compiled('rcp')(policy)]),
    endpoint: optional('endpoint', one.endpoint),
    grant: one.grant ?? 'none',
  };
}
