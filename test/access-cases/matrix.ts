/**
 * Every operator with a value that is in the policy, one that is not, and none; plain, IfExists, ForAllValues and
 * ForAnyValue; as an Allow's condition and as a Deny's. What holds is the table of the facts, section 5.
 */
import { type AccessCase, aliceArn } from './case.ts';

interface Row {
  readonly operator: string;
  readonly key: string;
  readonly policy: string | readonly string[];
  readonly holds: readonly string[];
  readonly fails: readonly string[];
  readonly isNegated?: boolean;
}

const date = 'aws:CurrentTime';
const number = 'kms:RotationPeriodInDays';
const arn = 'aws:SourceArn';
const text = 'kms:EncryptionContext:Dept';
const bucket = 'arn:aws:s3:::bucket';

const rows: readonly Row[] = [
  {
    operator: 'StringEquals',
    key: text,
    policy: ['IT', 'HR'],
    holds: ['IT', 'HR'],
    fails: ['it', 'I'],
  },
  {
    operator: 'StringNotEquals',
    key: text,
    policy: ['IT', 'HR'],
    holds: ['it', 'X'],
    fails: ['IT', 'HR'],
    isNegated: true,
  },
  {
    operator: 'StringEqualsIgnoreCase',
    key: text,
    policy: 'IT',
    holds: ['IT', 'it'],
    fails: ['I', ''],
  },
  {
    operator: 'StringNotEqualsIgnoreCase',
    key: text,
    policy: 'IT',
    holds: ['I'],
    fails: ['iT'],
    isNegated: true,
  },
  {
    operator: 'StringLike',
    key: text,
    policy: 'a*b?',
    holds: ['abc', 'axxbc', 'abbb'],
    fails: ['ab', 'Abc', 'abcd'],
  },
  {
    operator: 'StringNotLike',
    key: text,
    policy: 'a*b?',
    holds: ['ab'],
    fails: ['abc'],
    isNegated: true,
  },
  {
    operator: 'NumericEquals',
    key: number,
    policy: '90',
    holds: ['90', '90.0', '9e1'],
    fails: ['91', 'x'],
  },
  {
    operator: 'NumericNotEquals',
    key: number,
    policy: '90',
    holds: ['91', 'x'],
    fails: ['90'],
    isNegated: true,
  },
  {
    operator: 'NumericLessThan',
    key: number,
    policy: '90',
    holds: ['89', '-1'],
    fails: ['90', '100'],
  },
  {
    operator: 'NumericLessThanEquals',
    key: number,
    policy: '90',
    holds: ['9', '90'],
    fails: ['91'],
  },
  {
    operator: 'NumericGreaterThan',
    key: number,
    policy: '90',
    holds: ['91', '100'],
    fails: ['90', '9'],
  },
  {
    operator: 'NumericGreaterThanEquals',
    key: number,
    policy: '90',
    holds: ['90', '100'],
    fails: ['89'],
  },
  {
    operator: 'DateEquals',
    key: date,
    policy: '2026-01-01T00:00:00Z',
    holds: ['2026-01-01T01:00:00+01:00', '1767225600'],
    fails: ['2026-01-01T00:00:01Z'],
  },
  {
    operator: 'DateNotEquals',
    key: date,
    policy: '2026-01-01T00:00:00Z',
    holds: ['2026-01-01T00:00:01Z'],
    fails: ['2026-01-01'],
    isNegated: true,
  },
  {
    operator: 'DateLessThan',
    key: date,
    policy: '2026-01-01',
    holds: ['2025-12-31T23:59:59Z'],
    fails: ['2026-01-01T00:00:00Z'],
  },
  {
    operator: 'DateLessThanEquals',
    key: date,
    policy: '2026-01-01',
    holds: ['2026-01-01T00:00:00Z'],
    fails: ['2026-01-01T00:00:01Z'],
  },
  {
    operator: 'DateGreaterThan',
    key: date,
    policy: '1767225600',
    holds: ['2026-01-02T00:00:00Z'],
    fails: ['2026-01-01T00:00:00Z'],
  },
  {
    operator: 'DateGreaterThanEquals',
    key: date,
    policy: '1767225600',
    holds: ['2026-01-01T00:00:00Z'],
    fails: ['2025-12-31T23:59:59Z'],
  },
  {
    operator: 'Bool',
    key: 'aws:SecureTransport',
    policy: 'True',
    holds: ['true', 'TRUE'],
    fails: ['false'],
  },
  { operator: 'BinaryEquals', key: text, policy: 'QUI=', holds: ['QUI='], fails: ['QUJD', 'AB'] },
  {
    operator: 'IpAddress',
    key: 'aws:SourceIp',
    policy: ['192.0.2.0/24', '2001:db8::/32'],
    holds: ['192.0.2.255', '2001:db8::5'],
    fails: ['192.0.3.0', '::ffff:192.0.2.1', '2001:db9::'],
  },
  {
    operator: 'NotIpAddress',
    key: 'aws:SourceIp',
    policy: '192.0.2.0/24',
    holds: ['192.0.3.0', '2001:db8::5'],
    fails: ['192.0.2.0'],
    isNegated: true,
  },
  {
    operator: 'ArnEquals',
    key: arn,
    policy: 'arn:aws:s3:::b*',
    holds: [bucket],
    fails: ['arn:aws:s3:us-east-1::bucket', 'bucket'],
  },
  {
    operator: 'ArnLike',
    key: arn,
    policy: 'arn:aws:s3:::b?cket',
    holds: [bucket],
    fails: ['arn:aws:s3:::bcket', 'arn:aws:sns:::bucket'],
  },
  {
    operator: 'ArnNotEquals',
    key: arn,
    policy: 'arn:aws:s3:::b*',
    holds: ['arn:aws:s3:::x'],
    fails: [bucket],
    isNegated: true,
  },
  {
    operator: 'ArnNotLike',
    key: arn,
    policy: 'arn:*:s3:::b*',
    holds: ['arn:aws:sns:::bucket'],
    fails: [bucket],
    isNegated: true,
  },
];

