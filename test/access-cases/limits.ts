/** Limits, levels, grants and variables: the steps that the worked examples leave out. */
import {
  A,
  type AccessCase,
  aliceArn,
  appArn,
  B,
  foreignRootArn,
  KEY,
  rootArn,
  type StatementText,
  sessionArn,
} from './case.ts';

const allow = (AWS: string | readonly string[], more: object = {}): StatementText => ({
  ...{ Effect: 'Allow', Action: 'kms:*', Resource: '*', Principal: { AWS } },
  ...more,
});
const iam = [{ Effect: 'Allow', Action: 'kms:*', Resource: '*' }];
const s3Only = [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }];
const iamBut = [...iam, { Effect: 'Deny', Action: 'kms:Decrypt', Resource: '*' }];
const everyone = (...statements: readonly object[]) =>
  statements.map((statement) => ({ ...statement, Principal: '*' }));
const denyBut = (...AWS: string[]): StatementText => ({
  ...{ Effect: 'Deny', Action: 'kms:*', Resource: '*', NotPrincipal: { AWS } },
});
const whenDept = (value: string) => ({
  Condition: { StringEquals: { 'kms:EncryptionContext:Dept': value } },
});
// biome-ignore-start lint/suspicious/noTemplateCurlyInString: policy variables.
const fallback = "${aws:PrincipalTag/team, 'none'}";
const team = '${aws:PrincipalTag/team}';
const ROOT = allow(rootArn);

type Row = readonly [
  name: string,
  rule: string,
  given: Partial<AccessCase>,
  expected: AccessCase['expected'],
];
const evaluation = 'section 2; IAM, Policy evaluation logic';
const principal = 'section 3; IAM, AWS JSON policy elements: Principal';
const variables = 'section 6; IAM, Variables and tags';
const grants = 'section 11; KMS, Grants in AWS KMS';
const X = 'explicit deny';

