/**
 * AWS STS, as far as it is built: who am I, and temporary credentials of users, roles and roots.
 * Source: AWS STS API Reference. Multi-factor devices do not exist here: a code is refused as a wrong one.
 */
import { parsePolicy } from '../access/policy/document.ts';
import type { Principal, SessionFacts } from '../access/principal.ts';
import {
  type SessionPrincipal,
  SessionTooLargeError,
  type TemporaryCredentials,
} from '../access/session-token.ts';
import type { Action, Call, QueryService } from './action.ts';
import { checkAllowed, checkTrusted } from './authorize.ts';
import { denied, invalid, type Parameters, QueryError, type XmlValue } from './query.ts';

/** Seconds. */
const durations = {
  min: 900,
  max: 129_600,
  default: 43_200,
  /** Of the root: asking for more gives this. */
  rootMax: 3600,
  roleDefault: 3600,
  roleMax: 43_200,
};

const getCallerIdentity: Action = {
  readOnly: true,
  audited: [],
  run({ principal: { userId, accountId, arn } }) {
    return { UserId: userId, Account: accountId, Arn: arn };
  },
};

const getSessionToken: Action = {
  readOnly: true,
  audited: ['DurationSeconds', 'SerialNumber'],
  run(call) {
    const { principal, parameters } = call;
    const long = longTerm(principal, 'GetSessionToken');
    const session = { ...facts(call), tags: new Map<string, string>() };
    refuseMfa(parameters);
    const { accessKeyId: _, ...who } = long;
    return { Credentials: issue(call, { ...who, session }) };
  },
};

const getFederationToken: Action = {
  readOnly: true,
  audited: ['Name', 'Policy', 'DurationSeconds'],
  run(call) {
    const { principal, parameters } = call;
    const { accountId, arn: issuerArn } = longTerm(principal, 'GetFederationToken');
    const name = parameters.required('Name');
    checkText(name, 'name', 2, 32);
    const session = {
      ...facts(call),
      tags: sessionTags(parameters),
      policies: policies(parameters),
    };
    const arn = `arn:aws:sts::${accountId}:federated-user/${name}`;
    checkAllowed(call, 'sts:GetFederationToken', arn);
    const userId = `${accountId}:${name}`;
    const who = { type: 'FederatedUser', accountId, arn, userId, issuerArn, session } as const;
    return {
      Credentials: issue(call, who),
      FederatedUser: { FederatedUserId: userId, Arn: arn },
      PackedPolicySize: 0,
    };
  },
};

const assumeRole: Action = {
  readOnly: true,
  audited: [
    ...['RoleArn', 'RoleSessionName', 'DurationSeconds', 'ExternalId', 'Policy', 'SourceIdentity'],
  ],
  run(call) {
    const { principal, parameters, directory } = call;
    const arn = parameters.required('RoleArn');
    const sessionName = parameters.required('RoleSessionName');
    checkText(sessionName, 'roleSessionName', 2, 64);
    const sourceIdentity = parameters.get('SourceIdentity');
    if (sourceIdentity !== undefined) checkText(sourceIdentity, 'sourceIdentity', 2, 64);
    const asked = parameters.integer('DurationSeconds', durations.min, durations.roleMax);
    const tags = sessionTags(parameters);
    const passed = policies(parameters);
    if (parameters.list('TransitiveTagKeys').length > 0)
      throw new QueryError('ValidationError', 400, 'TransitiveTagKeys is not supported here.');
    refuseMfa(parameters);
    const [, accountId, path, roleName] = roleArnForm.exec(arn) ?? [];
    if (accountId === undefined || roleName === undefined)
      throw new QueryError('ValidationError', 400, `${arn} is invalid`);
    if (principal.type === 'Root') throw denied('Roles may not be assumed by root accounts.');
    const named = directory?.role(accountId, roleName);
    const target = { arn, accountId, role: named?.path === path ? named : undefined };
    const values = requestValues(parameters, { sessionName, sourceIdentity, tags });
    const role = checkTrusted(call, 'sts:AssumeRole', target, values);
    if (tags.size > 0) checkTrusted(call, 'sts:TagSession', target, values);
    if (sourceIdentity !== undefined) checkTrusted(call, 'sts:SetSourceIdentity', target, values);
    const seconds = roleSeconds(principal, role.maxSessionDuration, asked);
    const sessionArn = `arn:aws:sts::${accountId}:assumed-role/${roleName}/${sessionName}`;
    const userId = `${role.id}:${sessionName}`;
    const credentials = issue(call, {
      ...{
        type: 'AssumedRole',
        accountId,
        arn: sessionArn,
        userId,
        roleArn: arn,
        roleName,
        sessionName,
      },
      // A chain keeps the first one's.
      session: {
        ...factsFor(call, seconds),
        sourceIdentity: sourceIdentity ?? principal.session?.sourceIdentity,
        tags,
        policies: passed,
      },
    });
    return {
      Credentials: credentials,
      AssumedRoleUser: { AssumedRoleId: userId, Arn: sessionArn },
      PackedPolicySize: 0,
      SourceIdentity: sourceIdentity,
    };
  },
};

/** Account, path and name. */
const roleArnForm = /^arn:aws:iam::([0-9]{12}):role(\/(?:[!-~]+\/)?)([\w+=,.@-]{1,64})$/;

