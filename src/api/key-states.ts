/**
 * Which operation works on a key in which state, and what it says when it does not.
 * Source: AWS KMS Developer Guide, "Key states of AWS KMS keys"; wording as recorded.
 */
import type { KeyState, OriginType } from '@aws-sdk/client-kms';
import { type KmsException, kmsException } from './exceptions.ts';

/** What the state rules look at. */
export interface KeyStateSubject {
  readonly arn: string;
  readonly keyState: KeyState;
  readonly origin: OriginType;
}

/** A key in a custom key store (CloudHSM or external). */
function inKeyStore({ origin }: KeyStateSubject): boolean {
  return origin === 'AWS_CLOUDHSM' || origin === 'EXTERNAL_KEY_STORE';
}

function invalidState(says: string): (key: KeyStateSubject) => KmsException {
  return ({ arn }) => kmsException('KMSInvalidStateException', `${arn} ${says}`);
}

function wrongOrigin({ arn, origin }: KeyStateSubject): KmsException {
  return kmsException(
    'UnsupportedOperationException',
    `${arn} origin is ${origin} which is not valid for this operation.`,
  );
}

type Rule = (key: KeyStateSubject) => KmsException | undefined;

const ok: Rule = () => undefined;
const disabled: Rule = ({ arn }) => kmsException('DisabledException', `${arn} is disabled.`);
const pendingDeletion: Rule = (key) =>
  invalidState(
    key.keyState === 'PendingReplicaDeletion'
      ? 'is pending replica deletion.'
      : 'is pending deletion.',
  )(key);
const pendingImport: Rule = invalidState('is pending import.');
const unavailable: Rule = invalidState('is unavailable.');
const creating: Rule = invalidState('is creating.');
const updating: Rule = invalidState('is updating.');
const notPendingDeletion: Rule = invalidState('is not pending deletion.');

const unsupported: Rule = () => kmsException('UnsupportedOperationException');

/** Keys in custom key stores cannot do it in any state; the others as `rule` says. */
function exceptInKeyStore(rule: Rule): Rule {
  return (key) => (inKeyStore(key) ? unsupported(key) : rule(key));
}
const okExceptInKeyStore: Rule = exceptInKeyStore(ok);
const disabledExceptInKeyStore: Rule = exceptInKeyStore(disabled);
const pendingDeletionExceptInKeyStore: Rule = exceptInKeyStore(pendingDeletion);

/** Only keys with imported material can do it; these as `rule` says. */
function onlyImported(rule: Rule): Rule {
  return (key) => (key.origin === 'EXTERNAL' ? rule(key) : wrongOrigin(key));
}
const okOnlyImported: Rule = onlyImported(ok);

/**
 * Columns in the order of the guide. Pending replica deletion counts as pending deletion. Unavailable keys are in
 * custom key stores, all of them; where the guide has no rule for them, since such keys are never in one, it is
 * `unavailable`.
 */
type Row = readonly [
  Enabled: Rule,
  Disabled: Rule,
  PendingDeletion: Rule,
  PendingImport: Rule,
  Unavailable: Rule,
  Creating: Rule,
  Updating: Rule,
];

/** Which of a row's rules holds. */
export const keyStateColumns: Readonly<Record<KeyState, number>> = {
  Enabled: 0,
  Disabled: 1,
  PendingDeletion: 2,
  PendingReplicaDeletion: 2,
  PendingImport: 3,
  Unavailable: 4,
  Creating: 5,
  Updating: 6,
};

const always: Row = [ok, ok, ok, ok, ok, ok, ok];
const use: Row = [ok, disabled, pendingDeletion, pendingImport, unavailable, creating, ok];
const edit: Row = [ok, ok, pendingDeletion, ok, ok, ok, ok];
const enable: Row = [ok, ok, pendingDeletion, pendingImport, ok, creating, updating];
const dataKeyPair: Row = [ok, disabled, pendingDeletion, pendingImport, unsupported, creating, ok];
const grant: Row = [ok, disabled, pendingDeletion, pendingImport, ok, creating, ok];
const replicate: Row = [
  ok,
  disabled,
  pendingDeletion,
  pendingImport,
  unavailable,
  creating,
  updating,
];
const rotation: Row = [
  okExceptInKeyStore,
  disabledExceptInKeyStore,
  pendingDeletionExceptInKeyStore,
  wrongOrigin,
  unsupported,
  creating,
  okExceptInKeyStore,
];
const rotationStatus: Row = [
  okExceptInKeyStore,
  okExceptInKeyStore,
  okExceptInKeyStore,
  wrongOrigin,
  unsupported,
  okExceptInKeyStore,
  okExceptInKeyStore,
];

