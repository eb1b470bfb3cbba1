import { beforeEach, describe, expect, it } from 'vitest';
import {
  accountId,
  arnOf,
  base64,
  KmsHarness,
  otherAccountId,
  rootArn,
} from '../../../support/kms-harness.ts';

let kms: KmsHarness;
let KeyId: string;

beforeEach(async () => {
  kms = new KmsHarness();
  KeyId = await kms.createKey();
});

const allow = (more: object = {}) => ({
  Effect: 'Allow',
  Principal: { AWS: rootArn() },
  Action: 'kms:*',
  Resource: '*',
  ...more,
});
const policyOf = (...statements: object[]) =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });
const put = (Policy: string, more: object = {}) =>
  kms.error('PutKeyPolicy', { KeyId, Policy, ...more });
const lockOut =
  'MalformedPolicyDocumentException: The new key policy will not allow you to update the key policy in the future.';
const invalidPrincipals =
  'MalformedPolicyDocumentException: Policy contains a statement with one or more invalid principals.';

describe('GetKeyPolicy', () => {
  it('answers the default policy of a key that was made without one', async () => {
    const { Policy, PolicyName } = await kms.ok('GetKeyPolicy', { KeyId });
    expect(PolicyName).toBe('default');
    expect(JSON.parse(Policy)).toEqual({
      Version: '2012-10-17',
      Id: 'key-default-1',
      Statement: [
        {
          Sid: 'Enable IAM User Permissions',
          Effect: 'Allow',
          Principal: { AWS: `arn:aws:iam::${accountId}:root` },
          Action: 'kms:*',
          Resource: '*',
        },
      ],
    });
    await kms.ok('PutKeyPolicy', { KeyId, Policy });
  });

  it('knows one policy name', async () => {
    await kms.ok('GetKeyPolicy', { KeyId, PolicyName: 'default' });
    const input = { KeyId, PolicyName: 'other', Policy: policyOf(allow()) };
    for (const operation of ['GetKeyPolicy', 'PutKeyPolicy'])
      expect(await kms.error(operation, input)).toBe('NotFoundException: No such policy exists');
    expect(await kms.error('GetKeyPolicy', { KeyId, PolicyName: 'a b' })).toMatch(
      /at 'policyName' .* pattern: \^\[\\w\]\+\$$/,
    );
  });
});

describe('ListKeyPolicies', () => {
  it('lists that one', async () => {
    expect(await kms.ok('ListKeyPolicies', { KeyId })).toEqual({
      PolicyNames: ['default'],
      Truncated: false,
    });
    expect(await kms.error('ListKeyPolicies', { KeyId, Marker: 'x' })).toBe(
      'InvalidMarkerException',
    );
  });
});