function* casesOf({
  operator,
  key,
  policy,
  holds,
  fails,
  isNegated = false,
}: Row): Generator<AccessCase> {
  const missing = [undefined] as const;
  const forms = [
    { operator, whenMissing: isNegated },
    { operator: `${operator}IfExists`, whenMissing: true },
    { operator: `ForAnyValue:${operator}`, whenMissing: false },
    // Refused for the encryption context.
    ...(key === text ? [] : [{ operator: `ForAllValues:${operator}`, whenMissing: true }]),
  ];
  for (const form of forms)
    for (const [value, result] of [
      ...holds.map((value) => [value, true] as const),
      ...fails.map((value) => [value, false] as const),
      ...missing.map((value) => [value, form.whenMissing] as const),
    ])
      for (const effect of ['Allow', 'Deny'] as const) {
        const base = { Principal: { AWS: aliceArn }, Action: 'kms:*', Resource: '*' };
        const conditional = {
          ...base,
          Effect: effect,
          Condition: { [form.operator]: { [key]: policy } },
        };
        yield {
          name: `${effect} ${form.operator} ${JSON.stringify(policy)}: ${value}`,
          rule: 'access control, section 5; IAM, Condition operators',
          caller: 'alice',
          ...(value !== undefined && { context: { [key]: value } }),
          key: effect === 'Allow' ? [conditional] : [{ ...base, Effect: 'Allow' }, conditional],
          expected:
            effect === 'Allow' ? (result ? 'allow' : 'deny') : result ? 'explicit deny' : 'allow',
        };
      }
}

export const matrixCases: readonly AccessCase[] = rows.flatMap((row) => [...casesOf(row)]);
