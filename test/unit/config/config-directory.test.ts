import { expect, test } from 'vitest';
import { uniqueId } from '../../../src/access/directory.ts';
import type { RolePrincipal, UserPrincipal } from '../../../src/access/principal.ts';
import { ConfigDirectory, generatedKeys } from '../../../src/config/config-directory.ts';
import { readConfig } from '../../../src/config/read-config.ts';

const account = '111122223333';
const { config } = readConfig(`version: 1
accounts:
  "${account}":
    root: { accessKeys: [{ profile: owner }] }
    policies: { Own: { Statement: [1] }, Wall: { Statement: [2] } }
    groups: { Ops: { policies: [Own], inlinePolicies: { Group: { Statement: [3] } } } }
    users:
      alice:
        path: /team/
        tags: { team: blue }
        groups: [Ops]
        permissionsBoundary: Wall
        inlinePolicies: { Mine: '{"Statement":[4]}' }
        accessKeys: [{}, { id: AKIAIOSFODNN7EXAMPLE, secret: wJalrXUtnFEMIK7MDENG }]
      bob: { accessKeys: [{ id: AKIAIOSFODNN7EXAMPLF, secret: wJalrXUtnFEMIK7MDENG, status: Inactive }] }
    roles:
      App: { path: /x/, trustPolicy: { Statement: [5] }, policies: ["arn:aws:iam::aws:policy/AdministratorAccess"], maxSessionDuration: 7200 }
organizations:
  - id: o-exampleorgid
    managementAccount: "999999999999"
    root:
      id: r-ab12
      accounts: { "999999999999": }
      units:
        - id: ou-ab12-abcdefgh
          serviceControlPolicies: { NoDelete: { Statement: [6] } }
          accounts:
            "${account}": { resourceControlPolicies: { Wall: { Statement: [7] } } }
`);
if (config === undefined) throw new Error('the file of this test is broken');
const made = { accessKeyId: 'AKIAMADEMADEMADEMADE', secretAccessKey: 's'.repeat(40) };
const directory = new ConfigDirectory(config, new Map([[`${account}-alice`, made]]));

const alice = directory.get('AKIAIOSFODNN7EXAMPLE')?.principal as UserPrincipal;

test('access keys lead to principals; those that are inactive or not made lead nowhere', () => {
  expect(alice).toEqual({
    type: 'IAMUser',
    accountId: account,
    arn: `arn:aws:iam::${account}:user/team/alice`,
    userId: uniqueId('AIDA', account, 'alice'),
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    userName: 'alice',
  });
  expect(alice.userId).toMatch(/^AIDA[A-Z2-7]{17}$/);
  expect(directory.get(made.accessKeyId)?.principal.arn).toBe(alice.arn);
  expect(directory.get('AKIAIOSFODNN7EXAMPLF')).toBeUndefined();
  expect(generatedKeys(config).map(({ profile }) => profile)).toEqual([
    'owner',
    `${account}-alice`,
  ]);
});

test('a user has its own policies and those of its groups, and its boundary', () => {
  const { identity, boundary, session } = directory.policiesOf(alice);
  expect(identity).toEqual([
    { name: 'Mine', text: '{"Statement":[4]}' },
    { name: `arn:aws:iam::${account}:policy/Own`, text: '{"Statement":[1]}' },
    { name: 'Group', text: '{"Statement":[3]}' },
  ]);
  expect(boundary?.name).toBe(`arn:aws:iam::${account}:policy/Wall`);
  expect(session).toBeUndefined();
  expect(directory.tagsOf(alice)).toEqual(new Map([['team', 'blue']]));
});

test('a session has the policies of its role and those it was given, and nothing when the role is gone', () => {
  const session: RolePrincipal = {
    type: 'AssumedRole',
    accountId: account,
    arn: `arn:aws:sts::${account}:assumed-role/App/s`,
    userId: 'AROA:s',
    accessKeyId: 'ASIA',
    roleArn: `arn:aws:iam::${account}:role/x/App`,
    roleName: 'App',
    sessionName: 's',
    session: {
      issuedAtMs: 0,
      expiresAtMs: 1,
      mfaAuthenticated: false,
      tags: new Map(),
      policies: ['{}'],
    },
  };
  const { identity, session: passed } = directory.policiesOf(session);
  expect(identity.map(({ name }) => name)).toEqual(['arn:aws:iam::aws:policy/AdministratorAccess']);
  expect(passed?.map(({ text }) => text)).toEqual(['{}']);
  const gone = { ...session, roleArn: `arn:aws:iam::${account}:role/App` };
  expect(directory.policiesOf(gone).identity).toEqual([]);
});

test('limits go from the root of the organisation down; its management account has none', () => {
  const { serviceControl, resourceControl } = directory.limitsOf(account);
  expect(serviceControl.map((level) => level.map(({ name }) => name))).toEqual([
    [expect.stringContaining('FullAWSAccess')],
    ['NoDelete'],
    [expect.stringContaining('FullAWSAccess')],
  ]);
  expect(resourceControl.at(-1)?.map(({ text }) => text)).toEqual(['{"Statement":[7]}']);
  expect(directory.limitsOf('999999999999').serviceControl).toEqual([]);
  expect(directory.organizationOf(account)).toEqual({
    id: 'o-exampleorgid',
    path: 'o-exampleorgid/r-ab12/ou-ab12-abcdefgh/',
  });
  expect(directory.organizationOf('123456789012')).toBeUndefined();
});

test('names, ARNs and ids lead to each other', () => {
  const role = directory.role(account, 'App')!;
  expect(role).toMatchObject({ maxSessionDuration: 7200, id: uniqueId('AROA', account, 'App') });
  expect(directory.roles(account)).toEqual([role]);
  expect(directory.idOf(role.arn)).toBe(role.id);
  expect(directory.arnOf(role.id)).toBe(role.arn);
  expect(directory.user(account, 'alice')?.arn).toBe(alice.arn);
  expect(directory.arnOf(role.arn)).toBeUndefined();
  expect(directory.idOf(role.id)).toBeUndefined();
  for (const arn of [role.arn, alice.arn, `arn:aws:iam::${account}:root`])
    expect(directory.exists(arn)).toBe(true);
  expect(directory.exists(`arn:aws:iam::${account}:role/App`)).toBe(false);
  expect(directory.user(account, 'App') ?? directory.role('1', 'App')).toBeUndefined();
});
