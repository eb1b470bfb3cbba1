import { beforeEach, describe, expect, it } from 'vitest';
import { inputs } from '../../../src/api/operations.ts';
import { CKR, type CkrName } from '../../../src/hsm/constants.ts';
import { CkrError } from '../../../src/hsm/errors.ts';
import { KeyStoreBusyError } from '../../../src/keystore/key-store.ts';
import { deviceException } from '../../../src/kms/ckr-exceptions.ts';
import { operations } from '../../../src/kms/operations/index.ts';
import { StoreUnavailableError } from '../../../src/store/metadata-store.ts';
import { base64, KmsHarness, region, unknownKeyId } from '../../support/kms-harness.ts';

let kms: KmsHarness;

beforeEach(() => {
  kms = new KmsHarness();
});

describe('an answer', () => {
  it('has the headers of AWS and a request id that the audit record repeats', async () => {
    const { response } = await kms.call('ListKeys');
    const { 'x-amzn-RequestId': requestId, ...headers } = response.headers;
    expect(headers).toEqual({
      'Cache-Control': 'no-cache, no-store, must-revalidate, private',
      'Content-Type': 'application/x-amz-json-1.1',
      Expires: '0',
      Pragma: 'no-cache',
    });
    expect(requestId).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(kms.events).toEqual([
      {
        eventId: expect.any(String),
        requestId,
        timeMs: kms.nowMs,
        region,
        operation: 'ListKeys',
        readOnly: true,
        principal: expect.objectContaining({ type: 'Root', accessKeyId: 'AKIATEST' }),
        sourceAddress: '127.0.0.1',
        userAgent: 'test/1',
      },
    ]);
  });
});

describe('Server-Timing', () => {
  it('is there when asked for, with the stages that were reached', async () => {
    const timed = new KmsHarness({ serverTiming: true });
    const stages = async (operation: string, options = {}) => {
      const { response } = await timed.call(operation, {}, options);
      const entries = (response.headers['Server-Timing'] ?? '').split(', ');
      return entries.map((entry) => /^([a-z]+);dur=[0-9]+\.[0-9]+$/.exec(entry)?.[1]);
    };
    expect(await stages('ListKeys')).toEqual([
      ...['authenticate', 'validate', 'resolve', 'authorize', 'run', 'audit'],
    ]);
    expect(await stages('NoSuch')).toEqual(['authenticate', 'audit']);
    expect(await stages('ListKeys', { signed: false })).toEqual(['audit']);
  });
});

describe('the order of refusals', () => {
  it('is signature, target, form, constraints, key, authorization, state', async () => {
    const unsigned = { signed: false };
    expect(await kms.error('NoSuch', {}, unsigned)).toBe(
      'InvalidSignatureException: wrong signature',
    );
    expect(await kms.error('NoSuch')).toBe('UnknownOperationException');
    expect((await kms.send('NoSuch', '{')).body.__type).toBe('UnknownOperationException');
    expect((await kms.send('Encrypt', '{')).body.__type).toBe('SerializationException');
    expect((await kms.send('Encrypt', '{"KeyId":3}')).body.__type).toBe('SerializationException');
    expect(await kms.error('Encrypt', { KeyId: unknownKeyId })).toMatch(/^ValidationException/);
    const input = { KeyId: unknownKeyId, Plaintext: base64('x'), GrantTokens: ['t'], DryRun: true };
    expect(await kms.error('Encrypt', input)).toMatch(/^NotFoundException/);
    const KeyId = await kms.createKey();
    await kms.ok('DisableKey', { KeyId });
    expect(await kms.error('Encrypt', { ...input, KeyId })).toBe('InvalidGrantTokenException');
    expect(await kms.error('Encrypt', { ...input, KeyId, GrantTokens: [] })).toMatch(
      /^DisabledException/,
    );
  });

  it.each([
    'Encrypt',
    'TrentService',
    'TrentService.',
    'trentservice.Encrypt',
    'TrentService.encrypt',
    'TrentService.__proto__',
    'TrentService.CreateGrant',
  ])('target %s is unknown', async (target) => {
    const response = await kms.handler({
      method: 'POST',
      url: '/',
      headers: { 'x-amz-target': target },
      rawHeaders: [],
      body: Buffer.from('{}'),
      sourceAddress: '::1',
    });
    expect(response).toMatchObject({ status: 400, body: '{"__type":"UnknownOperationException"}' });
  });
});

