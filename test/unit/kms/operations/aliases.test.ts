import { beforeEach, describe, expect, it } from 'vitest';
import { sealRecord } from '../../../../src/keystore/record-mac.ts';
import {
  accountId,
  arnOf,
  base64,
  KmsHarness,
  otherAccountId,
  otherRegion,
  region,
  unknownKeyId,
} from '../../../support/kms-harness.ts';

let kms: KmsHarness;
let KeyId: string;

beforeEach(async () => {
  kms = new KmsHarness();
  KeyId = await kms.createKey();
});

const aliasArn = (name: string, account = accountId, of = region) =>
  `arn:aws:kms:${of}:${account}:${name}`;
const create = (AliasName: string, TargetKeyId = KeyId) =>
  kms.ok('CreateAlias', { AliasName, TargetKeyId });
const names = async (input: object = {}) =>
  (await kms.ok('ListAliases', input)).Aliases.map(
    ({ AliasName }: { AliasName: string }) => AliasName,
  );
const described = async (name: string) =>
  (await kms.ok('DescribeKey', { KeyId: name })).KeyMetadata.KeyId;

describe('CreateAlias', () => {
  it('answers nothing and gives the key a name', async () => {
    const { response } = await kms.call('CreateAlias', {
      AliasName: 'alias/App/key_1-x',
      TargetKeyId: arnOf(KeyId),
    });
    expect([response.status, response.body]).toEqual([200, '']);
    expect(await described('alias/App/key_1-x')).toBe(KeyId);
    expect(await described(aliasArn('alias/App/key_1-x'))).toBe(KeyId);
  });

  it.each([
    [
      'foo',
      'ValidationException: Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html',
    ],
    [
      'alias/a b',
      "ValidationException: 1 validation error detected: Value 'alias/a b' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$",
    ],
    ['alias/aws/s3', 'NotAuthorizedException'],
    ['alias/', 'InvalidAliasNameException'],
    ['alias/a:b', 'ValidationException: alias/a:b contains invalid characters for an alias'],
    [
      unknownKeyId,
      'ValidationException: Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html',
    ],
  ])('refuses the name %s', async (AliasName, refusal) => {
    expect(await kms.error('CreateAlias', { AliasName, TargetKeyId: KeyId })).toBe(refusal);
    expect(await names()).toEqual([]);
  });

  it('refuses a name of 257 characters and takes one of 256', async () => {
    await create(`alias/${'x'.repeat(250)}`);
    expect(
      await kms.error('CreateAlias', {
        AliasName: `alias/${'x'.repeat(251)}`,
        TargetKeyId: KeyId,
      }),
    ).toMatch(/at 'aliasName' .* less than or equal to 256$/);
    expect(await described(`alias/${'x'.repeat(250)}`)).toBe(KeyId);
  });

  it('refuses a name that is taken, in this account and Region', async () => {
    await create('alias/a');
    const other = await kms.createKey();
    expect(await kms.error('CreateAlias', { AliasName: 'alias/a', TargetKeyId: other })).toBe(
      `AlreadyExistsException: An alias with the name ${aliasArn('alias/a')} already exists`,
    );
    await create('alias/A', other);
    for (const options of [{ region: otherRegion }, { account: otherAccountId }]) {
      const TargetKeyId = await kms.createKey({}, options);
      await kms.ok('CreateAlias', { AliasName: 'alias/a', TargetKeyId }, options);
    }
  });

  it('refuses targets that are no key of the account and Region', async () => {
    await create('alias/a');
    const refusals: [target: string, refusal: string | RegExp][] = [
      [unknownKeyId, `NotFoundException: Key '${arnOf(unknownKeyId)}' does not exist`],
      ['alias/a', 'ValidationException: Aliases must refer to keys. Not aliases'],
      [aliasArn('alias/a'), `NotFoundException: Invalid arn ${aliasArn('alias/a')}`],
      [arnOf(KeyId, otherAccountId), /^AccessDeniedException: .*kms:CreateAlias/],
      [arnOf(KeyId, accountId, otherRegion), `NotFoundException: Invalid arn ${otherRegion}`],
    ];
    for (const [TargetKeyId, refusal] of refusals) {
      const said = await kms.error('CreateAlias', { AliasName: 'alias/b', TargetKeyId });
      if (typeof refusal === 'string') expect(said).toBe(refusal);
      else expect(said).toMatch(refusal);
    }
  });

  it('takes a disabled key, and none that is pending deletion', async () => {
    await kms.ok('DisableKey', { KeyId });
    await create('alias/a');
    await kms.ok('ScheduleKeyDeletion', { KeyId });
    expect(await kms.error('CreateAlias', { AliasName: 'alias/b', TargetKeyId: KeyId })).toBe(
      `KMSInvalidStateException: ${arnOf(KeyId)} is pending deletion.`,
    );
  });

  it('gives a key 50 aliases at most', async () => {
    for (let i = 0; i < 50; i++) await create(`alias/${i}`);
    const limit =
      'LimitExceededException: Aliases per key quota for this account in this region is 50, current usage is 50.';
    expect(await kms.error('CreateAlias', { AliasName: 'alias/x', TargetKeyId: KeyId })).toBe(
      limit,
    );
    const other = await kms.createKey();
    await create('alias/x', other);
    expect(await kms.error('UpdateAlias', { AliasName: 'alias/x', TargetKeyId: KeyId })).toBe(
      limit,
    );
    await kms.ok('UpdateAlias', { AliasName: 'alias/7', TargetKeyId: KeyId });
    await kms.ok('DeleteAlias', { AliasName: 'alias/7' });
    await kms.ok('UpdateAlias', { AliasName: 'alias/x', TargetKeyId: KeyId });
  });

  it('is one transaction over alias and key, with its event', async () => {
    const { size } = kms.store.records;
    kms.store.failure = new Error('disk full');
    expect(await kms.error('CreateAlias', { AliasName: 'alias/a', TargetKeyId: KeyId })).toBe(
      '500 KMSInternalException',
    );
    expect(kms.store.records.size).toBe(size);
    expect(kms.record(KeyId).record.version).toBe(1);
    await create('alias/a');
    expect(kms.store.records.size).toBe(size + 1);
    expect(kms.record(KeyId).record.version).toBe(2);
    expect(JSON.parse(kms.store.audit.at(-1) ?? '')).toMatchObject({
      operation: 'CreateAlias',
      readOnly: false,
      parameters: { aliasName: 'alias/a', targetKeyId: KeyId },
      responseElements: { keyId: arnOf(KeyId) },
      resources: [arnOf(KeyId), aliasArn('alias/a')],
    });
  });
});

