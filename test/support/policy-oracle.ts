/**
 * What a decision must be, said a second time and slowly: regular expressions and lists, straight from AWS's rules, with
 * nothing of src/access. It takes policies that are well-formed.
 */
import type { AccessCase, PolicyText } from '../access-cases/case.ts';

const A = '111122223333';
const B = '444455556666';
const KEY = `arn:aws:kms:us-east-1:${A}:key/1234abcd-12ab-34cd-56ef-1234567890ab`;
const ALIAS = `arn:aws:kms:us-east-1:${A}:alias/app`;

interface Who {
  account: string;
  /** The most direct name first. */
  own: string[];
  role: string[];
  service?: string;
}

const who: Record<AccessCase['caller'], Who> = {
  alice: { account: A, own: [`arn:aws:iam::${A}:user/alice`, 'AIDAALICEALICEALICE1'], role: [] },
  bob: { account: A, own: [`arn:aws:iam::${A}:user/bob`, 'AIDABOBBOBBOBBOBBOB1'], role: [] },
  root: { account: A, own: [], role: [] },
  session: {
    account: A,
    own: [`arn:aws:sts::${A}:assumed-role/App/s1`],
    role: [`arn:aws:iam::${A}:role/team/App`, 'AROAAPPAPPAPPAPPAPP1'],
  },
  otherSession: {
    account: A,
    own: [`arn:aws:sts::${A}:assumed-role/AppX/s1`],
    role: [`arn:aws:iam::${A}:role/AppX`, 'AROAAPPXAPPXAPPXAPP1'],
  },
  federated: { account: A, own: [`arn:aws:sts::${A}:federated-user/fred`], role: [] },
  foreignUser: {
    account: B,
    own: [`arn:aws:iam::${B}:user/bob`, 'AIDAFOREIGNBOBFOREI1'],
    role: [],
  },
  foreignRoot: { account: B, own: [], role: [] },
  service: { account: '', own: [], role: [], service: 's3.amazonaws.com' },
};

const list = (value: unknown): string[] =>
  Array.isArray(value) ? value.map(String) : [String(value)];

function like(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '[^]*')
    .replace(/\?/g, '[^]');
  return new RegExp(`^${source}$`, 'u').test(text);
}

type Context = (key: string) => string | readonly string[] | undefined;

/** Each variable's text, with its own wildcards put beyond the alphabet. */
function substitute(pattern: string, context: Context, is2012: boolean): string | undefined {
  if (!is2012) return pattern;
  let isMissing = false;
  const filled = pattern.replace(/\$\{([*?$]|[^}]+)\}/g, (_, inner: string) => {
    if ('*?$'.includes(inner)) return hide(inner);
    const [key = '', fallback] = inner.split(',').map((part) => part.trim());
    const value = context(key.toLowerCase()) ?? fallback?.replaceAll("'", '');
    if (typeof value === 'string') return hide(value);
    isMissing = true;
    return '';
  });
  return isMissing ? undefined : filled;
}
const hide = (text: string) => text.replaceAll('*', '\u2217').replaceAll('?', '\u2047');

function ipBits(text: string): string {
  if (text.includes('.') && !text.includes(':'))
    return text
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('');
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const hex = dotted
    ? text.slice(0, dotted.index) +
      [0, 2]
        .map((i) => (Number(dotted[i + 1]) * 256 + Number(dotted[i + 2])).toString(16))
        .join(':')
    : text;
  const [head = '', tail = ''] = hex.split('::');
  const left = head.split(':').filter(Boolean);
  const right = tail.split(':').filter(Boolean);
  const groups = [...left, ...Array(8 - left.length - right.length).fill('0'), ...right];
  return groups.map((part) => Number.parseInt(part, 16).toString(2).padStart(16, '0')).join('');
}

const seconds = (text: string) =>
  /^-?[\d.]+$/.test(text) && text.length !== 4 ? Number(text) : Date.parse(text) / 1000;

