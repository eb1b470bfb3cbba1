/** STS and IAM beside the KMS, with the clients of AWS. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GetRoleCommand, GetUserCommand, IAMClient, ListRolesCommand } from '@aws-sdk/client-iam';
import { KMSClient, ListKeysCommand } from '@aws-sdk/client-kms';
import {
  AssumeRoleCommand,
  GetCallerIdentityCommand,
  GetFederationTokenCommand,
  GetSessionTokenCommand,
  STSClient,
} from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { uniqueId } from '../../src/access/directory.ts';
import { adminRequest } from '../../src/admin/admin-client.ts';
import { type StartedServer, startServer } from '../../src/testing/start-server.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { describeWithTool } from '../support/tools.ts';
import { presign } from '../unit/access/sign.ts';

const account = '111122223333';
const key = (id: string) => ({
  accessKeyId: `AKIA${id}EXAMPLE`,
  secretAccessKey: `${id}-secret-access-key`,
});
const root = key('ROOTROOT');
const alice = key('ALICEALI');
const bob = key('BOBBOBBO');
const allow = (Action: string): string =>
  JSON.stringify({ Statement: { Effect: 'Allow', Action, Resource: '*' } });
const trust = (AWS: string, Action: string, Condition?: object): string =>
  JSON.stringify({ Statement: { Effect: 'Allow', Principal: { AWS }, Action, Condition } });
const scratch = scratchDirectory();
const file = join(scratch, 'strongroom.yaml');
const entry = ({ accessKeyId, secretAccessKey }: typeof root): string =>
  `accessKeys: [{ id: ${accessKeyId}, secret: ${secretAccessKey} }]`;
writeFileSync(
  file,
  `version: 1
accounts:
  "${account}":
    root: { ${entry(root)} }
    users:
      alice: { path: /team/, tags: { team: "<blue>" }, ${entry(alice)} }
      bob: { ${entry(bob)}, inlinePolicies: { Sts: ${allow('sts:*')} } }
    roles:
      App: { path: /x/, trustPolicy: ${trust(`arn:aws:iam::${account}:user/team/alice`, 'sts:AssumeRole')}, description: "a & b" }
      Ops:
        trustPolicy: ${trust(account, 'sts:*', { StringEquals: { 'sts:ExternalId': 'x1', 'aws:RequestTag/team': 'red' } })}
        inlinePolicies: { Iam: ${allow('iam:*')} }
        maxSessionDuration: 7200
      List: { path: /y/, trustPolicy: ${trust(account, 'sts:*')}, inlinePolicies: { Iam: ${allow('iam:*')}, Sts: ${allow('sts:*')} } }
`,
);

type Credentials = typeof root & { readonly sessionToken?: string };

let server: StartedServer;
beforeAll(async () => {
  server = await startServer({ dataDirectory: join(scratch, 'data'), flags: ['--config', file] });
}, 60_000);
afterAll(async () => {
  await server.stop();
});

const config = (credentials: Credentials) => ({
  endpoint: server.endpoint,
  region: server.region,
  maxAttempts: 1,
  credentials,
});
const sts = (credentials: Credentials): STSClient => new STSClient(config(credentials));
const iam = (credentials: Credentials): IAMClient => new IAMClient(config(credentials));
const kms = (credentials: Credentials): KMSClient => new KMSClient(config(credentials));

async function refused(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => new Error('it was not refused'),
    (reason: Error) => reason,
  );
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return `${$metadata?.httpStatusCode} ${error.name}: ${error.message}`;
}

interface Issued {
  readonly AccessKeyId?: string | undefined;
  readonly SecretAccessKey?: string | undefined;
  readonly SessionToken?: string | undefined;
  readonly Expiration?: Date | undefined;
}
function temporary(issued: Issued | undefined): Required<Credentials> {
  expect(issued?.AccessKeyId).toMatch(/^ASIA/);
  return {
    accessKeyId: issued?.AccessKeyId ?? '',
    secretAccessKey: issued?.SecretAccessKey ?? '',
    sessionToken: issued?.SessionToken ?? '',
  };
}

describe('GetCallerIdentity', () => {
  it('says who a root and a user are', async () => {
    expect(await sts(root).send(new GetCallerIdentityCommand({}))).toMatchObject({
      Account: account,
      Arn: `arn:aws:iam::${account}:root`,
      UserId: account,
    });
    expect(await sts(alice).send(new GetCallerIdentityCommand({}))).toMatchObject({
      Arn: `arn:aws:iam::${account}:user/team/alice`,
      UserId: uniqueId('AIDA', account, 'alice'),
    });
  });

  it('may be presigned, as a GET, for whoever wants to know who holds a key', async () => {
    const signed = await presign(
      {
        body: Buffer.alloc(0),
        method: 'GET',
        query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
        headers: { host: new URL(server.endpoint).host },
      },
      { ...alice, date: new Date(), region: server.region, service: 'sts', expiresIn: 60 },
    );
    const answer = await fetch(server.endpoint + signed.url);
    expect(await answer.text()).toContain(`<Arn>arn:aws:iam::${account}:user/team/alice</Arn>`);
    expect(answer.headers.get('content-type')).toBe('text/xml');
    const altered = await fetch(server.endpoint + signed.url.replace(/.$/, '_'));
    expect(altered.status).toBe(403);
    expect(await altered.text()).toMatch(
      /^<ErrorResponse xmlns="https:\/\/sts.amazonaws.com\/doc\/2011-06-15\/"><Error><Type>Sender<\/Type><Code>SignatureDoesNotMatch<\/Code><Message>.*<\/Message><\/Error><RequestId>[0-9a-f-]{36}<\/RequestId><\/ErrorResponse>$/,
    );
  });

  describeWithTool('/usr/bin/aws', 'awscli', 'of the AWS CLI', () => {
    it('is answered', { timeout: 30_000 }, async () => {
      const words = ['sts', 'get-caller-identity', '--endpoint-url', server.endpoint];
      const { stdout } = await promisify(execFile)('/usr/bin/aws', words, {
        env: {
          PATH: '/usr/bin:/bin',
          HOME: scratch,
          AWS_REGION: server.region,
          AWS_DEFAULT_REGION: server.region,
          AWS_ACCESS_KEY_ID: alice.accessKeyId,
          AWS_SECRET_ACCESS_KEY: alice.secretAccessKey,
        },
      });
      expect(JSON.parse(stdout).Arn).toBe(`arn:aws:iam::${account}:user/team/alice`);
    });
  });
});

describe('GetSessionToken', () => {
  it('of a root does what the root does, for an hour at most', async () => {
    const before = Date.now();
    const { Credentials } = await sts(root).send(
      new GetSessionTokenCommand({ DurationSeconds: 7200 }),
    );
    const validMs = Number(Credentials?.Expiration) - before;
    expect(validMs).toBeGreaterThan(3_590_000);
    expect(validMs).toBeLessThanOrEqual(3_600_000);
    const session = temporary(Credentials);
    await kms(session).send(new ListKeysCommand({}));
    expect(await refused(sts(session).send(new GetSessionTokenCommand({})))).toBe(
      '403 AccessDenied: Cannot call GetSessionToken with session credentials',
    );
  });

  it('of a user is that user’s, also after a restart', async () => {
    const { Credentials } = await sts(alice).send(new GetSessionTokenCommand({}));
    const session = temporary(Credentials);
    const who = () => sts(session).send(new GetCallerIdentityCommand({}));
    const expected = { Arn: `arn:aws:iam::${account}:user/team/alice` };
    expect(await who()).toMatchObject(expected);
    const { sessionToken } = session;
    expect(await refused(kms({ ...alice, sessionToken }).send(new ListKeysCommand({})))).toMatch(
      /^400 UnrecognizedClientException: /,
    );
    await server.stop();
    server = await startServer({ dataDirectory: join(scratch, 'data'), flags: ['--config', file] });
    expect(await who()).toMatchObject(expected);
    expect(await refused(kms(session).send(new ListKeysCommand({})))).toMatch(
      /^400 AccessDeniedException: User: arn:aws:iam::111122223333:user\/team\/alice is not authorized/,
    );
  }, 30_000);

  it('ends with its user', async () => {
    const text = readFileSync(file, 'utf8');
    const { Credentials } = await sts(alice).send(new GetSessionTokenCommand({}));
    const session = temporary(Credentials);
    const reload = () => adminRequest(join(scratch, 'data'), 'config-reload');
    writeFileSync(file, text.replace('alice:', 'carol:'));
    await reload();
    const invalid = ': The security token included in the request is invalid.';
    expect(await refused(kms(session).send(new ListKeysCommand({})))).toBe(
      `400 UnrecognizedClientException${invalid}`,
    );
    expect(await refused(sts(session).send(new GetCallerIdentityCommand({})))).toBe(
      `403 InvalidClientTokenId${invalid}`,
    );
    writeFileSync(file, text);
    await reload();
    await sts(session).send(new GetCallerIdentityCommand({}));
  });

  it('refuses durations and codes that AWS refuses', async () => {
    expect(
      await refused(sts(alice).send(new GetSessionTokenCommand({ DurationSeconds: 899 }))),
    ).toMatch(
      /: 1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900$/,
    );
    const code = new GetSessionTokenCommand({
      SerialNumber: 'arn:aws:iam::1:mfa/a',
      TokenCode: '123456',
    });
    expect(await refused(sts(alice).send(code))).toMatch(/^403 AccessDenied: MultiFactor/);
  });
});

describe('GetFederationToken', () => {
  it('of a root names the federated user', async () => {
    const { Credentials, FederatedUser } = await sts(root).send(
      new GetFederationTokenCommand({
        Name: 'bob',
        Policy: allow('kms:*'),
        Tags: [{ Key: 'team', Value: 'red' }],
      }),
    );
    const arn = `arn:aws:sts::${account}:federated-user/bob`;
    expect(FederatedUser).toEqual({ FederatedUserId: `${account}:bob`, Arn: arn });
    const session = temporary(Credentials);
    expect(await sts(session).send(new GetCallerIdentityCommand({}))).toMatchObject({
      Arn: arn,
      UserId: `${account}:bob`,
    });
    expect(await refused(kms(session).send(new ListKeysCommand({})))).toContain(
      `User: ${arn} is not authorized to perform: kms:ListKeys`,
    );
  });

  it('is denied to a user whom no policy allows it, and refuses what is no policy', async () => {
    expect(await refused(sts(alice).send(new GetFederationTokenCommand({ Name: 'bob' })))).toBe(
      `403 AccessDenied: User: arn:aws:iam::${account}:user/team/alice is not authorized to perform: sts:GetFederationToken on resource: arn:aws:sts::${account}:federated-user/bob because no identity-based policy allows the sts:GetFederationToken action`,
    );
    const bad = new GetFederationTokenCommand({ Name: 'bob', Policy: '{' });
    expect(await refused(sts(root).send(bad))).toMatch(/^400 MalformedPolicyDocument/);
    const tags = [
      { Key: 'a', Value: '1' },
      { Key: 'A', Value: '2' },
    ];
    expect(
      await refused(sts(root).send(new GetFederationTokenCommand({ Name: 'bob', Tags: tags }))),
    ).toMatch(/^400 InvalidParameterValue.*: Duplicate tag keys/);
    const wide = Array.from({ length: 50 }, (_, i) => ({ Key: `${i}`, Value: 'x'.repeat(256) }));
    expect(
      await refused(sts(root).send(new GetFederationTokenCommand({ Name: 'bob', Tags: wide }))),
    ).toMatch(/^400 PackedPolicyTooLarge.*: Packed size/);
  });
});

describe('AssumeRole', () => {
  const roleArn = (name: string): string => `arn:aws:iam::${account}:role/${name}`;
  const ask = (name: string, more: object = {}): AssumeRoleCommand =>
    new AssumeRoleCommand({ RoleArn: roleArn(name), RoleSessionName: 'one', ...more });
  const notAuthorized = (who: string, name: string, action = 'sts:AssumeRole'): string =>
    `403 AccessDenied: User: arn:aws:iam::${account}:user/${who} is not authorized to perform: ${action} on resource: ${roleArn(name)}`;

  it('gives a session to whom the trust policy names, and to nobody else', async () => {
    const { Credentials, AssumedRoleUser } = await sts(alice).send(ask('x/App'));
    const arn = `arn:aws:sts::${account}:assumed-role/App/one`;
    const userId = `${uniqueId('AROA', account, 'App')}:one`;
    expect(AssumedRoleUser).toEqual({ AssumedRoleId: userId, Arn: arn });
    const session = temporary(Credentials);
    expect(await sts(session).send(new GetCallerIdentityCommand({}))).toMatchObject({
      Arn: arn,
      UserId: userId,
    });
    for (const name of ['App', 'None'])
      expect(await refused(sts(alice).send(ask(name)))).toBe(notAuthorized('team/alice', name));
    expect(await refused(sts(bob).send(ask('x/App')))).toBe(notAuthorized('bob', 'x/App'));
    expect(await refused(sts(root).send(ask('x/App')))).toBe(
      '403 AccessDenied: Roles may not be assumed by root accounts.',
    );
  });

  it('asks identity policies where the trust policy names the account, and its conditions', async () => {
    const more = { ExternalId: 'x1', Tags: [{ Key: 'team', Value: 'red' }] };
    const { Credentials } = await sts(bob).send(ask('Ops', more));
    await iam(temporary(Credentials)).send(new ListRolesCommand({}));
    expect(await refused(sts(alice).send(ask('Ops', more)))).toBe(
      notAuthorized('team/alice', 'Ops'),
    );
    for (const changed of [{ ExternalId: 'x2' }, { ExternalId: undefined }, { Tags: [] }])
      expect(await refused(sts(bob).send(ask('Ops', { ...more, ...changed })))).toBe(
        notAuthorized('bob', 'Ops'),
      );
  });

  it('lets tags be set only where sts:TagSession is allowed', async () => {
    const Tags = [{ Key: 'team', Value: 'red' }];
    expect(await refused(sts(alice).send(ask('x/App', { Tags })))).toBe(
      notAuthorized('team/alice', 'x/App', 'sts:TagSession'),
    );
    expect(await refused(sts(alice).send(ask('x/App', { SourceIdentity: 'alice' })))).toBe(
      notAuthorized('team/alice', 'x/App', 'sts:SetSourceIdentity'),
    );
  });

  it('is cut by session policies', async () => {
    const Policy = allow('iam:GetRole');
    const { Credentials } = await sts(bob).send(ask('y/List', { Policy }));
    const session = temporary(Credentials);
    await iam(session).send(new GetRoleCommand({ RoleName: 'App' }));
    expect(await refused(iam(session).send(new ListRolesCommand({})))).toMatch(
      /because no session policy allows the iam:ListRoles action$/,
    );
  });

  it('keeps to the durations of role and chain', async () => {
    const more = { ExternalId: 'x1', Tags: [{ Key: 'team', Value: 'red' }] };
    const long = await sts(bob).send(ask('Ops', { ...more, DurationSeconds: 7200 }));
    expect(Number(long.Credentials?.Expiration)).toBeGreaterThan(Date.now() + 7_100_000);
    expect(await refused(sts(bob).send(ask('y/List', { DurationSeconds: 3601 })))).toMatch(
      /: The requested DurationSeconds exceeds the MaxSessionDuration set for this role\.$/,
    );
    const first = temporary((await sts(bob).send(ask('y/List'))).Credentials);
    await sts(first).send(ask('y/List'));
    expect(await refused(sts(first).send(ask('Ops', { ...more, DurationSeconds: 7200 })))).toMatch(
      /1 hour session limit for roles assumed by role chaining/,
    );
  });
});

describe('IAM', () => {
  it('shows users and roles to the account’s root', async () => {
    const { User } = await iam(root).send(new GetUserCommand({ UserName: 'alice' }));
    expect(User).toMatchObject({
      Arn: `arn:aws:iam::${account}:user/team/alice`,
      Path: '/team/',
      Tags: [{ Key: 'team', Value: '<blue>' }],
    });
    const { Role } = await iam(root).send(new GetRoleCommand({ RoleName: 'App' }));
    expect(Role).toMatchObject({ Description: 'a & b', MaxSessionDuration: 3600 });
    expect(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? '')).toContain('sts:AssumeRole');
    expect((await iam(root).send(new GetUserCommand({}))).User?.UserId).toBe(account);
  });

  it('lists roles by page and path', async () => {
    const first = await iam(root).send(new ListRolesCommand({ MaxItems: 1 }));
    expect([first.IsTruncated, first.Roles?.map(({ RoleName }) => RoleName)]).toEqual([
      true,
      ['App'],
    ]);
    const second = await iam(root).send(
      new ListRolesCommand({ MaxItems: 2, Marker: first.Marker }),
    );
    expect([second.IsTruncated, second.Roles?.map(({ RoleName }) => RoleName)]).toEqual([
      false,
      ['List', 'Ops'],
    ]);
    const { Roles } = await iam(root).send(new ListRolesCommand({ PathPrefix: '/x/' }));
    expect(Roles).toHaveLength(1);
  });

  it('refuses as AWS does', async () => {
    expect(await refused(iam(root).send(new GetRoleCommand({ RoleName: 'None' })))).toBe(
      '404 NoSuchEntityException: The role with name None cannot be found.',
    );
    expect(await refused(iam(alice).send(new ListRolesCommand({})))).toMatch(
      /^403 AccessDenied: User: /,
    );
    const unknown = { ...alice, accessKeyId: 'AKIAUNKNOWN' };
    expect(await refused(iam(unknown).send(new ListRolesCommand({})))).toBe(
      '403 InvalidClientTokenId: The security token included in the request is invalid.',
    );
  });
});

test('what is no action of theirs is refused in XML, before anything is signed', async () => {
  const ask = async (body: string): Promise<string> => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await fetch(server.endpoint, { method: 'POST', headers, body });
    return `${answer.status} ${await answer.text()}`;
  };
  expect(await ask('Action=AssumeNothing&Version=2011-06-15')).toContain(
    '<Code>InvalidAction</Code><Message>Could not find operation AssumeNothing for version 2011-06-15</Message>',
  );
  expect(await ask('Version=2011-06-15')).toMatch(/^400 .*<Code>ValidationError</);
  expect(await ask('Action=GetCallerIdentity&Action=x')).toMatch(/^400 .*MalformedQueryString/);
  expect(await ask('Action=GetCallerIdentity')).toMatch(/^403 .*<Code>MissingAuthenticationToken</);
});
