import type { KeyState, OriginType } from '@aws-sdk/client-kms';
import { describe, expect, test } from 'vitest';
import { checkKeyState } from '../../../src/api/key-states.ts';
import { refusalOf } from './errors.ts';

const states: readonly KeyState[] = [
  'Enabled',
  'Disabled',
  'PendingDeletion',
  'PendingImport',
  'Unavailable',
  'Creating',
  'Updating',
];
const arn = 'arn:aws:kms:us-east-1:000000000000:key/k';

/** The guide's codes; each stands for one outcome. */
const codes: Readonly<Record<string, string>> = {
  D: `DisabledException: ${arn} is disabled.`,
  P: `KMSInvalidStateException: ${arn} is pending deletion.`,
  nP: `KMSInvalidStateException: ${arn} is not pending deletion.`,
  I: `KMSInvalidStateException: ${arn} is pending import.`,
  U: `KMSInvalidStateException: ${arn} is unavailable.`,
  C: `KMSInvalidStateException: ${arn} is creating.`,
  W: `KMSInvalidStateException: ${arn} is updating.`,
  X: `UnsupportedOperationException: ${arn} origin is AWS_KMS which is not valid for this operation.`,
  E: `UnsupportedOperationException: ${arn} origin is EXTERNAL which is not valid for this operation.`,
  S: 'UnsupportedOperationException: ',
};

function outcome(operation: string, keyState: KeyState, origin: OriginType): string {
  const attempt = (): void => checkKeyState(operation, { arn, keyState, origin });
  try {
    attempt();
    return 'ok';
  } catch {
    const { name, message } = refusalOf(attempt);
    const text = `${name}: ${message}`;
    return Object.entries(codes).find(([, known]) => known === text)?.[0] ?? text;
  }
}

describe('one outcome for each state', () => {
  test.each<[string, OriginType, string]>([
    ['Encrypt', 'AWS_KMS', 'ok D P I U C ok'],
    ['Decrypt', 'AWS_KMS', 'ok D P I U C ok'],
    ['GenerateDataKey', 'AWS_KMS', 'ok D P I U C ok'],
    ['GenerateDataKeyWithoutPlaintext', 'AWS_KMS', 'ok D P I U C ok'],
    ['GenerateDataKeyPair', 'AWS_KMS', 'ok D P I - C ok'],
    ['GenerateDataKeyPair', 'AWS_CLOUDHSM', 'ok D P I S C ok'],
    ['Sign', 'AWS_KMS', 'ok D P I U C ok'],
    ['GetPublicKey', 'AWS_KMS', 'ok ok P ok U C ok'],
    ['DescribeKey', 'AWS_KMS', 'ok ok ok ok ok ok ok'],
    ['TagResource', 'AWS_KMS', 'ok ok P ok ok ok ok'],
    ['CreateGrant', 'AWS_KMS', 'ok D P I ok C ok'],
    ['EnableKey', 'AWS_KMS', 'ok ok P I ok C W'],
    ['DisableKey', 'AWS_KMS', 'ok ok P I ok C W'],
    ['ScheduleKeyDeletion', 'AWS_KMS', 'ok ok P ok ok ok W'],
    ['CancelKeyDeletion', 'AWS_KMS', 'nP nP ok nP nP nP nP'],
    ['EnableKeyRotation', 'AWS_KMS', 'ok D P - - C ok'],
    ['EnableKeyRotation', 'EXTERNAL_KEY_STORE', 'S S S - S C S'],
    ['GetKeyRotationStatus', 'EXTERNAL', 'ok ok ok E - ok ok'],
    ['RotateKeyOnDemand', 'EXTERNAL', 'ok D P I - C ok'],
    ['GetParametersForImport', 'AWS_KMS', 'X X X - X C W'],
    ['GetParametersForImport', 'EXTERNAL', 'ok ok P ok - C W'],
    ['ImportKeyMaterial', 'EXTERNAL', 'ok ok S ok - C ok'],
    ['ReplicateKey', 'AWS_KMS', 'ok D P I U C W'],
  ])('%s, origin %s: %s', (operation, origin, expected) => {
    // A dash: no key of that origin is ever in that state.
    const possible = expected.split(' ');
    const outcomes = states.map((state, i) =>
      possible[i] === '-' ? '-' : outcome(operation, state, origin),
    );
    expect(outcomes).toEqual(possible);
  });
});

test('pending replica deletion is told of as such', () => {
  const key = { arn, keyState: 'PendingReplicaDeletion', origin: 'AWS_KMS' } as const;
  expect(refusalOf(() => checkKeyState('Encrypt', key)).message).toBe(
    `${arn} is pending replica deletion.`,
  );
  expect(() => checkKeyState('CancelKeyDeletion', key)).not.toThrow();
});

test("an operation without a rule is our mistake, not the caller's", () => {
  const key = { arn, keyState: 'Enabled', origin: 'AWS_KMS' } as const;
  expect(() => checkKeyState('ListKeys', key)).toThrow('no state rule for ListKeys');
});