describe('audit', () => {
  it('records refusals, those before identification without a principal', async () => {
    await kms.error('Encrypt', {}, { signed: false });
    await kms.error('NoSuch');
    await kms.error('DescribeKey', { KeyId: unknownKeyId });
    const [unsigned, unknown, missing] = kms.events;
    expect(unsigned).toMatchObject({
      errorCode: 'InvalidSignatureException',
      errorMessage: 'wrong signature',
    });
    expect(unsigned).not.toHaveProperty('principal');
    expect(unsigned).not.toHaveProperty('operation');
    expect(unknown).toMatchObject({ errorCode: 'UnknownOperationException', principal: {} });
    expect(missing).toMatchObject({
      errorCode: 'NotFoundException',
      parameters: { keyId: unknownKeyId },
    });
  });

  it('that fails leaves the caller with a fault and no answer', async () => {
    const KeyId = await kms.createKey();
    kms.auditFails = true;
    expect(await kms.error('GenerateDataKey', { KeyId, KeySpec: 'AES_256' })).toBe(
      '500 KMSInternalException',
    );
    expect(kms.keyStore.plaintexts).toEqual([Buffer.alloc(32)]);
    expect(await kms.error('NoSuch')).toBe('500 KMSInternalException');
    expect(kms.faults.map(({ error }) => (error as Error).name)).toEqual([
      'AuditUnavailableError',
      'AuditUnavailableError',
    ]);
  });

  it('has a rule for every member of every input', () => {
    for (const [name, { audit }] of operations) {
      const ruled = [...audit.parameters, ...audit.never].sort();
      expect(ruled, name).toEqual(Object.keys(inputs[name as keyof typeof inputs].members).sort());
    }
  });

  it('has a key for every member that names one', () => {
    const members = ['KeyId', 'SourceKeyId', 'DestinationKeyId', 'TargetKeyId', 'AliasName'];
    for (const [name, { key, destination }] of operations) {
      const selected = [key, destination].flatMap(
        (selector) => selector?.member ?? (selector ? 'KeyId' : []),
      );
      const named = Object.keys(inputs[name as keyof typeof inputs].members).filter((member) =>
        members.includes(member),
      );
      // The alias is about to be made.
      const expected = name === 'CreateAlias' ? ['TargetKeyId'] : named;
      expect(selected.sort(), name).toEqual(expected.sort());
    }
  });

  it('never shows what may be secret', () => {
    const secrets = [
      'Plaintext',
      'CiphertextBlob',
      'GrantTokens',
      'Recipient',
      'Message',
      'KeyMaterial',
    ];
    for (const [, { audit }] of operations)
      expect(audit.parameters.filter((name) => secrets.includes(name))).toEqual([]);
  });
});

describe('faults', () => {
  let KeyId: string;
  beforeEach(async () => {
    KeyId = await kms.createKey();
  });

  it('tell the caller nothing and the operator everything', async () => {
    kms.keyStore.failure = new Error('secret detail');
    const { response } = await kms.call('Encrypt', { KeyId, Plaintext: base64('x') });
    expect(response).toMatchObject({ status: 500, body: '{"__type":"KMSInternalException"}' });
    expect(kms.faults).toEqual([
      {
        requestId: response.headers['x-amzn-RequestId'],
        operation: 'Encrypt',
        error: expect.objectContaining({ message: 'secret detail' }),
      },
    ]);
    expect(JSON.stringify(kms.events)).not.toContain('secret detail');
  });

  it('are not that a key store has too much to do', async () => {
    kms.keyStore.failure = new KeyStoreBusyError('too much waits');
    expect(await kms.error('Encrypt', { KeyId, Plaintext: base64('x') })).toBe(
      'ThrottlingException: You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.',
    );
    expect(kms.faults).toEqual([]);
  });

  it('of the store', async () => {
    kms.store.failure = new StoreUnavailableError('disk full');
    expect(await kms.error('DisableKey', { KeyId })).toBe('500 KMSInternalException');
    expect((await kms.ok('DescribeKey', { KeyId })).KeyMetadata.KeyState).toBe('Enabled');
  });

  it('of a key token that is not the key’s', async () => {
    kms.keyStores[region].mac;
    const { name, record } = kms.record(KeyId);
    const other = kms.record(await kms.createKey()).record;
    const body = JSON.parse(Buffer.from(record.body).toString());
    body.materials[0].keyToken = JSON.parse(
      Buffer.from(other.body).toString(),
    ).materials[0].keyToken;
    const { sealRecord } = await import('../../../src/keystore/record-mac.ts');
    const changed = {
      ...record,
      version: record.version + 1,
      body: Buffer.from(JSON.stringify(body)),
    };
    kms.store.records.set(name, await sealRecord(kms.keyStore.mac, changed));
    kms.store.isForgetful = true;
    await kms.createKey();
    expect(await kms.error('Encrypt', { KeyId, Plaintext: base64('x') })).toBe(
      'KMSInvalidStateException: The key material of this KMS key was destroyed.',
    );
    expect(kms.faults.at(-1)?.error).toMatchObject({ name: 'KeyTokenError' });
  });

  it.each(Object.entries(CKR).filter(([name]) => name !== 'CKR_OK'))(
    '%s is one of two exceptions',
    async (name, code) => {
      kms.keyStore.failure = new CkrError(code, 'MessageEncrypt');
      const expected = deviceException(name as CkrName);
      expect(['KMSInternalException', 'KeyUnavailableException']).toContain(expected);
      const { response } = await kms.call('Encrypt', { KeyId, Plaintext: base64('x') });
      expect(response).toMatchObject({ status: 500, body: `{"__type":"${expected}"}` });
    },
  );

  it('of a device that went away invite to try again', () => {
    for (const name of [
      'CKR_DEVICE_REMOVED',
      'CKR_SESSION_HANDLE_INVALID',
      'CKR_STRONGROOM_BUSY',
      'CKR_DEVICE_MEMORY',
    ] as const)
      expect(deviceException(name)).toBe('KeyUnavailableException');
    for (const name of [
      'CKR_GENERAL_ERROR',
      'CKR_FIPS_SELF_TEST_FAILED',
      'CKR_KEY_FUNCTION_NOT_PERMITTED',
      'CKR_VENDOR_DEFINED',
    ] as const)
      expect(deviceException(name)).toBe('KMSInternalException');
  });
});
