import { beforeEach, describe, expect, it } from 'vitest';
import {
  accountId,
  arnOf,
  KmsHarness,
  otherAccountId,
  otherRegion,
  region,
  rootArn,
  unknownKeyId,
} from '../../../support/kms-harness.ts';

let kms: KmsHarness;

beforeEach(() => {
  kms = new KmsHarness();
});

describe('CreateKey', () => {
  it('answers the metadata of an enabled symmetric key', async () => {
    const { KeyMetadata } = await kms.ok('CreateKey', { Description: 'pay roll' });
    expect(KeyMetadata).toEqual({
      AWSAccountId: accountId,
      KeyId: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      Arn: arnOf(KeyMetadata.KeyId),
      CreationDate: kms.nowMs / 1000,
      Enabled: true,
      Description: 'pay roll',
      KeyUsage: 'ENCRYPT_DECRYPT',
      KeyState: 'Enabled',
      Origin: 'AWS_KMS',
      KeyManager: 'CUSTOMER',
      CustomerMasterKeySpec: 'SYMMETRIC_DEFAULT',
      KeySpec: 'SYMMETRIC_DEFAULT',
      EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'],
      MultiRegion: false,
      CurrentKeyMaterialId: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it('takes what it can do, said in full', async () => {
    const common = { KeyUsage: 'ENCRYPT_DECRYPT', Origin: 'AWS_KMS', MultiRegion: false, Tags: [] };
    await kms.ok('CreateKey', {
      ...common,
      KeySpec: 'SYMMETRIC_DEFAULT',
      BypassPolicyLockoutSafetyCheck: true,
    });
    await kms.ok('CreateKey', { ...common, CustomerMasterKeySpec: 'SYMMETRIC_DEFAULT' });
  });

  it.each([
    [
      { KeySpec: 'RSA_2048', CustomerMasterKeySpec: 'RSA_2048' },
      /^ValidationException: You cannot specify KeySpec and CustomerMasterKeySpec/,
    ],
    [
      { KeySpec: 'HMAC_256' },
      'ValidationException: You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.',
    ],
    [
      { KeySpec: 'RSA_2048', KeyUsage: 'KEY_AGREEMENT' },
      'ValidationException: KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048',
    ],
    [
      { KeyUsage: 'SIGN_VERIFY' },
      'ValidationException: KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT',
    ],
    [
      { KeySpec: 'HMAC_random' },
      /^ValidationException: 1 validation error detected: Value 'HMAC_random' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: \[/,
    ],
    [
      { Description: 'x'.repeat(8193) },
      /^ValidationException: .* at 'description' .* less than or equal to 8192$/,
    ],
    [
      { Tags: [{ TagKey: 'AWS:x', TagValue: '' }] },
      'TagException: Tags beginning with aws: are reserved',
    ],
    [
      {
        Tags: [
          { TagKey: 'a', TagValue: '' },
          { TagKey: 'a', TagValue: '' },
        ],
      },
      'TagException: Duplicate tag keys',
    ],
    [
      { Tags: Array.from({ length: 51 }, (_, i) => ({ TagKey: `k${i}`, TagValue: '' })) },
      'TagException: Too many tags',
    ],
    [
      { Tags: [{ TagKey: 'x'.repeat(129), TagValue: '' }] },
      /^ValidationException: .* at 'tags.1.member.tagKey' .* less than or equal to 128$/,
    ],
  ])('refuses as AWS does: %j', async (input, refusal) => {
    const { size } = kms.store.records;
    const said = await kms.error('CreateKey', input);
    if (typeof refusal === 'string') expect(said).toBe(refusal);
    else expect(said).toMatch(refusal);
    expect(kms.store.records.size).toBe(size);
  });

  it.each([
    [{ KeySpec: 'ML_DSA_44', KeyUsage: 'SIGN_VERIFY' }, 'KeySpec ML_DSA_44'],
    [{ KeySpec: 'ML_KEM_512', KeyUsage: 'ENCAPSULATE_DECAPSULATE' }, 'KeySpec ML_KEM_512'],
    [{ KeySpec: 'SM2', KeyUsage: 'SIGN_VERIFY' }, 'KeySpec SM2'],
    [
      { KeySpec: 'ECC_NIST_EDWARDS25519', KeyUsage: 'SIGN_VERIFY' },
      'KeySpec ECC_NIST_EDWARDS25519',
    ],
    [{ KeySpec: 'ECC_NIST_P256', KeyUsage: 'KEY_AGREEMENT' }, 'KeyUsage KEY_AGREEMENT'],
    [{ Origin: 'EXTERNAL' }, 'Origin EXTERNAL'],
    [{ Origin: 'AWS_CLOUDHSM', CustomKeyStoreId: 'cks-1' }, 'Origin AWS_CLOUDHSM'],
    [{ CustomKeyStoreId: 'cks-1' }, 'CustomKeyStoreId'],
    [{ XksKeyId: 'x' }, 'XksKeyId'],
    [{ MultiRegion: true }, 'MultiRegion'],
  ])('says what it cannot do: %j', async (input, what) => {
    expect(await kms.error('CreateKey', input)).toBe(
      `UnsupportedOperationException: ${what} is not supported by this version.`,
    );
    expect(kms.store.records.size).toBe(0);
  });

  it.each([
    [
      'RSA_2048',
      'ENCRYPT_DECRYPT',
      { EncryptionAlgorithms: ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'] },
    ],
    [
      'RSA_3072',
      'SIGN_VERIFY',
      {
        SigningAlgorithms: [
          'RSASSA_PSS_SHA_256',
          'RSASSA_PSS_SHA_384',
          'RSASSA_PSS_SHA_512',
          'RSASSA_PKCS1_V1_5_SHA_256',
          'RSASSA_PKCS1_V1_5_SHA_384',
          'RSASSA_PKCS1_V1_5_SHA_512',
        ],
      },
    ],
    ['ECC_NIST_P256', 'SIGN_VERIFY', { SigningAlgorithms: ['ECDSA_SHA_256'] }],
    ['ECC_NIST_P384', 'SIGN_VERIFY', { SigningAlgorithms: ['ECDSA_SHA_384'] }],
    ['ECC_NIST_P521', 'SIGN_VERIFY', { SigningAlgorithms: ['ECDSA_SHA_512'] }],
    ['ECC_SECG_P256K1', 'SIGN_VERIFY', { SigningAlgorithms: ['ECDSA_SHA_256'] }],
    ['HMAC_224', 'GENERATE_VERIFY_MAC', { MacAlgorithms: ['HMAC_SHA_224'] }],
    ['HMAC_256', 'GENERATE_VERIFY_MAC', { MacAlgorithms: ['HMAC_SHA_256'] }],
    ['HMAC_384', 'GENERATE_VERIFY_MAC', { MacAlgorithms: ['HMAC_SHA_384'] }],
    ['HMAC_512', 'GENERATE_VERIFY_MAC', { MacAlgorithms: ['HMAC_SHA_512'] }],
  ])('makes a key of spec %s for %s', async (KeySpec, KeyUsage, algorithms) => {
    const { KeyMetadata } = await kms.ok('CreateKey', { KeySpec, KeyUsage });
    expect(KeyMetadata).toEqual({
      AWSAccountId: accountId,
      KeyId: expect.any(String),
      Arn: arnOf(KeyMetadata.KeyId),
      CreationDate: kms.nowMs / 1000,
      Enabled: true,
      Description: '',
      KeyUsage,
      KeyState: 'Enabled',
      Origin: 'AWS_KMS',
      KeyManager: 'CUSTOMER',
      CustomerMasterKeySpec: KeySpec,
      KeySpec,
      ...algorithms,
      MultiRegion: false,
    });
    expect(await kms.ok('DescribeKey', { KeyId: KeyMetadata.KeyId })).toEqual({ KeyMetadata });
    const record = JSON.parse(Buffer.from(kms.record(KeyMetadata.KeyId).record.body).toString());
    const isAsymmetric = KeyUsage !== 'GENERATE_VERIFY_MAC';
    expect(record.materials).toEqual([
      {
        materialId: expect.stringMatching(/^[0-9a-f]{64}$/),
        keyToken: expect.any(String),
        ...(isAsymmetric && { publicKey: expect.any(String) }),
        createdAtMs: kms.nowMs,
      },
    ]);
  });

  it('stores tags and a policy', async () => {
    const Policy = JSON.stringify({
      Statement: { Effect: 'Allow', Principal: '*', Action: 'kms:*', Resource: '*' },
    });
    const Tags = [
      { TagKey: 'b', TagValue: '' },
      { TagKey: 'a', TagValue: 'Ω' },
    ];
    const KeyId = await kms.createKey({ Policy, Tags });
    expect((await kms.ok('ListResourceTags', { KeyId })).Tags).toEqual(Tags.toReversed());
    expect(await kms.ok('GetKeyPolicy', { KeyId })).toEqual({ Policy, PolicyName: 'default' });
    expect(JSON.parse(kms.store.audit[0] ?? '').parameters).toEqual({
      policy: Policy,
      tags: [
        { tagKey: 'b', tagValue: '' },
        { tagKey: 'a', tagValue: 'Ω' },
      ],
    });
  });

  it('refuses a policy that would lock the account out, and one that is none', async () => {
    const Policy = JSON.stringify({
      Statement: [{ Effect: 'Allow', Principal: '*', Action: 'kms:Encrypt', Resource: '*' }],
    });
    expect(await kms.error('CreateKey', { Policy })).toBe(
      'MalformedPolicyDocumentException: The new key policy will not allow you to update the key policy in the future.',
    );
    expect(await kms.error('CreateKey', { Policy: '{}' })).toMatch(
      /^MalformedPolicyDocumentException: /,
    );
    expect(kms.store.records.size).toBe(0);
    await kms.createKey({ Policy, BypassPolicyLockoutSafetyCheck: true });
  });

  it('writes its audit event in the transaction of the key, and only there', async () => {
    const keyId = await kms.createKey({ Description: 'd' });
    expect(kms.events).toEqual([]);
    expect(kms.store.audit.map((text) => JSON.parse(text))).toEqual([
      expect.objectContaining({
        operation: 'CreateKey',
        readOnly: false,
        parameters: { description: 'd' },
        resources: [arnOf(keyId)],
        responseElements: {
          keyMetadata: expect.objectContaining({ keyId, aWSAccountId: accountId }),
        },
      }),
    ]);
  });

  it('keeps no key when the transaction fails', async () => {
    kms.store.failure = new Error('disk full');
    expect(await kms.error('CreateKey')).toBe('500 KMSInternalException');
    expect(kms.store.records.size).toBe(0);
    expect(kms.events).toEqual([
      expect.objectContaining({ operation: 'CreateKey', errorCode: 'KMSInternalException' }),
    ]);
  });
});

describe('DescribeKey', () => {
  it('answers what CreateKey answered, by id and by ARN', async () => {
    const created = await kms.ok('CreateKey');
    const { KeyId, Arn } = created.KeyMetadata;
    expect(await kms.ok('DescribeKey', { KeyId })).toEqual(created);
    expect(await kms.ok('DescribeKey', { KeyId: Arn })).toEqual(created);
  });

  it('shows a disabled key', async () => {
    const KeyId = await kms.createKey();
    await kms.ok('DisableKey', { KeyId });
    const { KeyMetadata } = await kms.ok('DescribeKey', { KeyId });
    expect(KeyMetadata).toMatchObject({ Enabled: false, KeyState: 'Disabled' });
  });

  it('refuses what names no key', async () => {
    const KeyId = await kms.createKey();
    expect(await kms.error('DescribeKey', { KeyId: unknownKeyId })).toBe(
      `NotFoundException: Key '${arnOf(unknownKeyId)}' does not exist`,
    );
    expect(await kms.error('DescribeKey', { KeyId }, { region: otherRegion })).toBe(
      `NotFoundException: Key '${arnOf(KeyId, accountId, otherRegion)}' does not exist`,
    );
    expect(await kms.error('DescribeKey', { KeyId: 'alias/a' })).toBe(
      `NotFoundException: Alias arn:aws:kms:${region}:${accountId}:alias/a is not found.`,
    );
    expect(await kms.error('DescribeKey', { KeyId: 'x'.repeat(2049) })).toMatch(
      /^ValidationException/,
    );
  });

  it("refuses another account's key, and its bare id is not there", async () => {
    const KeyId = await kms.createKey();
    const options = { account: otherAccountId };
    expect(await kms.error('DescribeKey', { KeyId }, options)).toMatch(/^NotFoundException/);
    expect(await kms.error('DescribeKey', { KeyId: arnOf(KeyId) }, options)).toMatch(
      new RegExp(
        `^AccessDeniedException: User: ${rootArn(otherAccountId)} is not authorized to perform: kms:DescribeKey`,
      ),
    );
  });
});

describe.each([
  ['EnableKey', 'Enabled'],
  ['DisableKey', 'Disabled'],
])('%s', (operation, keyState) => {
  it('answers nothing and sets the state, from both states', async () => {
    const KeyId = await kms.createKey();
    for (const before of ['EnableKey', 'DisableKey', 'DisableKey', 'EnableKey']) {
      await kms.ok(before, { KeyId });
      const { response } = await kms.call(operation, { KeyId: arnOf(KeyId) });
      expect([response.status, response.body]).toEqual([200, '']);
      expect((await kms.ok('DescribeKey', { KeyId })).KeyMetadata.KeyState).toBe(keyState);
    }
  });

  it('writes its audit event with the change, or without one when nothing changes', async () => {
    const KeyId = await kms.createKey();
    if (operation === 'EnableKey') await kms.ok('DisableKey', { KeyId });
    const before = kms.store.audit.length;
    await kms.ok(operation, { KeyId });
    expect(kms.store.audit).toHaveLength(before + 1);
    expect(JSON.parse(kms.store.audit.at(-1) ?? '')).toMatchObject({
      operation,
      readOnly: false,
      parameters: { keyId: KeyId },
      responseElements: { keyId: arnOf(KeyId) },
      resources: [arnOf(KeyId)],
    });
    expect(kms.events).toEqual([]);
    await kms.ok(operation, { KeyId });
    expect(kms.store.audit).toHaveLength(before + 1);
    expect(kms.events).toHaveLength(1);
  });

  it('takes no alias', async () => {
    const arn = `arn:aws:kms:${region}:${accountId}:alias/a`;
    expect(await kms.error(operation, { KeyId: 'alias/a' })).toBe(
      "NotFoundException: Invalid keyId 'alias/a'",
    );
    expect(await kms.error(operation, { KeyId: arn })).toBe(
      `NotFoundException: Invalid arn ${arn}`,
    );
  });

  it('refuses keys that are not there or not the caller’s', async () => {
    const KeyId = await kms.createKey();
    expect(await kms.error(operation, { KeyId: unknownKeyId })).toMatch(/^NotFoundException/);
    expect(
      await kms.error(operation, { KeyId: arnOf(KeyId) }, { account: otherAccountId }),
    ).toMatch(/^AccessDenied/);
    expect(await kms.error(operation, {})).toMatch(/^ValidationException/);
  });

  it('tries again when another change came first, but not for ever', async () => {
    const KeyId = await kms.createKey();
    const other = operation === 'EnableKey' ? 'DisableKey' : 'EnableKey';
    await kms.ok(other, { KeyId });
    const { record } = kms.record(KeyId);
    // The other writer leaves the key in the state that this one is to change.
    kms.store.beforeCommit = async () => {
      await kms.ok(operation, { KeyId });
      await kms.ok(other, { KeyId });
    };
    await kms.ok(operation, { KeyId });
    expect((await kms.ok('DescribeKey', { KeyId })).KeyMetadata.KeyState).toBe(keyState);
    expect(kms.record(KeyId).record.version).toBe(record.version + 3);
    await kms.ok(other, { KeyId });
    const again = async () => {
      kms.store.beforeCommit = undefined;
      await kms.ok(operation, { KeyId });
      await kms.ok(other, { KeyId });
      kms.store.beforeCommit = again;
    };
    kms.store.beforeCommit = again;
    expect(await kms.error(operation, { KeyId })).toMatch(/^ThrottlingException: /);
  });
});

describe('ListKeys', () => {
  it('answers an empty page when there are no keys', async () => {
    expect(await kms.ok('ListKeys')).toEqual({ Keys: [], Truncated: false });
  });

  it('pages through all keys of the account and Region, once each', async () => {
    const own = await Promise.all(Array.from({ length: 7 }, () => kms.createKey()));
    await kms.createKey({}, { account: otherAccountId });
    await kms.createKey({}, { region: otherRegion });
    for (const Limit of [1, 2, 3, 7, 1000]) {
      const seen: string[] = [];
      let Marker: string | undefined;
      let pages = 0;
      do {
        const page = await kms.ok('ListKeys', { Limit, Marker });
        pages += 1;
        expect(page.Truncated).toBe(page.NextMarker !== undefined);
        for (const { KeyId, KeyArn } of page.Keys) {
          expect(KeyArn).toBe(arnOf(KeyId));
          seen.push(KeyId);
        }
        Marker = page.NextMarker;
      } while (Marker !== undefined);
      expect(seen).toEqual([...own].sort());
      expect(pages).toBe(Math.ceil(7 / Limit));
    }
  });

  it('answers 100 keys when no limit is given', async () => {
    await Promise.all(Array.from({ length: 101 }, () => kms.createKey()));
    expect(await kms.ok('ListKeys')).toMatchObject({ Keys: { length: 100 }, Truncated: true });
  });

  it('refuses markers that it did not make for this listing', async () => {
    await Promise.all([kms.createKey(), kms.createKey()]);
    const { NextMarker } = await kms.ok('ListKeys', { Limit: 1 });
    await kms.ok('ListKeys', { Marker: NextMarker });
    for (const Marker of ['x', `${NextMarker}A`, NextMarker.slice(1), unknownKeyId])
      expect(await kms.error('ListKeys', { Marker }), Marker).toBe('InvalidMarkerException');
    for (const options of [{ account: otherAccountId }, { region: otherRegion }])
      expect(await kms.error('ListKeys', { Marker: NextMarker }, options)).toBe(
        'InvalidMarkerException',
      );
    expect(await kms.error('ListKeys', { Marker: '' })).toMatch(/^ValidationException/);
    for (const Limit of [0, 1001])
      expect(await kms.error('ListKeys', { Limit })).toMatch(/^ValidationException/);
  });

  it('shows no forged record', async () => {
    const { name, record } = kms.record(await kms.createKey());
    kms.store.records.set(name, { ...record, mac: Buffer.alloc(32) });
    expect(await kms.error('ListKeys')).toBe('500 KMSInternalException');
  });
});