describe('an alias in KeyId', () => {
  it('names the key of its account and Region', async () => {
    await create('alias/a');
    const { CiphertextBlob, KeyId: arn } = await kms.ok('Encrypt', {
      KeyId: 'alias/a',
      Plaintext: base64('x'),
    });
    expect(arn).toBe(arnOf(KeyId));
    const decrypt = { KeyId: aliasArn('alias/a'), CiphertextBlob };
    expect((await kms.ok('Decrypt', decrypt)).Plaintext).toBe(base64('x'));
    expect(kms.events.at(-1)).toMatchObject({
      parameters: { keyId: aliasArn('alias/a') },
      resources: [arnOf(KeyId)],
    });
    const missing = (account: string, of: string) =>
      `NotFoundException: Alias ${aliasArn('alias/a', account, of)} is not found.`;
    for (const options of [
      { account: otherAccountId, region },
      { account: accountId, region: otherRegion },
    ])
      expect(await kms.error('DescribeKey', { KeyId: 'alias/a' }, options)).toBe(
        missing(options.account, options.region),
      );
  });

  it('of another account is found or not, and gives no access', async () => {
    await create('alias/a');
    const options = { account: otherAccountId };
    expect(await kms.error('DescribeKey', { KeyId: aliasArn('alias/a') }, options)).toMatch(
      /^AccessDeniedException: .* kms:DescribeKey on this resource/,
    );
    expect(await kms.error('DescribeKey', { KeyId: aliasArn('alias/b') }, options)).toBe(
      `NotFoundException: Alias ${aliasArn('alias/b')} is not found.`,
    );
  });

  it('that no alias can have is not found', async () => {
    for (const name of ['alias/', 'alias/a b', 'alias/a\0', 'alias/ü', `alias/${'x'.repeat(2000)}`])
      expect(await kms.error('DescribeKey', { KeyId: name })).toBe(
        `NotFoundException: Alias ${aliasArn(name)} is not found.`,
      );
    expect(kms.faults).toEqual([]);
  });

  it('follows every change at once', async () => {
    const other = await kms.createKey();
    await create('alias/a');
    expect(await described('alias/a')).toBe(KeyId);
    await kms.ok('UpdateAlias', { AliasName: 'alias/a', TargetKeyId: other });
    expect(await described('alias/a')).toBe(other);
    await kms.ok('DeleteAlias', { AliasName: 'alias/a' });
    expect(await kms.error('DescribeKey', { KeyId: 'alias/a' })).toMatch(/is not found\.$/);
    await create('alias/a');
    expect(await described('alias/a')).toBe(KeyId);
  });
});

