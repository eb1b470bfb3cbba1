/**
 * Condition operators: what each makes of one value of a policy and one of the request.
 * Source: AWS IAM User Guide, "IAM JSON policy elements: Condition operators".
 *
 * A negated operator is kept as its positive: the request's value must satisfy it for none of the policy's values.
 */
import { parseAddress, parseRange } from './addresses.ts';
import { arnParts, type Glob, globMatches } from './glob.ts';
import type { ConditionContext } from './request.ts';
import { fill, templateOf } from './variables.ts';

/** Whether a value of the request stands to a value of the policy as the operator says. */
export type ValueTest = (value: string, context: ConditionContext) => boolean;

type Comparison = 'Equals' | 'LessThan' | 'LessThanEquals' | 'GreaterThan' | 'GreaterThanEquals';

const comparisons: Readonly<Record<Comparison, (value: number, bound: number) => boolean>> = {
  Equals: (value, bound) => value === bound,
  LessThan: (value, bound) => value < bound,
  LessThanEquals: (value, bound) => value <= bound,
  GreaterThan: (value, bound) => value > bound,
  GreaterThanEquals: (value, bound) => value >= bound,
};

export type OperatorName =
  | 'StringEquals'
  | 'StringEqualsIgnoreCase'
  | 'StringLike'
  | `Numeric${Comparison}`
  | `Date${Comparison}`
  | 'Bool'
  | 'BinaryEquals'
  | 'IpAddress'
  | 'ArnLike'
  | 'Null';

/** Makes the test for one value of a policy; undefined for a value that the operator cannot have. */
type TestMaker = (text: string, hasVariables: boolean) => ValueTest | undefined;

function numberTests(
  type: 'Numeric' | 'Date',
  parse: (text: string) => number,
): Record<string, TestMaker> {
  return Object.fromEntries(
    Object.entries(comparisons).map(([name, compare]) => [
      type + name,
      (text: string) => {
        const bound = parse(text);
        if (Number.isNaN(bound)) return undefined;
        return (value: string) => compare(parse(value), bound);
      },
    ]),
  );
}

/** @returns NaN for what is no decimal number */
export function parseNumber(text: string): number {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN;
}

const w3cDate =
  /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?)?)?$/;

/** W3C's profile of ISO 8601, UTC when no zone is given; or seconds since the epoch. @returns seconds, or NaN */
export function parseDate(text: string): number {
  const match = w3cDate.exec(text);
  if (match === null) return parseNumber(text);
  const [, year, month = '01', day = '01', hour = '00', minute = '00', second = '00'] = match;
  const fraction = match[7] ?? '';
  // Four digits are a year; no epoch second of use has so few.
  const zone = (match[8] ?? 'Z').replace(/^([+-]\d\d)(\d\d)$/, '$1:$2');
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
  return ms / 1000 + Number(`0${fraction}`);
}

/** The octets in their one spelling; undefined for what is no base64. */
function canonicalBase64(text: string): string | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 === 1) return undefined;
  return Buffer.from(text, 'base64').toString('base64');
}

const truth: Readonly<Record<string, boolean>> = { true: true, false: false };

function isBoolean(text: string): boolean {
  return Object.hasOwn(truth, text.toLowerCase());
}

function partsMatch(parts: readonly Glob[], value: string): boolean {
  let start = 0;
  for (let i = 0; i < 5; i++) {
    const colon = value.indexOf(':', start);
    if (colon < 0 || !globMatches(parts[i]!, value.slice(start, colon))) return false;
    start = colon + 1;
  }
  return globMatches(parts[5]!, value.slice(start));
}

function isArn(value: string): boolean {
  return /^arn:(?:[^:]*:){4}/.test(value);
}

function stringTest(isPlain: boolean, fold: (text: string) => string): TestMaker {
  return function makeTest(text, hasVariables) {
    const pattern = templateOf(fold(text), hasVariables, isPlain);
    if (!('parts' in pattern)) return (value) => globMatches(pattern, fold(value));
    const folded = (context: ConditionContext): ConditionContext => ({
      get(key) {
        const value = context.get(key);
        return typeof value === 'string' ? fold(value) : value;
      },
    });
    return function test(value, context) {
      const glob = fill(pattern, folded(context));
      return glob !== undefined && globMatches(glob, fold(value));
    };
  };
}