function compare(name: string, value: number, bound: number): boolean {
  if (name.endsWith('LessThan')) return value < bound;
  if (name.endsWith('LessThanEquals')) return value <= bound;
  if (name.endsWith('GreaterThan')) return value > bound;
  if (name.endsWith('GreaterThanEquals')) return value >= bound;
  return value === bound;
}

function positive(
  name: string,
  raw: string,
  value: string,
  context: Context,
  is2012: boolean,
): boolean {
  const policy = /^(String|Arn)/.test(name) ? substitute(raw, context, is2012) : raw;
  if (policy === undefined) return false;
  const shown = hide(value);
  switch (name) {
    case 'StringEquals':
      return hide(policy) === shown;
    case 'StringEqualsIgnoreCase':
      return hide(policy).toLowerCase() === shown.toLowerCase();
    case 'StringLike':
      return like(policy, shown);
    case 'Bool':
      return policy.toLowerCase() === value.toLowerCase();
    case 'BinaryEquals':
      return policy === value;
    case 'ArnEquals':
    case 'ArnLike': {
      const six = (text: string) =>
        /^([^:]*):([^:]*):([^:]*):([^:]*):([^:]*):(.*)$/s.exec(text)?.slice(1);
      const [patterns, parts] = [six(policy), six(shown)];
      return patterns && parts
        ? patterns.every((part, i) => like(part, parts[i]!))
        : policy === '*' && !!parts;
    }
    case 'IpAddress': {
      const [network = '', prefix] = policy.split('/');
      const [bits, own] = [ipBits(network), ipBits(value)];
      const count = Number(prefix ?? bits.length);
      return bits.length === own.length && bits.slice(0, count) === own.slice(0, count);
    }
    default:
      return name.startsWith('Date')
        ? compare(name, seconds(value), seconds(policy))
        : compare(name, Number(value), Number(policy));
  }
}

function holds(
  operator: string,
  key: string,
  policy: unknown,
  context: Context,
  is2012: boolean,
): boolean {
  const set = /^ForA\w+(?=:)/.exec(operator)?.[0];
  const ifExists = operator.endsWith('IfExists');
  const name = operator.replace(/^.*:/, '').replace(/IfExists$/, '');
  const isNegated = /Not/.test(name);
  const found = context(key.toLowerCase());
  const values = found === undefined ? [] : typeof found === 'string' ? [found] : [...found];
  if (name === 'Null')
    return list(policy).some((text) => (text.toLowerCase() === 'true') === (values.length === 0));
  if (values.length === 0)
    return ifExists || set === 'ForAllValues' || (set === undefined && isNegated);
  const one = (value: string) =>
    list(policy).some((text) => positive(name.replace('Not', ''), text, value, context, is2012)) !==
    isNegated;
  return set === 'ForAllValues' ? values.every(one) : values.some(one);
}

type Level = 'direct' | 'any' | 'role' | 'account';

function principalLevel(principal: unknown, caller: Who): Level | undefined {
  const map = (typeof principal === 'string' ? { AWS: principal } : principal) as Record<
    string,
    unknown
  >;
  const aws = map.AWS === undefined ? [] : list(map.AWS);
  const services = map.Service === undefined ? [] : list(map.Service);
  if (caller.service && services.includes(caller.service)) return 'direct';
  if (aws.some((name) => caller.own.includes(name))) return 'direct';
  if (aws.includes('*')) return 'any';
  if (aws.some((name) => caller.role.includes(name))) return 'role';
  const account = aws.some(
    (name) => name === caller.account || name === `arn:aws:iam::${caller.account}:root`,
  );
  return account ? 'account' : undefined;
}

function covered(statement: Record<string, unknown>, caller: Who): Level | undefined {
  if (statement.Principal !== undefined) return principalLevel(statement.Principal, caller);
  if (statement.NotPrincipal === undefined) return 'any';
  if (statement.Effect === 'Allow')
    return principalLevel(statement.NotPrincipal, caller) ? undefined : 'any';
  const identities = caller.service ? [{ ...caller }] : [{ ...caller, own: [], role: [] }];
  if (caller.own.length > 0) identities.push({ ...caller, account: 'none', role: [] });
  if (caller.role.length > 0) identities.push({ ...caller, account: 'none', own: [] });
  return identities.every((identity) => principalLevel(statement.NotPrincipal, identity))
    ? undefined
    : 'any';
}