const rows: readonly Row[] = [
  ['boundary denies', evaluation, { key: [allow(aliceArn)], boundary: iamBut }, X],
  ['boundary allows', evaluation, { key: [ROOT], identity: iam, boundary: iam }, 'allow'],
  [
    'session denies',
    evaluation,
    { caller: 'session', key: [allow(sessionArn)], session: iamBut },
    X,
  ],
  [
    'session policy allows',
    evaluation,
    { caller: 'session', key: [allow(appArn)], session: iam },
    'allow',
  ],
  ['RCP denies', evaluation, { key: [allow(aliceArn)], rcp: [everyone(...iamBut)] }, X],
  ['RCP is silent', evaluation, { key: [allow(aliceArn)], rcp: [everyone(...s3Only)] }, 'deny'],
  ['RCP allows', evaluation, { key: [allow(aliceArn)], rcp: [everyone(...iam)] }, 'allow'],
  [
    'one of two SCP levels is silent',
    evaluation,
    { key: [allow(aliceArn)], scp: [iam, s3Only] },
    'deny',
  ],
  ['both SCP levels allow', evaluation, { key: [allow(aliceArn)], scp: [iam, iam] }, 'allow'],
  ['SCP binds a root', evaluation, { caller: 'root', key: [ROOT], scp: [s3Only] }, 'deny'],
  [
    'endpoint policy denies',
    evaluation,
    { key: [allow(aliceArn)], endpoint: everyone(...iamBut) },
    X,
  ],
  [
    'foreign root of an account named',
    evaluation,
    { caller: 'foreignRoot', key: [allow(foreignRootArn)] },
    'allow',
  ],
  [
    'foreign caller within limits',
    evaluation,
    { caller: 'foreignUser', key: [allow(B)], identity: iam, boundary: s3Only },
    'deny',
  ],
  [
    'role grant within a boundary',
    grants,
    { caller: 'session', key: [ROOT], grant: 'role', boundary: s3Only },
    'deny',
  ],
  ['role grant, role session', grants, { caller: 'session', key: [ROOT], grant: 'role' }, 'allow'],
  [
    'session grant within a boundary',
    grants,
    { caller: 'session', key: [ROOT], grant: 'session', boundary: s3Only },
    'allow',
  ],
  [
    'account grant without IAM',
    grants,
    { caller: 'foreignUser', key: [ROOT], grant: 'account' },
    'deny',
  ],
  [
    'account grant with IAM',
    grants,
    { caller: 'foreignUser', key: [ROOT], grant: 'account', identity: iam },
    'allow',
  ],
  ['grant and a refusing IAM policy', grants, { key: [ROOT], grant: 'user', identity: iamBut }, X],
  ['grant and a silent SCP', grants, { key: [ROOT], grant: 'user', scp: [s3Only] }, 'deny'],
  ['user by unique id', principal, { key: [allow('AIDAALICEALICEALICE1')] }, 'allow'],
  ['another user by unique id', principal, { key: [allow('AIDABOBBOBBOBBOBBOB1')] }, 'deny'],
  [
    'role by unique id',
    principal,
    { caller: 'session', key: [allow('AROAAPPAPPAPPAPPAPP1')] },
    'allow',
  ],
  [
    'role by unique id is cut by a boundary',
    principal,
    { caller: 'session', key: [allow('AROAAPPAPPAPPAPPAPP1')], boundary: s3Only },
    'deny',
  ],
  [
    'federated user',
    principal,
    { caller: 'federated', key: [allow(`arn:aws:sts::${A}:federated-user/fred`)] },
    'allow',
  ],
  [
    'issuer of a federated user',
    principal,
    { caller: 'federated', key: [allow(aliceArn)] },
    'deny',
  ],
  [
    'service',
    principal,
    { caller: 'service', key: [{ ...ROOT, Principal: { Service: 's3.amazonaws.com' } }] },
    'allow',
  ],
  [
    'another service',
    principal,
    { caller: 'service', key: [{ ...ROOT, Principal: { Service: 'ec2.amazonaws.com' } }] },
    'deny',
  ],
  [
    'user name in another case',
    principal,
    { key: [allow(aliceArn.replace('alice', 'Alice'))] },
    'deny',
  ],
  ['strongest of two principals', principal, { key: [allow([rootArn, aliceArn])] }, 'allow'],
  [
    'Deny but the user, not the account',
    principal,
    { key: [ROOT, denyBut(aliceArn)], identity: iam },
    X,
  ],
  [
    'Deny but the user by id and the account',
    principal,
    { key: [ROOT, denyBut('AIDAALICEALICEALICE1', A)], identity: iam },
    'allow',
  ],
  [
    'Deny but session and account, not the role',
    principal,
    { caller: 'session', key: [ROOT, denyBut(sessionArn, rootArn)], identity: iam },
    X,
  ],
  [
    'Deny but session, role and account',
    principal,
    { caller: 'session', key: [ROOT, denyBut(sessionArn, appArn, rootArn)], identity: iam },
    'allow',
  ],
  [
    'Deny but the account: its root',
    principal,
    { caller: 'root', key: [ROOT, denyBut(rootArn)] },
    'allow',
  ],
  [
    'default of a variable',
    variables,
    {
      key: [allow(aliceArn, whenDept(fallback))],
      context: { 'kms:EncryptionContext:Dept': 'none' },
    },
    'allow',
  ],
  [
    'default not needed',
    variables,
    {
      key: [allow(aliceArn, whenDept(fallback))],
      context: { 'kms:EncryptionContext:Dept': 'none', 'aws:PrincipalTag/team': 'red' },
    },
    'deny',
  ],
  [
    'variable whose value is a star',
    variables,
    {
      key: [allow(aliceArn, { Condition: { StringLike: { 'kms:EncryptionContext:Dept': team } } })],
      context: { 'kms:EncryptionContext:Dept': 'IT', 'aws:PrincipalTag/team': '*' },
    },
    'deny',
  ],
  [
    'escaped star',
    variables,
    {
      key: [
        allow(aliceArn, { Condition: { StringLike: { 'kms:EncryptionContext:Dept': 'a${*}' } } }),
      ],
      context: { 'kms:EncryptionContext:Dept': 'ab' },
    },
    'deny',
  ],
  [
    'Resource with a variable',
    variables,
    {
      key: [ROOT],
      identity: [{ ...iam[0], Resource: KEY.replace('1234abcd', team) }],
      context: { 'aws:PrincipalTag/team': '1234abcd' },
    },
    'allow',
  ],
  [
    'Resource with a variable without value',
    variables,
    { key: [ROOT], identity: [{ ...iam[0], Resource: `${KEY}${team}` }] },
    'deny',
  ],
  [
    'NotResource with a variable without value',
    variables,
    { key: [ROOT], identity: [{ Effect: 'Allow', Action: '*', NotResource: `${KEY}${team}` }] },
    'deny',
  ],
  [
    'IPv6 with the bits of an IPv4',
    'section 5; IAM, Condition operators',
    {
      key: [allow(aliceArn, { Condition: { IpAddress: { 'aws:SourceIp': '192.0.2.0/24' } } })],
      context: { 'aws:SourceIp': '::192.0.2.1' },
    },
    'deny',
  ],
  [
    'an empty set is no value',
    'section 5; IAM, Condition operators',
    {
      key: [allow(aliceArn, { Condition: { Null: { 'kms:EncryptionContextKeys': 'true' } } })],
      context: { 'kms:EncryptionContextKeys': [] },
    },
    'allow',
  ],
  [
    'one character beyond the basic plane',
    'section 5; IAM, Condition operators',
    {
      key: [
        allow(aliceArn, { Condition: { StringLike: { 'kms:EncryptionContext:Dept': 'a?b' } } }),
      ],
      context: { 'kms:EncryptionContext:Dept': 'a\u{1f511}b' },
    },
    'allow',
  ],
];

export const limitCases: readonly AccessCase[] = rows.map(([name, rule, given, expected]) => ({
  name,
  rule: `access control, ${rule}`,
  caller: 'alice',
  ...given,
  expected,
}));
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: policy variables.