const unchanged = (text: string): string => text;

const makers: Readonly<Record<OperatorName, TestMaker>> = {
  StringEquals: stringTest(true, unchanged),
  StringEqualsIgnoreCase: stringTest(true, (text) => text.toLowerCase()),
  StringLike: stringTest(false, unchanged),
  ...(numberTests('Numeric', parseNumber) as Record<`Numeric${Comparison}`, TestMaker>),
  ...(numberTests('Date', parseDate) as Record<`Date${Comparison}`, TestMaker>),
  Bool: (text) => {
    if (!isBoolean(text)) return undefined;
    const wanted = text.toLowerCase();
    return (value) => value.toLowerCase() === wanted;
  },
  BinaryEquals: (text) => {
    const wanted = canonicalBase64(text);
    return wanted === undefined ? undefined : (value) => canonicalBase64(value) === wanted;
  },
  IpAddress: (text) => {
    const range = parseRange(text);
    if (range === undefined) return undefined;
    return function test(value) {
      const address = parseAddress(value);
      if (address === undefined || address.bits !== range.bits) return false;
      const shift = BigInt(range.bits - range.prefix);
      return address.value >> shift === range.value >> shift;
    };
  },
  ArnLike: (text, hasVariables) => {
    // One star covers every ARN, as it does in Principal and Resource.
    if (/^\*+$/.test(text)) return isArn;
    const pattern = templateOf(text, hasVariables, false);
    if (!('parts' in pattern)) {
      const parts = arnParts(pattern);
      return parts === undefined ? undefined : (value) => partsMatch(parts, value);
    }
    return function test(value, context) {
      const glob = fill(pattern, context);
      const parts = glob === undefined ? undefined : arnParts(glob);
      return parts !== undefined && partsMatch(parts, value);
    };
  },
  // Asks whether there is a value, not which (see compile.ts).
  Null: (text) => (isBoolean(text) ? () => true : undefined),
};

export interface Operator {
  /** The positive form. */
  readonly name: OperatorName;
  readonly isNegated: boolean;
  readonly ifExists: boolean;
  readonly quantifier: 'none' | 'all' | 'any';
}

const negated: Readonly<Record<string, OperatorName>> = {
  StringNotEquals: 'StringEquals',
  StringNotEqualsIgnoreCase: 'StringEqualsIgnoreCase',
  StringNotLike: 'StringLike',
  NumericNotEquals: 'NumericEquals',
  DateNotEquals: 'DateEquals',
  NotIpAddress: 'IpAddress',
  ArnNotEquals: 'ArnLike',
  ArnNotLike: 'ArnLike',
};

/** All names without prefix and suffix. */
export const operatorNames: readonly string[] = [
  ...Object.keys(makers),
  'ArnEquals',
  ...Object.keys(negated),
];

/** @returns undefined for a name that is none */
export function parseOperator(text: string): Operator | undefined {
  const match = /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/.exec(text);
  const [, set, plain = '', suffix] = match ?? [];
  if (!operatorNames.includes(plain)) return undefined;
  const ifExists = suffix !== undefined;
  if (ifExists && plain === 'Null') return undefined;
  const isNegated = Object.hasOwn(negated, plain);
  const positive = plain === 'ArnEquals' ? 'ArnLike' : (plain as OperatorName);
  return {
    name: isNegated ? negated[plain]! : positive,
    isNegated,
    ifExists,
    quantifier: set === undefined ? 'none' : set === 'ForAllValues' ? 'all' : 'any',
  };
}

/** @returns undefined for a value that the operator cannot have */
export function testOf(
  name: OperatorName,
  text: string,
  hasVariables: boolean,
): ValueTest | undefined {
  return makers[name](text, hasVariables);
}