describe('PutKeyPolicy', () => {
  it('keeps the text as it was sent, and answers nothing', async () => {
    const Policy = `  ${policyOf(allow({ Sid: 'é' }))}\n`;
    const { response } = await kms.call('PutKeyPolicy', { KeyId, Policy, PolicyName: 'default' });
    expect([response.status, response.body]).toEqual([200, '']);
    expect((await kms.ok('GetKeyPolicy', { KeyId })).Policy).toBe(Policy);
    expect(JSON.parse(kms.store.audit.at(-1) ?? '')).toMatchObject({
      operation: 'PutKeyPolicy',
      parameters: { keyId: KeyId, policyName: 'default', policy: Policy },
      responseElements: { keyId: arnOf(KeyId) },
    });
  });

  it('stores and does not enforce', async () => {
    const Policy = policyOf(allow(), { ...allow(), Effect: 'Deny', Action: 'kms:Encrypt' });
    await kms.ok('PutKeyPolicy', { KeyId, Policy });
    await kms.ok('Encrypt', { KeyId, Plaintext: base64('x') });
  });

  it('works on a key in every state, and not on another account’s', async () => {
    const Policy = policyOf(allow());
    await kms.ok('ScheduleKeyDeletion', { KeyId });
    await kms.ok('PutKeyPolicy', { KeyId, Policy });
    const options = { account: otherAccountId };
    for (const operation of ['PutKeyPolicy', 'GetKeyPolicy', 'ListKeyPolicies'])
      expect(await kms.error(operation, { KeyId: arnOf(KeyId), Policy }, options)).toMatch(
        /^AccessDeniedException/,
      );
  });

  it('takes 32,768 bytes and not one more', async () => {
    const filled = (length: number) => {
      const shell = policyOf(allow({ Sid: '' })).length;
      return policyOf(allow({ Sid: 'x'.repeat(length - shell) }));
    };
    await kms.ok('PutKeyPolicy', { KeyId, Policy: filled(32_768) });
    expect(await put(filled(32_769))).toMatch(/^LimitExceededException: .*32768/);
  });

  it.each([
    allow({ Principal: '*' }),
    allow({ Principal: { AWS: '*' } }),
    allow({ Principal: { AWS: [accountId, 'arn:aws:iam::444455556666:role/path/App'] } }),
    allow({ Principal: { AWS: rootArn(), Service: ['ec2.amazonaws.com'], Federated: 'x.com' } }),
    allow({ NotPrincipal: { AWS: rootArn(otherAccountId) }, Principal: undefined }),
    allow({ Action: ['s3:Get*', 'KMS:putkeypolicy'] }),
    allow({ Action: '*' }),
    allow({ Action: 'kms:*t?eyPo*y*' }),
    allow({ Action: undefined, NotAction: 'kms:Encrypt' }),
    allow({ Resource: ['arn:aws:kms:*:111122223333:key/*'] }),
    allow({ Condition: {} }),
  ])('takes %j', async (statement) => {
    await kms.ok('PutKeyPolicy', { KeyId, Policy: policyOf(statement) });
  });

  it('takes conditions of every operator', async () => {
    const Condition = {
      'ForAnyValue:StringEqualsIfExists': { 'aws:PrincipalOrgID': ['o-1', 'o-2'] },
      NumericLessThan: { 'kms:RotationPeriodInDays': 365 },
      Bool: { 'aws:SecureTransport': true },
      Null: { 'kms:EncryptionContextKeys': 'false' },
      DateGreaterThanEquals: { 'aws:CurrentTime': '2026-01-01T00:00:00Z' },
    };
    await kms.ok('PutKeyPolicy', { KeyId, Policy: policyOf(allow(), allow({ Condition })) });
  });

  it.each([
    ['another principal', [allow({ Principal: { AWS: rootArn(otherAccountId) } })]],
    ['a user of the account', [allow({ Principal: { AWS: `arn:aws:iam::${accountId}:user/u` } })]],
    ['another action', [allow({ Action: ['kms:Get*', 'kms:PutKeyPolic'] })]],
    ['another key', [allow({ Resource: arnOf('1234abcd-12ab-34cd-56ef-1234567890ab') })]],
    ['a condition', [allow({ Condition: { Bool: { 'aws:SecureTransport': 'true' } } })]],
    ['a negated action', [allow({ Action: undefined, NotAction: 'kms:Put*' })]],
    ['a negated principal', [allow({ Principal: undefined, NotPrincipal: { AWS: accountId } })]],
    ['a service alone', [allow({ Principal: { Service: 'ec2.amazonaws.com' } })]],
    ['a refusal', [allow(), { ...allow({ Action: 'kms:PutKeyPolicy' }), Effect: 'Deny' }]],
    ['no action', [allow({ Action: undefined })]],
    ['no resource', [allow({ Resource: undefined })]],
    ['only a refusal', [{ ...allow({ Action: 'kms:Encrypt' }), Effect: 'Deny' }]],
  ])('refuses one that would lock the account out: %s', async (_, statements) => {
    expect(await put(policyOf(...statements))).toBe(lockOut);
    expect(await metadataVersion()).toBe(1);
    await kms.ok('PutKeyPolicy', {
      KeyId,
      Policy: policyOf(...statements),
      BypassPolicyLockoutSafetyCheck: true,
    });
  });

  it.each([
    { AWS: 'arn:aws:iam::111122223333:group/g' },
    { AWS: 'arn:aws:iam::1111:root' },
    { AWS: 'arn:aws:iam::111122223333:user/*' },
    { AWS: 'alice' },
    { AWS: 'AIDAEXAMPLE' },
    { AWS: [] },
    { AWS: ['*', 3] },
    { CanonicalUser: 'x' },
    { __proto__x: 'x' },
    { Service: 'ec2' },
    {},
    [],
    'x',
    null,
  ])('refuses the principal %j', async (Principal) => {
    expect(await put(policyOf(allow({ Principal })))).toBe(invalidPrincipals);
  });

  it.each([
    'x',
    '[]',
    '"x"',
    '{}',
    '{"Statement":[]}',
    '{"Statement":[3]}',
    '{"Statement":{"Effect":"Allow"}}',
    JSON.stringify({ Statement: allow(), Version: '2012-10-18' }),
    JSON.stringify({ Statement: allow(), version: '2012-10-17' }),
    JSON.stringify({ Statement: allow(), Id: 3 }),
    `{"Statement":${JSON.stringify(allow())},"Statement":${JSON.stringify(allow())}}`,
    policyOf(allow({ Effect: 'allow' })),
    policyOf(allow({ Sid: 3 })),
    policyOf(allow({ Effects: 'Allow' })),
    policyOf(allow({ Principal: undefined })),
    policyOf(allow({ NotPrincipal: '*' })),
    policyOf(allow({ Action: [] })),
    policyOf(allow({ Action: 'Encrypt' })),
    policyOf(allow({ Action: 'k*:Encrypt' })),
    policyOf(allow({ Action: 'kms:*', NotAction: 'kms:*' })),
    policyOf(allow({ Resource: [''] })),
    policyOf(allow({ Condition: 'x' })),
    policyOf(allow({ Condition: { StringIs: { a: 'b' } } })),
    policyOf(allow({ Condition: { NullIfExists: { a: 'true' } } })),
    policyOf(allow({ Condition: { StringEquals: 'x' } })),
    policyOf(allow({ Condition: { StringEquals: { a: { b: 'c' } } } })),
  ])('refuses what is no policy: %s', async (policy) => {
    // Bypassing the check of the lock-out does not bypass the grammar.
    expect(await put(policy, { BypassPolicyLockoutSafetyCheck: true })).toMatch(
      /^MalformedPolicyDocumentException: /,
    );
    expect(await metadataVersion()).toBe(1);
  });

  it('refuses nesting of any depth', async () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const count = Math.floor(32_000 / (open.length + close.length));
      const nested = `${open.repeat(count)}1${close.repeat(count)}`;
      expect(await put(`{"Statement":${nested}}`)).toMatch(/^MalformedPolicyDocumentException: /);
    }
    expect(kms.faults).toEqual([]);
  });

  it('refuses characters that the model does not have', async () => {
    expect(await put(policyOf(allow({ Sid: 'Ω' })))).toMatch(/^ValidationException/);
  });

  it('is quick with patterns made to be slow', async () => {
    const Action = ['*x', '*', '*?', 'p*'].map((part) => `kms:${part.repeat(2000)}x`);
    const started = performance.now();
    expect(await put(policyOf(allow({ Action })))).toBe(lockOut);
    const AWS = `arn:aws:iam::${accountId}:user/${'a'.repeat(32_000)}*`;
    expect(await put(policyOf(allow({ Principal: { AWS } })))).toBe(invalidPrincipals);
    expect(performance.now() - started).toBeLessThan(500);
  });
});

async function metadataVersion(): Promise<number> {
  return kms.record(KeyId).record.version;
}
