/** The worked examples of the facts, section 14, by their numbers. */
import {
  A,
  type AccessCase,
  aliceArn,
  appArn,
  foreignRootArn,
  foreignUserArn,
  KEY,
  type PolicyText,
  rootArn,
  type StatementText,
  sessionArn,
} from './case.ts';

const s = (
  Effect: 'Allow' | 'Deny',
  Action: string | readonly string[],
  more: object = {},
): StatementText => ({ Effect, Action, Resource: '*', ...more });
const allow = (
  AWS: string | readonly string[],
  Action: string | readonly string[] = 'kms:*',
  more: object = {},
) => s('Allow', Action, { Principal: { AWS }, ...more });
const deny = (
  AWS: string | readonly string[],
  Action: string | readonly string[] = 'kms:*',
  more: object = {},
) => s('Deny', Action, { Principal: { AWS }, ...more });
const iam = (Action: string | readonly string[] = 'kms:*', Resource = '*', more: object = {}) => [
  s('Allow', Action, { Resource, ...more }),
];
const when = (operator: string, key: string, value: unknown) => ({
  Condition: { [operator]: { [key]: value } },
});
const ROOT = allow(rootArn);
const decryptKey = iam('kms:Decrypt', KEY);
const s3Only = iam('s3:*');

type Row = readonly [
  name: string,
  key: PolicyText | undefined,
  more: Partial<AccessCase>,
  expected: AccessCase['expected'],
];
const X = 'explicit deny';
const it24 = [
  allow(aliceArn, 'kms:Decrypt', when('StringEquals', 'kms:EncryptionContext:Dept', 'IT')),
];
const it25 = [
  allow(
    aliceArn,
    'kms:Decrypt',
    when('ForAllValues:StringEquals', 'kms:EncryptionContextKeys', ['AppName']),
  ),
];
const it26 = [allow(aliceArn, 'kms:Decrypt', when('Null', 'kms:EncryptionContextKeys', 'false'))];
const it27 = [
  allow(aliceArn),
  deny(
    aliceArn,
    ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*'],
    when('StringNotEquals', 'kms:EncryptionAlgorithm', 'RSAES_OAEP_SHA_256'),
  ),
];
const it28 = (operator: string) => [
  allow(aliceArn),
  deny('*', 'kms:*', when(operator, 'aws:SourceVpce', 'vpce-1')),
];
const it22 = [
  allow('*', 'kms:Decrypt', {
    Condition: {
      StringEquals: { 'kms:CallerAccount': A, 'kms:ViaService': 'ec2.us-east-1.amazonaws.com' },
    },
  }),
];
const it32 = [
  allow(aliceArn, 'kms:Decrypt', when('StringEquals', 'kms:RequestAlias', 'alias/app')),
];
const it33 = iam(
  'kms:Decrypt',
  `arn:aws:kms:us-east-1:${A}:key/*`,
  when('ForAnyValue:StringLike', 'kms:ResourceAliases', 'alias/fin*'),
);
const it34 = iam('kms:Decrypt', '*', when('StringEquals', 'aws:ResourceTag/env', 'dev'));
// biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable.
const ownUser = '${aws:username}';
const it37 = iam('kms:Decrypt', '*', when('StringEquals', 'kms:EncryptionContext:user', ownUser));
const it39 = [ROOT, s('Deny', 'kms:*', { NotPrincipal: { AWS: [aliceArn, rootArn] } })];
const it42 = (operator: string, key: string, value: unknown) => [
  allow(aliceArn, 'kms:Decrypt', when(operator, key, value)),
];
const it43 = [
  allow('*', 'kms:Decrypt', when('ArnLike', 'aws:PrincipalArn', `arn:aws:iam::${A}:role/App*`)),
];
const appX = { 'aws:PrincipalArn': `arn:aws:iam::${A}:role/AppX` };
const range = ['192.0.2.0/24', '2001:db8::/32'];

