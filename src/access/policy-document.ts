/**
 * Key policies: the grammar of a policy document, checked when one is stored, and the one question that is
 * asked of it so far: may the account's root still replace it? Nothing else reads policies: they do not
 * decide requests yet.
 *
 * Source: AWS IAM User Guide, "Grammar of the IAM JSON policy language"; AWS KMS Developer Guide, "Key
 * policies". Of AWS's texts only those of invalid principals and of the lock-out check were recorded; the
 * others are ours.
 */
import { kmsException } from '../api/exceptions.ts';
import { isObject } from '../values/unknown.ts';

type Effect = 'Allow' | 'Deny';

/** `isNegated`: all but these (NotPrincipal, NotAction, NotResource). */
interface Patterns {
  readonly isNegated: boolean;
  readonly patterns: readonly string[];
}

export interface PolicyStatement {
  readonly effect: Effect;
  /** `*`, account ids and ARNs of type AWS; principals of other types are not among them. */
  readonly principals: Patterns;
  readonly actions: Patterns;
  readonly resources: Patterns;
  readonly isConditional: boolean;
}

export interface PolicyDocument {
  readonly statements: readonly PolicyStatement[];
}

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

function parse(text: string): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw malformed('The policy is not valid JSON.');
  }
  if (hasDuplicates(text, parsed)) throw malformed('The policy has the same member twice.');
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
 * Reads and checks a key policy.
 * @throws KmsException MalformedPolicyDocumentException
 */
export function parseKeyPolicy(text: string): PolicyDocument {
  const policy = parse(text);
  if (!isObject(policy)) throw malformed('The policy is not a JSON object.');
  checkMembers(policy, ['Version', 'Id', 'Statement'], 'The policy');
  const { Version: version, Id: id, Statement: statement } = policy;
  if (version !== undefined && version !== '2012-10-17' && version !== '2008-10-17')
    throw malformed('The policy has an unknown version.');
  if (id !== undefined && typeof id !== 'string') throw malformed('The policy has an invalid Id.');
  const statements: unknown[] = Array.isArray(statement) ? statement : [statement];
  if (statement === undefined || statements.length === 0)
    throw malformed('The policy has no statement.');
  return { statements: statements.map(readStatement) };
}

const statementMembers = [
  ...['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action', 'NotAction'],
  ...['Resource', 'NotResource', 'Condition'],
];

function readStatement(statement: unknown): PolicyStatement {
  if (!isObject(statement))
    throw malformed('The policy has a statement that is not a JSON object.');
  checkMembers(statement, statementMembers, 'The policy has a statement that');
  const { Sid: sid, Effect: effect, Condition: condition } = statement;
  if (sid !== undefined && typeof sid !== 'string')
    throw malformed('Policy contains a statement with an invalid Sid.');
  if (effect !== 'Allow' && effect !== 'Deny')
    throw malformed('Policy contains a statement with an invalid effect.');
  if (condition !== undefined) checkCondition(condition);
  return {
    effect,
    principals: either(statement, 'Principal', 'principals', readPrincipals),
    actions: either(statement, 'Action', 'actions', readActions),
    resources: either(statement, 'Resource', 'resources', strings),
    isConditional: isObject(condition) && Object.keys(condition).length > 0,
  };
}

/** Reads a member or its negation, one of which every statement of a key policy has. */
function either(
  statement: Members,
  name: string,
  what: string,
  read: (value: unknown) => readonly string[] | undefined,
): Patterns {
  const isNegated = Object.hasOwn(statement, `Not${name}`);
  const patterns = read(statement[isNegated ? `Not${name}` : name]);
  if (patterns === undefined || (isNegated && Object.hasOwn(statement, name)))
    throw malformed(`Policy contains a statement with one or more invalid ${what}.`);
  return { isNegated, patterns };
}

