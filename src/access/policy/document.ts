/**
 * Policy documents: the grammar of the JSON, checked once, when a policy is stored or loaded.
 *
 * Source: AWS IAM User Guide, "Grammar of the IAM JSON policy language"; AWS KMS Developer Guide, "Key
 * policies". Of AWS's texts only those of invalid principals and of the lock-out check were recorded; the
 * others are ours.
 */
import { kmsException } from '../../api/exceptions.ts';
import { isObject } from '../../values/unknown.ts';
import { checkCondition } from './condition-grammar.ts';

export type PolicyKind =
  | 'key'
  | 'identity'
  | 'session'
  | 'boundary'
  | 'scp'
  | 'rcp'
  | 'endpoint'
  | 'trust';

export type Effect = 'Allow' | 'Deny';

/** `isNegated`: all but these (NotPrincipal, NotAction, NotResource). */
export interface Patterns {
  readonly isNegated: boolean;
  readonly patterns: readonly string[];
}

/** By type: AWS, Service, Federated. */
export interface PrincipalPatterns {
  readonly isNegated: boolean;
  readonly aws: readonly string[];
  readonly service: readonly string[];
  readonly federated: readonly string[];
}

export interface ConditionClause {
  /** As written, with set prefix and IfExists. */
  readonly operator: string;
  /** As written. */
  readonly key: string;
  readonly values: readonly string[];
}

export interface PolicyStatement {
  readonly sid?: string | undefined;
  readonly effect: Effect;
  /** undefined in kinds that have none: whoever the policy is attached to. */
  readonly principals?: PrincipalPatterns | undefined;
  /** undefined: the statement has no effect. */
  readonly actions?: Patterns | undefined;
  /** undefined: the statement has no effect, but in a trust policy, which has no resources. */
  readonly resources?: Patterns | undefined;
  readonly conditions: readonly ConditionClause[];
}

export interface PolicyDocument {
  readonly kind: PolicyKind;
  /** Version 2012-10-17; text that looks like one is plain text otherwise. */
  readonly hasVariables: boolean;
  readonly statements: readonly PolicyStatement[];
}

interface KindRules {
  readonly principal: 'required' | 'forbidden' | 'optional';
  /** Of an identity's own policies: letters and digits. */
  readonly plainSid: boolean;
  readonly id: boolean;
  /** Statements without Action or Resource are stored, and mean nothing. */
  readonly inertStatements: boolean;
}

const attached: KindRules = {
  principal: 'forbidden',
  plainSid: true,
  id: false,
  inertStatements: false,
};
const onResource: KindRules = {
  principal: 'required',
  plainSid: false,
  id: true,
  inertStatements: false,
};

const kinds: Readonly<Record<PolicyKind, KindRules>> = {
  key: { ...onResource, inertStatements: true },
  identity: attached,
  session: attached,
  boundary: attached,
  scp: { ...attached, plainSid: false },
  rcp: onResource,
  endpoint: { ...onResource, principal: 'optional' },
  trust: { ...onResource, inertStatements: true },
};

const keyPolicyBytesMax = 32_768;

function malformed(message: string): Error {
  return kmsException('MalformedPolicyDocumentException', message);
}

type Members = Readonly<Record<string, unknown>>;

/** Names of members, in the text and in what it was parsed to: fewer there when one was given twice. */
function hasDuplicates(text: string, parsed: unknown): boolean {
  let count = 0;
  for (const [, colon] of text.matchAll(/"(?:[^"\\]|\\.)*"\s*(:)?/g)) if (colon) count += 1;
  // Not by recursion: the sender says how deep it is.
  const unseen: unknown[] = [parsed];
  for (let value = unseen.pop(); value !== undefined; value = unseen.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    if (!Array.isArray(value)) count -= Object.keys(value).length;
    for (const member of Object.values(value)) unseen.push(member);
  }
  return count !== 0;
}

