import { describe, expect, test } from 'vitest';
import { readConfig } from '../../../src/config/read-config.ts';
import { configSchema } from '../../../src/config/schema.ts';
import { readText } from '../../support/files.ts';

const problems = (text: string): string[] =>
  readConfig(text).problems.map(({ line, column, message }) => `${line}:${column} ${message}`);

const good = `version: 1
accounts:
  "111122223333":
    policies:
      UseKeys: { Version: "2012-10-17", Statement: [{ Effect: Allow, Action: "kms:*", Resource: "*" }] }
    groups:
      Ops: { policies: [UseKeys] }
    users:
      alice: { groups: [Ops], accessKeys: [{}] }
    roles:
      App:
        trustPolicy: '{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}'
        policies: ["arn:aws:iam::aws:policy/AdministratorAccess"]
organizations:
  - id: o-exampleorgid
    managementAccount: "999999999999"
    root:
      id: r-ab12
      accounts: { "999999999999": , "111122223333": {} }
`;

test('a good file has no problems, as YAML and as JSON', () => {
  const { config } = readConfig(good);
  expect(config).toBeDefined();
  expect(readConfig(JSON.stringify(config, null, 1))).toEqual({ config, problems: [] });
});

describe('a problem has its line and column', () => {
  test.each([
    ['', ['1:1 the file: must be object']],
    [
      'version: 1\naccounts: [\n',
      ['3:1 Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ],
    ['version: 2\n', ['1:10 version: must be equal to constant (1)']],
    ['version: 1\nversion: 1\n', ['2:1 Map keys must be unique']],
    ['version: 1\nusers: {}\n', ['2:1 users: there is no such member']],
    [
      'version: 1\naccounts:\n  12: {}\n',
      ['3:3 accounts.12: the name must match pattern "^[0-9]{12}$"'],
    ],
    [
      good.replace('groups: [Ops]', 'groups: [Dev]'),
      ['9:25 accounts.111122223333.users.alice.groups.0: the account has no such group'],
    ],
    [
      good.replace('policies: [UseKeys]', 'policies: [UseNone]'),
      ['7:25 accounts.111122223333.groups.Ops.policies.0: there is no such managed policy'],
    ],
    [
      good.replace('accessKeys: [{}]', 'accessKeys: [{ id: AKIAIOSFODNN7EXAMPLE }]'),
      [
        '9:44 accounts.111122223333.users.alice.accessKeys.0: must have property secret when property id is present (id and secret, or neither: then the server makes a key)',
      ],
    ],
    [
      good.replace('      alice:', '      ALICE: {}\n      alice:'),
      ['10:7 accounts.111122223333.users.alice: another name differs from it in case only'],
    ],
    [
      good.replace(`'{"Statement"`, `'{"Statement`),
      ['12:22 accounts.111122223333.roles.App.trustPolicy: the policy is not valid JSON'],
    ],
    [
      good.replace('"999999999999": ,', ''),
      ['16:24 organizations.0.managementAccount: the account is in no unit'],
    ],
  ])('%#', (text, expected) => {
    expect(problems(text)).toEqual(expected);
  });
});

test('no secret is in a problem', () => {
  const text = good.replace(
    'accessKeys: [{}]',
    'accessKeys: [{ id: AKIAIOSFODNN7EXAMPL1, secret: hunter2 }]',
  );
  expect(problems(text)).toHaveLength(2);
  expect(problems(text).join()).not.toMatch(/hunter2|EXAMPL1/);
});

test('a name of Object is a name like others', () => {
  const text = good.replace('groups: [Ops]', 'groups: [constructor, __proto__]');
  expect(problems(text)).toHaveLength(2);
});

test('aliases do not grow without bound', () => {
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
  for (let i = 0; i < 9; i++)
    bomb.push(`${'bcdefghij'[i]}: &${'bcdefghij'[i]} [${`*${'abcdefghi'[i]},`.repeat(9)}]`);
  expect(problems(bomb.join('\n')).join()).toMatch(/alias/);
});

test('a policy beyond its length is refused', () => {
  const long = JSON.stringify({ Statement: [{ Sid: 'x'.repeat(6144) }] });
  const text = good.replace(/UseKeys: \{ V.*/, `UseKeys: '${long}'`);
  expect(problems(text)).toEqual([
    expect.stringMatching(/^5:16 .*UseKeys: the policy has 6\d+ characters, and 6144 are allowed$/),
  ]);
});

test('the published schema is the one that checks', () => {
  expect(JSON.parse(readText('docs/strongroom.schema.json'))).toEqual(configSchema);
});