type Said = { denies: boolean; allows: Set<Level> };

function say(policy: PolicyText | undefined, one: AccessCase): Said {
  const said: Said = { denies: false, allows: new Set() };
  if (policy === undefined) return said;
  const is2012 = !('statements' in policy) || policy.version === '2012-10-17';
  const statements = 'statements' in policy ? policy.statements : policy;
  const lower = Object.fromEntries(
    Object.entries(one.context ?? {}).map(([key, value]) => [key.toLowerCase(), value]),
  );
  const context: Context = (key) => (Object.hasOwn(lower, key) ? lower[key] : undefined);
  const kind = one.resource ?? 'key';
  const resource = kind === 'key' ? KEY : kind === 'alias' ? ALIAS : '*';
  const action = (one.action ?? 'kms:Decrypt').toLowerCase();
  for (const statement of statements) {
    const actions = statement.Action ?? statement.NotAction;
    const resources = statement.Resource ?? statement.NotResource;
    if (actions === undefined || resources === undefined) continue;
    const isAction = list(actions).some((text) => like(text.toLowerCase(), action));
    if (isAction !== (statement.Action !== undefined)) continue;
    const patterns = list(resources).map((text) => {
      const [, head, tail] = /^((?:[^:]*:){5})(.*)$/s.exec(text) ?? [];
      const filled = tail === undefined ? undefined : substitute(tail, context, is2012);
      return tail === undefined ? text : filled === undefined ? undefined : `${head}${filled}`;
    });
    const isNot = statement.Resource === undefined;
    if (isNot && patterns.includes(undefined)) continue;
    if (patterns.some((text) => text !== undefined && like(text, resource)) === isNot) continue;
    const level = covered(statement, who[one.caller]);
    if (level === undefined) continue;
    const clauses = Object.entries(
      (statement.Condition ?? {}) as Record<string, Record<string, unknown>>,
    );
    const all = clauses.every(([operator, keys]) =>
      Object.entries(keys).every(([key, values]) => holds(operator, key, values, context, is2012)),
    );
    if (!all) continue;
    if (statement.Effect === 'Deny') said.denies = true;
    else said.allows.add(level);
  }
  return said;
}

export function oracle(one: AccessCase): AccessCase['expected'] {
  const caller = who[one.caller];
  const kind = one.resource ?? 'key';
  const key = say(kind === 'key' ? one.key : undefined, one);
  const identity = say(one.identity, one);
  const filters = [
    ...(one.scp ?? []),
    ...(one.rcp ?? []),
    ...(one.endpoint ? [one.endpoint] : []),
  ].map((policy) => say(policy, one));
  const boundary = one.boundary && say(one.boundary, one);
  const session = one.session && say(one.session, one);
  if ([key, identity, ...filters, boundary, session].some((said) => said?.denies))
    return 'explicit deny';
  if (filters.some(({ allows }) => allows.size === 0)) return 'deny';
  const limits = [boundary, session].every((said) => said === undefined || said.allows.size > 0);
  const byIdentity =
    caller.own.length + caller.role.length === 0 && !caller.service
      ? true
      : identity.allows.size > 0;
  const same = kind === 'none' || caller.service !== undefined || caller.account === A;
  if (!same && (kind === 'alias' || one.crossAccountCapable === false)) return 'deny';
  if (kind !== 'key') return byIdentity && limits ? 'allow' : 'deny';
  const grant = one.grant ?? 'none';
  if (['user', 'session', 'service'].includes(grant)) return 'allow';
  if (grant === 'role' && limits) return 'allow';
  if (grant === 'account' && limits && byIdentity) return 'allow';
  if (same) {
    if (key.allows.has('direct') || key.allows.has('any')) return 'allow';
    if (key.allows.has('role') && limits) return 'allow';
    return key.allows.has('account') && byIdentity && limits ? 'allow' : 'deny';
  }
  return key.allows.size > 0 && byIdentity && limits ? 'allow' : 'deny';
}