describe('UpdateAlias', () => {
  it('moves the alias and keeps its creation date', async () => {
    const other = await kms.createKey();
    await create('alias/a');
    const createdAtMs = kms.nowMs;
    kms.nowMs += 5000;
    const { response } = await kms.call('UpdateAlias', {
      AliasName: 'alias/a',
      TargetKeyId: other,
    });
    expect([response.status, response.body]).toEqual([200, '']);
    expect((await kms.ok('ListAliases')).Aliases).toEqual([
      {
        AliasName: 'alias/a',
        AliasArn: aliasArn('alias/a'),
        TargetKeyId: other,
        CreationDate: createdAtMs / 1000,
        LastUpdatedDate: kms.nowMs / 1000,
      },
    ]);
    expect(await names({ KeyId })).toEqual([]);
    expect(await names({ KeyId: other })).toEqual(['alias/a']);
    expect(JSON.parse(kms.store.audit.at(-1) ?? '')).toMatchObject({
      resources: [arnOf(KeyId), arnOf(other), aliasArn('alias/a')],
    });
  });

  it('refuses a key of another usage or type', async () => {
    await create('alias/a');
    const update = async (KeySpec: string, KeyUsage: string) =>
      kms.error('UpdateAlias', {
        AliasName: 'alias/a',
        TargetKeyId: await kms.createKey({ KeySpec, KeyUsage }),
      });
    expect(await update('ECC_NIST_P256', 'SIGN_VERIFY')).toBe(
      'ValidationException: Alias alias/a cannot be changed from a CMK with key usage ENCRYPT_DECRYPT to a CMK with key usage SIGN_VERIFY. The key usage of the current CMK and the new CMK must be the same.',
    );
    expect(await update('RSA_2048', 'ENCRYPT_DECRYPT')).toMatch(
      /^ValidationException: Alias alias\/a cannot be changed from a CMK with key type symmetric/,
    );
    expect(await described('alias/a')).toBe(KeyId);
  });

  it('refuses what is not there', async () => {
    await create('alias/a');
    expect(await kms.error('UpdateAlias', { AliasName: 'alias/b', TargetKeyId: KeyId })).toBe(
      `NotFoundException: Alias ${aliasArn('alias/b')} is not found.`,
    );
    expect(
      await kms.error('UpdateAlias', { AliasName: 'alias/a', TargetKeyId: unknownKeyId }),
    ).toBe(`NotFoundException: Key '${arnOf(unknownKeyId)}' does not exist`);
    for (const AliasName of ['foo', KeyId, arnOf(KeyId), aliasArn('alias/a')])
      expect(await kms.error('UpdateAlias', { AliasName, TargetKeyId: KeyId })).toMatch(
        /^ValidationException: Alias must start/,
      );
    expect(await kms.error('UpdateAlias', { AliasName: 'alias/aws/s3', TargetKeyId: KeyId })).toBe(
      'NotAuthorizedException',
    );
  });

  it('leaves a key pending deletion, but moves to none', async () => {
    const other = await kms.createKey();
    await create('alias/a');
    await kms.ok('ScheduleKeyDeletion', { KeyId });
    await kms.ok('UpdateAlias', { AliasName: 'alias/a', TargetKeyId: other });
    expect(await kms.error('UpdateAlias', { AliasName: 'alias/a', TargetKeyId: KeyId })).toBe(
      `KMSInvalidStateException: ${arnOf(KeyId)} is pending deletion.`,
    );
  });
});