/** The characters of a policy. Escapes in the JSON would bring others: bidirectional controls, combining marks. */
const allowedText = /^[\t\n\r\u0020-\u00ff]*$/;

function hasOtherCharacters(parsed: unknown): boolean {
  const unseen: unknown[] = [parsed];
  while (unseen.length > 0) {
    const value = unseen.pop();
    if (typeof value === 'string' && !allowedText.test(value)) return true;
    if (typeof value !== 'object' || value === null) continue;
    if (!Array.isArray(value)) unseen.push(...Object.keys(value));
    for (const member of Object.values(value)) unseen.push(member);
  }
  return false;
}

function parse(text: string): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw malformed('The policy is not valid JSON.');
  }
  if (hasDuplicates(text, parsed)) throw malformed('The policy has the same member twice.');
  if (!allowedText.test(text) || hasOtherCharacters(parsed))
    throw malformed('The policy has characters that policies do not have.');
  return parsed;
}

function checkMembers(value: Members, allowed: readonly string[], what: string): void {
  const unknown = Object.keys(value).find((name) => !allowed.includes(name));
  if (unknown !== undefined) throw malformed(`${what} has an unknown member.`);
}

/** One value or a list of them; undefined unless there is at least one, and all are strings. */
function strings(value: unknown): readonly string[] | undefined {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const isWell = list.length > 0 && list.every((item) => typeof item === 'string' && item !== '');
  return isWell ? (list as string[]) : undefined;
}

/**
 * Reads and checks a policy.
 * @throws KmsException MalformedPolicyDocumentException; InvalidArnException for a Resource or a condition's value
 *   that must be an ARN and is none; LimitExceededException for a key policy of more than 32,768 bytes
 */
export function parsePolicy(text: string, kind: PolicyKind): PolicyDocument {
  if (kind === 'key' && Buffer.byteLength(text) > keyPolicyBytesMax)
    throw kmsException(
      'LimitExceededException',
      `A key policy may have ${keyPolicyBytesMax} bytes at most.`,
    );
  const policy = parse(text);
  if (!isObject(policy)) throw malformed('The policy is not a JSON object.');
  const rules = kinds[kind];
  checkMembers(policy, ['Version', ...(rules.id ? ['Id'] : []), 'Statement'], 'The policy');
  const { Version: version, Id: id, Statement: statement } = policy;
  if (version !== undefined && version !== '2012-10-17' && version !== '2008-10-17')
    throw malformed('The policy has an unknown version.');
  if (id !== undefined && typeof id !== 'string') throw malformed('The policy has an invalid Id.');
  const statements: unknown[] = Array.isArray(statement) ? statement : [statement];
  if (statement === undefined || statements.length === 0)
    throw malformed('The policy has no statement.');
  return {
    kind,
    hasVariables: version === '2012-10-17',
    statements: statements.map((value) => readStatement(value, kind)),
  };
}

const statementMembers = [
  ...['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action', 'NotAction'],
  ...['Resource', 'NotResource', 'Condition'],
];

function readStatement(statement: unknown, kind: PolicyKind): PolicyStatement {
  if (!isObject(statement))
    throw malformed('The policy has a statement that is not a JSON object.');
  checkMembers(statement, statementMembers, 'The policy has a statement that');
  const rules = kinds[kind];
  const { Sid: sid, Effect: effect, Condition: condition } = statement;
  const isSid = typeof sid === 'string' && (!rules.plainSid || /^[A-Za-z0-9]*$/.test(sid));
  if (sid !== undefined && !isSid)
    throw malformed('Policy contains a statement with an invalid Sid.');
  if (effect !== 'Allow' && effect !== 'Deny')
    throw malformed('Policy contains a statement with an invalid effect.');
  const actions = either(statement, 'Action', 'actions', rules.inertStatements, readActions);
  const resources = either(statement, 'Resource', 'resources', rules.inertStatements, strings);
  if (kind === 'trust' && resources !== undefined)
    throw malformed('Policy contains a statement with one or more invalid resources.');
  for (const pattern of resources?.patterns ?? []) checkResource(pattern);
  return {
    sid: typeof sid === 'string' ? sid : undefined,
    effect,
    principals: principalsOf(statement, rules),
    actions,
    resources,
    conditions: condition === undefined ? [] : checkCondition(condition),
  };
}

