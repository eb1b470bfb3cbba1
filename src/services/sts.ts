/**
 * AWS STS, as far as it is built: who am I, and temporary credentials of users and roots.
 * Source: AWS STS API Reference. Multi-factor devices do not exist here: a code is refused as a wrong one.
 */
import type { Principal, SessionFacts } from '../access/principal.ts';
import {
  type SessionPrincipal,
  SessionTooLargeError,
  type TemporaryCredentials,
} from '../access/session-token.ts';
import { isObject } from '../values/unknown.ts';
import { type Action, type Call, checkAllowed, type QueryService } from './action.ts';
import { denied, invalid, type Parameters, QueryError, type XmlValue } from './query.ts';

/** Seconds. */
const durations = {
  min: 900,
  max: 129_600,
  default: 43_200,
  /** Of the root: asking for more gives this. */
  rootMax: 3600,
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
    if ((parameters.get('SerialNumber') ?? parameters.get('TokenCode')) !== undefined)
      throw denied('MultiFactorAuthentication failed with invalid MFA one time pass code.');
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

export const sts: QueryService = {
  name: 'sts',
  version: '2011-06-15',
  namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
  actions: new Map([
    ['GetCallerIdentity', getCallerIdentity],
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

function facts({ principal, parameters, nowMs }: Call): Omit<SessionFacts, 'tags'> {
  const { min, max, default: normal, rootMax } = durations;
  const asked = parameters.integer('DurationSeconds', min, max) ?? normal;
  const seconds = principal.type === 'Root' ? Math.min(asked, rootMax) : asked;
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

/** Session policies. Managed ones, by ARN, are not built. */
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
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Told below.
  }
  if (!isObject(parsed) || parsed.Statement === undefined)
    throw new QueryError(
      'MalformedPolicyDocument',
      400,
      'The policy is not in the valid JSON format.',
    );
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