describe('DeleteAlias', () => {
  it('takes the name, in every state of the key, and nothing else', async () => {
    await create('alias/a');
    await create('alias/b');
    await kms.ok('ScheduleKeyDeletion', { KeyId });
    const { response } = await kms.call('DeleteAlias', { AliasName: 'alias/a' });
    expect([response.status, response.body]).toEqual([200, '']);
    expect(await names()).toEqual(['alias/b']);
    expect(await names({ KeyId })).toEqual(['alias/b']);
    expect(JSON.parse(kms.store.audit.at(-1) ?? '')).toMatchObject({
      operation: 'DeleteAlias',
      resources: [aliasArn('alias/a'), arnOf(KeyId)],
    });
    expect(await kms.error('DeleteAlias', { AliasName: 'alias/a' })).toBe(
      `NotFoundException: Alias ${aliasArn('alias/a')} is not found.`,
    );
    expect(await kms.error('DeleteAlias', { AliasName: KeyId })).toMatch(/^ValidationException/);
    expect(await kms.error('DeleteAlias', { AliasName: 'alias/aws/s3' })).toBe(
      'NotAuthorizedException',
    );
  });
});

describe('ListAliases', () => {
  it('pages through the aliases of the account and Region, or of one key', async () => {
    expect(await kms.ok('ListAliases')).toEqual({ Aliases: [], Truncated: false });
    const other = await kms.createKey();
    for (const name of ['alias/b', 'alias/a', 'alias/c']) await create(name);
    await create('alias/aa', other);
    await kms.ok(
      'CreateAlias',
      { AliasName: 'alias/z', TargetKeyId: await kms.createKey({}, { account: otherAccountId }) },
      { account: otherAccountId },
    );
    for (const [input, expected] of [
      [{}, ['alias/a', 'alias/aa', 'alias/b', 'alias/c']],
      [{ KeyId }, ['alias/a', 'alias/b', 'alias/c']],
    ] as const)
      for (const Limit of [1, 2, 3, 100]) {
        const seen: string[] = [];
        let Marker: string | undefined;
        do {
          const page = await kms.ok('ListAliases', { ...input, Limit, Marker });
          expect(page.Truncated).toBe(page.NextMarker !== undefined);
          seen.push(...page.Aliases.map(({ AliasName }: { AliasName: string }) => AliasName));
          Marker = page.NextMarker;
        } while (Marker !== undefined);
        expect(seen).toEqual(expected);
      }
  });

  it('says that there is more when an alias goes after its key was read', async () => {
    for (const name of ['alias/a', 'alias/b', 'alias/c']) await create(name);
    kms.store.records.delete(`aliases/${region}/${accountId}/alias/a`);
    const page = await kms.ok('ListAliases', { KeyId, Limit: 1 });
    expect([page.Aliases.length, page.Aliases[0].AliasName, page.Truncated]).toEqual([
      1,
      'alias/b',
      true,
    ]);
    expect(await names({ KeyId, Marker: page.NextMarker })).toEqual(['alias/c']);
  });

  it('answers 50 when no limit is given and 100 at most', async () => {
    const keys = [KeyId, await kms.createKey(), await kms.createKey()];
    for (let i = 0; i < 101; i++) await create(`alias/${i}`, keys[i % 3]);
    expect(await names()).toHaveLength(50);
    expect(await names({ Limit: 1000 })).toHaveLength(100);
  });

  it('refuses markers of another listing, and keys that are not there', async () => {
    for (const name of ['alias/a', 'alias/b']) await create(name);
    const { NextMarker: Marker } = await kms.ok('ListAliases', { Limit: 1 });
    const { NextMarker: ofKey } = await kms.ok('ListAliases', { Limit: 1, KeyId });
    expect(await names({ Marker })).toEqual(['alias/b']);
    expect(await names({ Marker: ofKey, KeyId })).toEqual(['alias/b']);
    for (const [operation, input] of [
      ['ListAliases', { Marker: ofKey }],
      ['ListAliases', { Marker, KeyId }],
      ['ListKeys', { Marker }],
      ['ListResourceTags', { Marker, KeyId }],
    ] as const)
      expect(await kms.error(operation, input)).toBe('InvalidMarkerException');
    expect(await kms.error('ListAliases', { KeyId: unknownKeyId })).toMatch(/^NotFoundException/);
    expect(await kms.error('ListAliases', { KeyId: 'alias/a' })).toBe(
      "NotFoundException: Invalid keyId 'alias/a'",
    );
  });
});