/** One row per operation that works on a key. */
export const keyStateTable: Readonly<Record<string, Row>> = {
  Encrypt: use,
  Decrypt: use,
  ReEncrypt: use,
  GenerateDataKey: use,
  GenerateDataKeyWithoutPlaintext: use,
  GenerateDataKeyPair: dataKeyPair,
  GenerateDataKeyPairWithoutPlaintext: dataKeyPair,
  Sign: use,
  Verify: use,
  GenerateMac: use,
  VerifyMac: use,
  DeriveSharedSecret: use,
  Encapsulate: use,
  Decapsulate: use,
  GetPublicKey: [ok, ok, pendingDeletion, ok, unavailable, creating, ok],
  DescribeKey: always,
  GetKeyLastUsage: always,
  GetKeyPolicy: always,
  PutKeyPolicy: always,
  ListAliases: always,
  ListGrants: always,
  ListKeyPolicies: always,
  ListResourceTags: always,
  RetireGrant: always,
  RevokeGrant: always,
  DeleteAlias: always,
  CreateAlias: edit,
  TagResource: edit,
  UntagResource: edit,
  UpdateKeyDescription: edit,
  /** The key is the new target; the old one may be in any state. */
  UpdateAlias: edit,
  CreateGrant: grant,
  EnableKey: enable,
  DisableKey: enable,
  ScheduleKeyDeletion: [ok, ok, pendingDeletion, ok, ok, ok, updating],
  CancelKeyDeletion: [
    notPendingDeletion,
    notPendingDeletion,
    ok,
    notPendingDeletion,
    notPendingDeletion,
    notPendingDeletion,
    notPendingDeletion,
  ],
  EnableKeyRotation: rotation,
  DisableKeyRotation: rotation,
  GetKeyRotationStatus: rotationStatus,
  ListKeyRotations: [
    okExceptInKeyStore,
    okExceptInKeyStore,
    okExceptInKeyStore,
    ok,
    unsupported,
    okExceptInKeyStore,
    okExceptInKeyStore,
  ],
  RotateKeyOnDemand: [
    okExceptInKeyStore,
    disabledExceptInKeyStore,
    pendingDeletionExceptInKeyStore,
    pendingImport,
    unsupported,
    creating,
    okExceptInKeyStore,
  ],
  GetParametersForImport: [
    okOnlyImported,
    okOnlyImported,
    onlyImported(pendingDeletion),
    ok,
    wrongOrigin,
    creating,
    updating,
  ],
  /** Pending deletion is an UnsupportedOperationException here whatever the origin (guide, footnote). */
  ImportKeyMaterial: [
    okOnlyImported,
    okOnlyImported,
    onlyImported(unsupported),
    ok,
    wrongOrigin,
    creating,
    ok,
  ],
  DeleteImportedKeyMaterial: [
    okOnlyImported,
    okOnlyImported,
    okOnlyImported,
    ok,
    unavailable,
    creating,
    updating,
  ],
  ReplicateKey: replicate,
  UpdatePrimaryRegion: use,
};

/**
 * Refuses an operation that a key's state does not allow.
 * @param operation one that works on a key
 * @throws KmsException DisabledException, KMSInvalidStateException, UnsupportedOperationException
 */
export function checkKeyState(operation: string, key: KeyStateSubject): void {
  const rule = keyStateTable[operation]?.[keyStateColumns[key.keyState]];
  if (rule === undefined) throw new Error(`no state rule for ${operation} in ${key.keyState}`);
  const refusal = rule(key);
  if (refusal !== undefined) throw refusal;
}