/** What conditions of a trust policy see of the request. */
function requestValues(
  parameters: Parameters,
  {
    sessionName,
    sourceIdentity,
    tags,
  }: {
    readonly sessionName: string;
    readonly sourceIdentity: string | undefined;
    readonly tags: ReadonlyMap<string, string>;
  },
): ReadonlyMap<string, string | readonly string[]> {
  const externalId = parameters.get('ExternalId');
  return new Map<string, string | readonly string[]>([
    ['sts:rolesessionname', sessionName],
    ...(externalId === undefined ? [] : [['sts:externalid', externalId] as const]),
    ...(sourceIdentity === undefined ? [] : [['sts:sourceidentity', sourceIdentity] as const]),
    ...[...tags].map(([key, value]) => [`aws:requesttag/${key.toLowerCase()}`, value] as const),
    ...(tags.size === 0 ? [] : [['aws:tagkeys', [...tags.keys()]] as const]),
  ]);
}

/** @throws QueryError ValidationError for longer sessions than the role, or a chain of roles, has */
function roleSeconds(principal: Principal, roleMax: number, asked: number | undefined): number {
  const seconds = asked ?? durations.roleDefault;
  if (seconds > roleMax)
    throw new QueryError(
      'ValidationError',
      400,
      'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
    );
  if (principal.type === 'AssumedRole' && seconds > durations.roleDefault)
    throw new QueryError(
      'ValidationError',
      400,
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.',
    );
  return seconds;
}

function refuseMfa(parameters: Parameters): void {
  if ((parameters.get('SerialNumber') ?? parameters.get('TokenCode')) !== undefined)
    throw denied('MultiFactorAuthentication failed with invalid MFA one time pass code.');
}

export const sts: QueryService = {
  name: 'sts',
  version: '2011-06-15',
  namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
  actions: new Map([
    ['GetCallerIdentity', getCallerIdentity],
    ['AssumeRole', assumeRole],
    ['GetSessionToken', getSessionToken],
    ['GetFederationToken', getFederationToken],
  ]),
};

/** @throws QueryError AccessDenied for a session */
function longTerm(
  principal: Principal,
  action: string,
): Extract<Principal, { type: 'Root' | 'IAMUser' }> {
  const isSession = principal.session !== undefined;
  if (isSession || (principal.type !== 'Root' && principal.type !== 'IAMUser'))
    throw denied(`Cannot call ${action} with session credentials`);
  return principal;
}

function facts(call: Call): Omit<SessionFacts, 'tags'> {
  const { principal, parameters } = call;
  const { min, max, default: normal, rootMax } = durations;
  const asked = parameters.integer('DurationSeconds', min, max) ?? normal;
  const seconds = principal.type === 'Root' ? Math.min(asked, rootMax) : asked;
  return factsFor(call, seconds);
}

function factsFor({ nowMs }: Call, seconds: number): Omit<SessionFacts, 'tags'> {
  // Whole seconds, as the answer says them.
  const issuedAtMs = Math.floor(nowMs / 1000) * 1000;
  return { issuedAtMs, expiresAtMs: issuedAtMs + seconds * 1000, mfaAuthenticated: false };
}

function issue({ sessions }: Call, principal: SessionPrincipal): XmlValue {
  let credentials: TemporaryCredentials;
  try {
    credentials = sessions.issue(principal);
  } catch (error) {
    if (!(error instanceof SessionTooLargeError)) throw error;
    throw new QueryError(
      'PackedPolicyTooLarge',
      400,
      `Packed size of session tags and policies consumes ${error.percent}% of allotted space.`,
    );
  }
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return {
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    SessionToken: sessionToken,
    Expiration: `${new Date(principal.session.expiresAtMs).toISOString().slice(0, 19)}Z`,
  };
}

function checkText(value: string, member: string, min: number, max: number): void {
  if (value.length < min)
    throw invalid(value, member, `Member must have length greater than or equal to ${min}`);
  if (value.length > max)
    throw invalid(value, member, `Member must have length less than or equal to ${max}`);
  if (!/^[\w+=,.@-]*$/.test(value))
    throw invalid(value, member, 'Member must satisfy regular expression pattern: [\\w+=,.@-]*');
}

const policyLengthMax = 2048;
const tagsMax = 50;

/** Session policies. Managed ones, by ARN, are not built. @throws QueryError, KmsException of parsePolicy */
function policies(parameters: Parameters): readonly string[] | undefined {
  if (parameters.list('PolicyArns').length > 0)
    throw new QueryError('ValidationError', 400, 'PolicyArns is not supported here.');
  const text = parameters.get('Policy');
  if (text === undefined) return undefined;
  if (text.length > policyLengthMax)
    throw invalid(
      text,
      'policy',
      `Member must have length less than or equal to ${policyLengthMax}`,
    );
  parsePolicy(text, 'session');
  return [text];
}

function sessionTags(parameters: Parameters): Map<string, string> {
  const tags = new Map<string, string>();
  const names = new Set<string>();
  const listed = parameters.list('Tags');
  if (listed.length > tagsMax)
    throw invalid(
      String(listed.length),
      'tags',
      `Member must have length less than or equal to ${tagsMax}`,
    );
  for (const [index, tag] of listed.entries()) {
    const [key = '', value = ''] = [tag.get('Key'), tag.get('Value')];
    const member = `tags.${index + 1}.member`;
    if (key.length < 1 || key.length > 128)
      throw invalid(key, `${member}.key`, 'Member must have length between 1 and 128');
    if (value.length > 256)
      throw invalid(value, `${member}.value`, 'Member must have length less than or equal to 256');
    // Keys of tags differ in more than case.
    if (names.has(key.toLowerCase()))
      throw new QueryError(
        'InvalidParameterValue',
        400,
        'Duplicate tag keys found. Please note that Tag keys are case insensitive.',
      );
    names.add(key.toLowerCase());
    tags.set(key, value);
  }
  return tags;
}