describe('aliases changed by several at once', () => {
  it('one of two creators of a name wins, and the other is told', async () => {
    const other = await kms.createKey();
    kms.store.beforeCommit = () => create('alias/a', other);
    expect(await kms.error('CreateAlias', { AliasName: 'alias/a', TargetKeyId: KeyId })).toMatch(
      /^AlreadyExistsException/,
    );
    expect(await names({ KeyId })).toEqual([]);
  });

  it('a key that changes meanwhile keeps both changes', async () => {
    kms.store.beforeCommit = () => kms.ok('DisableKey', { KeyId });
    await create('alias/a');
    expect(await names({ KeyId })).toEqual(['alias/a']);
    expect((await kms.ok('DescribeKey', { KeyId })).KeyMetadata.KeyState).toBe('Disabled');
    kms.store.beforeCommit = () => create('alias/b');
    await kms.ok('DeleteAlias', { AliasName: 'alias/a' });
    expect(await names({ KeyId })).toEqual(['alias/b']);
  });

  it('an alias that moves meanwhile is moved from where it is then', async () => {
    const [second, third] = [await kms.createKey(), await kms.createKey()];
    await create('alias/a');
    kms.store.beforeCommit = () =>
      kms.ok('UpdateAlias', { AliasName: 'alias/a', TargetKeyId: second });
    await kms.ok('UpdateAlias', { AliasName: 'alias/a', TargetKeyId: third });
    expect(await Promise.all([KeyId, second, third].map((key) => names({ KeyId: key })))).toEqual([
      [],
      [],
      ['alias/a'],
    ]);
  });

  it('an alias that is deleted meanwhile is not found', async () => {
    const other = await kms.createKey();
    await create('alias/a');
    const gone = `NotFoundException: Alias ${aliasArn('alias/a')} is not found.`;
    for (const [operation, input] of [
      ['UpdateAlias', { AliasName: 'alias/a', TargetKeyId: other }],
      ['DeleteAlias', { AliasName: 'alias/a' }],
    ] as const) {
      kms.store.beforeCommit = () => kms.ok('DeleteAlias', { AliasName: 'alias/a' });
      expect(await kms.error(operation, input)).toBe(gone);
      await create('alias/a');
    }
  });

  it('an alias that was deleted and made again for the same key is not taken for the old one', async () => {
    await create('alias/a');
    const other = await kms.createKey();
    kms.store.beforeCommit = async () => {
      await kms.ok('DeleteAlias', { AliasName: 'alias/a' });
      await create('alias/a', other);
    };
    await kms.ok('DeleteAlias', { AliasName: 'alias/a' });
    expect(await names()).toEqual([]);
    expect(await names({ KeyId: other })).toEqual([]);
    expect(await names({ KeyId })).toEqual([]);
  });
});

describe('a record of an alias that somebody wrote into the database', () => {
  const stored = () => {
    const name = `aliases/${region}/${accountId}/alias/a`;
    const record = kms.store.records.get(name);
    if (record === undefined) throw new Error('no record of the alias');
    return { name, record };
  };

  it.each([
    ['with another target', (body: string) => body.replace(KeyId, unknownKeyId)],
    ['that is not JSON', () => '{'],
  ])('%s is refused', async (_, edit) => {
    await create('alias/a');
    const { name, record } = stored();
    const body = Buffer.from(edit(Buffer.from(record.body).toString()));
    kms.store.records.set(name, { ...record, body });
    for (const [operation, input] of [
      ['DescribeKey', { KeyId: 'alias/a' }],
      ['ListAliases', {}],
      ['DeleteAlias', { AliasName: 'alias/a' }],
    ] as const)
      expect(await kms.error(operation, input)).toBe('500 KMSInternalException');
    expect(kms.faults.at(-1)?.error).toMatchObject({ name: 'RecordIntegrityError' });
  });

  it('moved to another name is refused, even with a right MAC', async () => {
    await create('alias/a');
    const { record } = stored();
    const name = `${region}/${accountId}/alias/b`;
    kms.store.records.set(`aliases/${name}`, { ...record, key: name });
    expect(await kms.error('DescribeKey', { KeyId: 'alias/b' })).toBe('500 KMSInternalException');
    const sealed = await sealRecord(kms.keyStore.mac, { ...record, key: name });
    kms.store.records.set(`aliases/${name}`, sealed);
    expect(await kms.error('DescribeKey', { KeyId: 'alias/b' })).toBe('500 KMSInternalException');
  });

  it('of a newer version of the service is refused', async () => {
    await create('alias/a');
    const { name, record } = stored();
    const text = Buffer.from(record.body).toString().replace('"format":1', '"format":2');
    const sealed = await sealRecord(kms.keyStore.mac, { ...record, body: Buffer.from(text) });
    kms.store.records.set(name, sealed);
    expect(await kms.error('DescribeKey', { KeyId: 'alias/a' })).toBe('500 KMSInternalException');
  });
});