/** Reads a member or its negation. */
function either(
  statement: Members,
  name: string,
  what: string,
  mayMiss: boolean,
  read: (value: unknown) => readonly string[] | undefined,
): Patterns | undefined {
  const isNegated = Object.hasOwn(statement, `Not${name}`);
  if (mayMiss && !isNegated && !Object.hasOwn(statement, name)) return undefined;
  const patterns = read(statement[isNegated ? `Not${name}` : name]);
  if (patterns === undefined || (isNegated && Object.hasOwn(statement, name)))
    throw malformed(`Policy contains a statement with one or more invalid ${what}.`);
  return { isNegated, patterns };
}

function checkResource(pattern: string): void {
  // What begins with a wildcard may still come to be an ARN.
  const isArn = /^[*?]/.test(pattern) || /^arn:(?:[^:]*:){4}/.test(pattern);
  if (!isArn && !/^arn:[^:]*\*/.test(pattern))
    throw kmsException('InvalidArnException', `Invalid arn ${pattern}`);
}

function readActions(value: unknown): readonly string[] | undefined {
  const actions = strings(value);
  return actions?.every((action) => /^(?:\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*?]+)$/.test(action))
    ? actions
    : undefined;
}

const awsPrincipal = new RegExp(
  `^(?:${[
    '\\*',
    '[0-9]{12}',
    // The unique id of a user or role that is no more.
    'A(?:IDA|ROA)[A-Z0-9]{12,28}',
    'arn:aws[a-z-]*:iam::[0-9]{12}:(?:root|(?:user|role)/(?:[!-)+-.0-~]+/)*[\\w+=,.@-]+)',
    'arn:aws[a-z-]*:sts::[0-9]{12}:(?:assumed-role/[\\w+=,.@-]+|federated-user)/[\\w+=,.@-]+',
  ].join('|')})$`,
);

/** What the values of each principal type look like. */
const principalTypes: Readonly<Record<string, RegExp>> = {
  AWS: awsPrincipal,
  Service: /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/,
  Federated: /^[!-~]+$/,
};

function principalsOf(statement: Members, rules: KindRules): PrincipalPatterns | undefined {
  const isNegated = Object.hasOwn(statement, 'NotPrincipal');
  const isThere = isNegated || Object.hasOwn(statement, 'Principal');
  if (!isThere && rules.principal !== 'required') return undefined;
  const value = statement[isNegated ? 'NotPrincipal' : 'Principal'];
  const isTwice = isNegated && Object.hasOwn(statement, 'Principal');
  const named = rules.principal === 'forbidden' || isTwice ? undefined : readPrincipals(value);
  if (named === undefined)
    throw malformed('Policy contains a statement with one or more invalid principals.');
  return { isNegated, ...named };
}

function readPrincipals(value: unknown): Omit<PrincipalPatterns, 'isNegated'> | undefined {
  if (value === '*') return { aws: ['*'], service: [], federated: [] };
  if (!isObject(value) || Object.keys(value).length === 0) return undefined;
  for (const [type, names] of Object.entries(value)) {
    const form = Object.hasOwn(principalTypes, type) ? principalTypes[type] : undefined;
    if (!strings(names)?.every((name) => form?.test(name))) return undefined;
  }
  const ofType = (type: string) => (Object.hasOwn(value, type) ? strings(value[type])! : []);
  return { aws: ofType('AWS'), service: ofType('Service'), federated: ofType('Federated') };
}
