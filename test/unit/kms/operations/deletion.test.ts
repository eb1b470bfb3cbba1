import { beforeEach, describe, expect, it } from 'vitest';
import { arnOf, base64, KmsHarness, otherAccountId } from '../../../support/kms-harness.ts';

let kms: KmsHarness;
let KeyId: string;

beforeEach(async () => {
  kms = new KmsHarness();
  KeyId = await kms.createKey();
});

const dayMs = 86_400_000;
const metadata = async () => (await kms.ok('DescribeKey', { KeyId })).KeyMetadata;

describe('ScheduleKeyDeletion', () => {
  it.each([
    [{}, 30],
    [{ PendingWindowInDays: 7 }, 7],
    [{ PendingWindowInDays: 30 }, 30],
  ])('%j: the key is to go in %i days', async (input, days) => {
    const DeletionDate = (kms.nowMs + days * dayMs) / 1000;
    expect(await kms.ok('ScheduleKeyDeletion', { KeyId, ...input })).toEqual({
      KeyId: arnOf(KeyId),
      DeletionDate,
      KeyState: 'PendingDeletion',
      PendingWindowInDays: days,
    });
    expect(await metadata()).toMatchObject({
      KeyState: 'PendingDeletion',
      Enabled: false,
      DeletionDate,
    });
    expect(JSON.parse(kms.store.audit.at(-1) ?? '')).toMatchObject({
      operation: 'ScheduleKeyDeletion',
      responseElements: {
        keyId: arnOf(KeyId),
        keyState: 'PendingDeletion',
        deletionDate: new Date(DeletionDate * 1000).toISOString(),
        pendingWindowInDays: days,
      },
    });
  });

  it.each([1, 6, 31, 365])('refuses %i days', async (PendingWindowInDays) => {
    expect(await kms.error('ScheduleKeyDeletion', { KeyId, PendingWindowInDays })).toBe(
      'ValidationException: PendingWindowInDays must be between 7 and 30.',
    );
    expect(await metadata()).not.toHaveProperty('DeletionDate');
  });

  it('refuses numbers of days that the model does not have', async () => {
    for (const PendingWindowInDays of [0, 366])
      expect(await kms.error('ScheduleKeyDeletion', { KeyId, PendingWindowInDays })).toMatch(
        /at 'pendingWindowInDays' failed to satisfy constraint/,
      );
  });

  it('makes the key unusable at once, a disabled one too', async () => {
    const { CiphertextBlob } = await kms.ok('Encrypt', { KeyId, Plaintext: base64('x') });
    await kms.ok('DisableKey', { KeyId });
    await kms.ok('ScheduleKeyDeletion', { KeyId });
    const refusal = `KMSInvalidStateException: ${arnOf(KeyId)} is pending deletion.`;
    for (const [operation, input] of [
      ['Encrypt', { KeyId, Plaintext: base64('x') }],
      ['Decrypt', { CiphertextBlob }],
      ['GenerateDataKey', { KeyId, KeySpec: 'AES_256' }],
      ['EnableKey', { KeyId }],
      ['DisableKey', { KeyId }],
      ['UpdateKeyDescription', { KeyId, Description: 'x' }],
      ['ScheduleKeyDeletion', { KeyId }],
    ] as const)
      expect(await kms.error(operation, input), operation).toBe(refusal);
  });

  it('refuses keys of others, and aliases', async () => {
    const options = { account: otherAccountId };
    expect(await kms.error('ScheduleKeyDeletion', { KeyId: arnOf(KeyId) }, options)).toMatch(
      /^AccessDeniedException/,
    );
    expect(await kms.error('ScheduleKeyDeletion', { KeyId: 'alias/a' })).toBe(
      "NotFoundException: Invalid keyId 'alias/a'",
    );
  });

  it('is told when another request came first', async () => {
    kms.store.beforeCommit = () => kms.ok('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 });
    expect(await kms.error('ScheduleKeyDeletion', { KeyId })).toMatch(/is pending deletion\.$/);
    expect((await metadata()).DeletionDate).toBe((kms.nowMs + 7 * dayMs) / 1000);
  });
});

describe('CancelKeyDeletion', () => {
  it('leaves the key disabled, without a date', async () => {
    await kms.ok('ScheduleKeyDeletion', { KeyId });
    expect(await kms.ok('CancelKeyDeletion', { KeyId: arnOf(KeyId) })).toEqual({
      KeyId: arnOf(KeyId),
    });
    const cancelled = await metadata();
    expect(cancelled).toMatchObject({ KeyState: 'Disabled', Enabled: false });
    expect(cancelled).not.toHaveProperty('DeletionDate');
    await kms.ok('EnableKey', { KeyId });
    await kms.ok('Encrypt', { KeyId, Plaintext: base64('x') });
  });

  it('refuses keys that are not pending deletion', async () => {
    const refusal = `KMSInvalidStateException: ${arnOf(KeyId)} is not pending deletion.`;
    expect(await kms.error('CancelKeyDeletion', { KeyId })).toBe(refusal);
    await kms.ok('DisableKey', { KeyId });
    expect(await kms.error('CancelKeyDeletion', { KeyId })).toBe(refusal);
  });
});

describe('UpdateKeyDescription', () => {
  it('sets it, to nothing too', async () => {
    for (const Description of ['pay roll', '']) {
      const { response } = await kms.call('UpdateKeyDescription', { KeyId, Description });
      expect([response.status, response.body]).toEqual([200, '']);
      expect((await metadata()).Description).toBe(Description);
    }
    expect(await kms.error('UpdateKeyDescription', { KeyId })).toMatch(
      /Value null at 'description'/,
    );
  });
});