const rows: readonly Row[] = [
  ['1', [ROOT], { identity: decryptKey }, 'allow'],
  ['2', [ROOT], {}, 'deny'],
  ['3', [allow(aliceArn, 'kms:Decrypt')], {}, 'allow'],
  ['4', [allow(aliceArn)], { caller: 'bob', identity: iam() }, 'deny'],
  ['5', [ROOT, deny(aliceArn, 'kms:Decrypt')], { identity: decryptKey }, X],
  ['6', [allow(aliceArn)], { identity: [s('Deny', 'kms:Decrypt')] }, X],
  ['7', [ROOT], { caller: 'root' }, 'allow'],
  ['8', [allow(aliceArn)], { caller: 'root' }, 'deny'],
  ['9a', [allow(rootArn, 'kms:DescribeKey')], { identity: iam() }, 'deny'],
  [
    '9b',
    [allow(rootArn, 'kms:DescribeKey')],
    { identity: iam(), action: 'kms:DescribeKey' },
    'allow',
  ],
  [
    '10',
    [ROOT, allow(foreignRootArn, 'kms:Decrypt')],
    { caller: 'foreignUser', identity: decryptKey },
    'allow',
  ],
  ['11', [ROOT, allow(foreignRootArn, 'kms:Decrypt')], { caller: 'foreignUser' }, 'deny'],
  ['12', [ROOT], { caller: 'foreignUser', identity: decryptKey }, 'deny'],
  ['13', [allow(foreignUserArn)], { caller: 'foreignUser' }, 'deny'],
  [
    '14',
    [allow(foreignRootArn)],
    { caller: 'foreignUser', identity: iam('kms:Decrypt', KEY.replace('1234abcd', '0000abcd')) },
    'deny',
  ],
  [
    '15',
    [allow(foreignRootArn)],
    {
      caller: 'foreignUser',
      identity: iam(),
      action: 'kms:ScheduleKeyDeletion',
      crossAccountCapable: false,
    },
    'deny',
  ],
  ['16', [allow(appArn)], { caller: 'session' }, 'allow'],
  ['17', [allow(appArn)], { caller: 'session', boundary: s3Only }, 'deny'],
  ['18', [allow(sessionArn)], { caller: 'session', boundary: s3Only }, 'allow'],
  ['19', [allow(appArn)], { caller: 'session', session: s3Only }, 'deny'],
  ['20', [allow(aliceArn)], { boundary: s3Only }, 'allow'],
  ['21', [ROOT], { boundary: s3Only, identity: decryptKey }, 'deny'],
  ['22a', it22, { context: { 'kms:CallerAccount': A } }, 'deny'],
  [
    '22b',
    it22,
    { context: { 'kms:CallerAccount': A, 'kms:ViaService': 'ec2.us-east-1.amazonaws.com' } },
    'allow',
  ],
  ['23a', [allow('*')], {}, 'allow'],
  ['23b', [allow('*')], { caller: 'foreignUser' }, 'deny'],
  ['23c', [allow('*')], { caller: 'foreignUser', identity: iam() }, 'allow'],
  ['24a', it24, { context: { 'kms:EncryptionContext:Dept': 'IT' } }, 'allow'],
  ['24b', it24, { context: { 'kms:EncryptionContext:dept': 'IT' } }, 'allow'],
  ['24c', it24, { context: { 'kms:EncryptionContext:Dept': 'it' } }, 'deny'],
  ['24d', it24, {}, 'deny'],
  ['25a', it25, {}, 'allow'],
  ['25b', it25, { context: { 'kms:EncryptionContextKeys': ['AppName', 'X'] } }, 'deny'],
  ['25c', it25, { context: { 'kms:EncryptionContextKeys': ['appname'] } }, 'deny'],
  ['26a', it26, { context: { 'kms:EncryptionContextKeys': ['a'] } }, 'allow'],
  ['26b', it26, {}, 'deny'],
  ['27a', it27, { context: { 'kms:EncryptionAlgorithm': 'SYMMETRIC_DEFAULT' } }, X],
  ['27b', it27, { action: 'kms:DescribeKey' }, 'allow'],
  ...['StringNotEquals', 'StringNotEqualsIfExists'].flatMap((operator): Row[] => [
    [`28a ${operator}`, it28(operator), {}, X],
    [`28b ${operator}`, it28(operator), { context: { 'aws:SourceVpce': 'vpce-1' } }, 'allow'],
  ]),
  ['29a', it42('StringEqualsIfExists', 'aws:SourceVpce', 'vpce-1'), {}, 'allow'],
  ['29b', it42('StringEquals', 'aws:SourceVpce', 'vpce-1'), {}, 'deny'],
  ['30', [ROOT], { identity: decryptKey, scp: [[s('Allow', '*'), s('Deny', 'kms:Decrypt')]] }, X],
  ['31', [ROOT], { identity: iam('kms:Decrypt', `arn:aws:kms:us-east-1:${A}:alias/app`) }, 'deny'],
  ['32a', it32, {}, 'deny'],
  ['32b', it32, { context: { 'kms:RequestAlias': 'alias/app' } }, 'allow'],
  [
    '33a',
    [ROOT],
    { identity: it33, context: { 'kms:ResourceAliases': ['alias/finance'] } },
    'allow',
  ],
  ['33b', [ROOT], { identity: it33, context: { 'kms:ResourceAliases': [] } }, 'deny'],
  ['34a', [ROOT], { identity: it34, context: { 'aws:ResourceTag/env': 'dev' } }, 'allow'],
  ['34b', [ROOT], { identity: it34, context: { 'aws:ResourceTag/env': 'prod' } }, 'deny'],
  ['35a', [ROOT], { caller: 'bob', identity: decryptKey, endpoint: [allow(aliceArn)] }, 'deny'],
  ['35b', [ROOT], { caller: 'bob', identity: decryptKey }, 'allow'],
  ['36', [{ Effect: 'Allow', Action: 'kms:*', Principal: { AWS: aliceArn } }], {}, 'deny'],
  [
    '37a',
    [ROOT],
    { identity: it37, context: { 'aws:username': 'alice', 'kms:EncryptionContext:user': 'alice' } },
    'allow',
  ],
  [
    '37b',
    [ROOT],
    { identity: it37, context: { 'aws:username': 'alice', 'kms:EncryptionContext:user': 'bob' } },
    'deny',
  ],
  [
    '37c',
    [ROOT],
    {
      identity: { version: null, statements: it37 },
      context: { 'aws:username': 'alice', 'kms:EncryptionContext:user': 'alice' },
    },
    'deny',
  ],
  [
    '38a',
    [
      {
        Effect: 'Allow',
        NotAction: 'kms:ScheduleKeyDeletion',
        Resource: '*',
        Principal: { AWS: aliceArn },
      },
    ],
    {},
    'allow',
  ],
  [
    '38b',
    [
      {
        Effect: 'Allow',
        NotAction: 'kms:ScheduleKeyDeletion',
        Resource: '*',
        Principal: { AWS: aliceArn },
      },
    ],
    { action: 'kms:ScheduleKeyDeletion' },
    'deny',
  ],
  ['39a', it39, { identity: decryptKey }, 'allow'],
  ['39b', it39, { caller: 'bob', identity: decryptKey }, X],
  ['40a', [allow(aliceArn, 'KMS:decrypt')], {}, 'allow'],
  [
    '40b',
    [allow(aliceArn, 'kms:Generate*Key*')],
    { action: 'kms:GenerateDataKeyWithoutPlaintext' },
    'allow',
  ],
  [
    '41',
    [
      allow(
        aliceArn,
        'kms:EnableKeyRotation',
        when('NumericLessThanEquals', 'kms:RotationPeriodInDays', 365),
      ),
    ],
    { action: 'kms:EnableKeyRotation', context: { 'kms:RotationPeriodInDays': '90' } },
    'allow',
  ],
  [
    '42a',
    it42('DateLessThan', 'aws:CurrentTime', '2026-01-01T00:00:00Z'),
    { context: { 'aws:CurrentTime': '2026-02-01T00:00:00Z' } },
    'deny',
  ],
  [
    '42b',
    it42('IpAddress', 'aws:SourceIp', range),
    { context: { 'aws:SourceIp': '2001:db8::5' } },
    'allow',
  ],
  [
    '42c',
    it42('NotIpAddress', 'aws:SourceIp', range),
    { context: { 'aws:SourceIp': '192.0.2.77' } },
    'deny',
  ],
  ['43a', it43, { caller: 'otherSession', context: appX }, 'allow'],
  ['43b', it43, { caller: 'otherSession', context: appX, boundary: s3Only }, 'allow'],
  ['44', [allow(A)], { identity: decryptKey }, 'allow'],
  ['45', [allow(appArn)], { caller: 'session' }, 'allow'],
  [
    '46',
    it42('Bool', 'aws:SecureTransport', 'true'),
    { context: { 'aws:SecureTransport': 'false' } },
    'deny',
  ],
  [
    '47',
    [
      allow(aliceArn, 'kms:*', {
        Condition: {
          StringEquals: { 'kms:EncryptionContext:a': '1', 'kms:EncryptionContext:b': ['2', '3'] },
        },
      }),
    ],
    { context: { 'kms:EncryptionContext:a': '1', 'kms:EncryptionContext:b': '4' } },
    'deny',
  ],
  ['48a', undefined, { action: 'kms:ListKeys', resource: 'none', identity: iam() }, 'allow'],
  [
    '48b',
    undefined,
    { action: 'kms:ListKeys', resource: 'none', identity: iam('kms:*', KEY) },
    'deny',
  ],
  ['49', [ROOT, deny(foreignRootArn)], { identity: decryptKey }, 'allow'],
  ['50', [allow(aliceArn), deny(rootArn, 'kms:Decrypt')], {}, X],
  ['51', [ROOT], { grant: 'user' }, 'allow'],
  ['52', [ROOT, deny(aliceArn)], { grant: 'user' }, X],
  ['53', [ROOT], { caller: 'foreignUser', grant: 'user' }, 'allow'],
  [
    '54a',
    [ROOT],
    { action: 'kms:CreateAlias', resource: 'alias', identity: iam('kms:CreateAlias', KEY) },
    'deny',
  ],
  [
    '54b',
    [ROOT],
    {
      action: 'kms:CreateAlias',
      identity: iam('kms:CreateAlias', `arn:aws:kms:us-east-1:${A}:alias/app`),
    },
    'deny',
  ],
  [
    '54c',
    [ROOT],
    { action: 'kms:CreateAlias', resource: 'alias', identity: iam('kms:CreateAlias') },
    'allow',
  ],
  ['55', [allow(aliceArn, 'kms:ReEncryptFrom')], { action: 'kms:ReEncryptTo' }, 'deny'],
  [
    '58',
    [allow(aliceArn, 'kms:CreateGrant', when('Bool', 'kms:GrantIsForAWSResource', 'true'))],
    { action: 'kms:CreateGrant' },
    'deny',
  ],
];

export const workedCases: readonly AccessCase[] = rows.map(([name, key, more, expected]) => ({
  name,
  rule: 'access control, section 14',
  caller: 'alice',
  ...(key !== undefined && { key }),
  ...more,
  expected,
}));