const awsPrincipal = new RegExp(
  `^(?:${[
    '\\*',
    '[0-9]{12}',
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

function readPrincipals(value: unknown): readonly string[] | undefined {
  if (value === '*') return ['*'];
  if (!isObject(value) || Object.keys(value).length === 0) return undefined;
  for (const [type, names] of Object.entries(value)) {
    const form = Object.hasOwn(principalTypes, type) ? principalTypes[type] : undefined;
    if (!strings(names)?.every((name) => form?.test(name))) return undefined;
  }
  return Object.hasOwn(value, 'AWS') ? strings(value.AWS) : [];
}

function readActions(value: unknown): readonly string[] | undefined {
  const actions = strings(value);
  return actions?.every((action) => /^(?:\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*?]+)$/.test(action))
    ? actions
    : undefined;
}

const operators: ReadonlySet<string> = new Set([
  ...['StringEquals', 'StringNotEquals', 'StringEqualsIgnoreCase', 'StringNotEqualsIgnoreCase'],
  ...['StringLike', 'StringNotLike', 'Bool', 'BinaryEquals', 'IpAddress', 'NotIpAddress', 'Null'],
  ...['ArnEquals', 'ArnLike', 'ArnNotEquals', 'ArnNotLike'],
  ...['Numeric', 'Date'].flatMap((type) => [
    ...[
      'Equals',
      'NotEquals',
      'LessThan',
      'LessThanEquals',
      'GreaterThan',
      'GreaterThanEquals',
    ].map((comparison) => type + comparison),
  ]),
]);

function isOperator(name: string): boolean {
  const plain = name.replace(/^(?:ForAllValues|ForAnyValue):/, '').replace(/IfExists$/, '');
  return operators.has(plain) && name !== 'NullIfExists';
}

/** The shape of a condition block: operators, condition keys, values. What they mean is not looked at. */
function checkCondition(condition: unknown): void {
  const isValue = (value: unknown): boolean =>
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  const isWell =
    isObject(condition) &&
    Object.entries(condition).every(
      ([operator, keys]) =>
        isOperator(operator) &&
        isObject(keys) &&
        Object.entries(keys).every(
          ([key, values]) =>
            key !== '' && (Array.isArray(values) ? values : [values]).every(isValue),
        ),
    );
  if (!isWell) throw malformed('Policy contains a statement with an invalid condition.');
}

/**
 * `*` any run of characters, `?` one. Only the last `*` is ever tried again, so the time is the product of the
 * two lengths at most: a pattern is its sender's choice, and a regular expression would take for ever.
 */
function matches(pattern: string, text: string): boolean {
  let at = 0;
  let afterStar = -1;
  let retryFrom = 0;
  for (let i = 0; i < text.length; ) {
    if (pattern[at] === '*') {
      at += 1;
      afterStar = at;
      retryFrom = i;
    } else if (pattern[at] === '?' || pattern[at] === text[i]) {
      at += 1;
      i += 1;
    } else if (afterStar >= 0) {
      at = afterStar;
      retryFrom += 1;
      i = retryFrom;
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}

function covers(
  { isNegated, patterns }: Patterns,
  isCovered: (pattern: string) => boolean,
): boolean {
  return patterns.some(isCovered) !== isNegated;
}

/**
 * Whether the root of an account may do something to a key, by this key policy alone and whatever the request:
 * an Allow counts without a condition only, and so does a Deny.
 * @param accountId of the key as well
 * @param action `kms:` and the operation's name
 */
export function allowsRoot(
  { statements }: PolicyDocument,
  accountId: string,
  action: string,
  keyArn: string,
): boolean {
  const rootArn = new RegExp(`^(?:\\*|${accountId}|arn:aws[a-z-]*:iam::${accountId}:root)$`);
  const applies = ({ principals, actions, resources, isConditional }: PolicyStatement): boolean =>
    !isConditional &&
    covers(principals, (pattern) => rootArn.test(pattern)) &&
    covers(actions, (pattern) => matches(pattern.toLowerCase(), action.toLowerCase())) &&
    covers(resources, (pattern) => matches(pattern, keyArn));
  const applying = statements.filter(applies);
  return applying.length > 0 && applying.every(({ effect }) => effect === 'Allow');
}
