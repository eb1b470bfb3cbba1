/**
 * CreateKey: a new KMS key with material made in the device.
 * Source: AWS KMS API Reference, CreateKey; recorded error texts.
 *
 * Keys of origin AWS_KMS. What AWS would refuse is refused as AWS does; what AWS would accept and this version
 * cannot do is UnsupportedOperationException, naming the member. A key policy is checked and stored, and not
 * enforced (see key-policy.ts).
 * Errors beyond the shared ones: MalformedPolicyDocumentException, TagException, LimitExceededException (of
 * the policy's length), UnsupportedOperationException.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { KeySpec, KeyUsageType } from '@aws-sdk/client-kms';
import { kmsException } from '../../api/exceptions.ts';
import { keySpecs } from '../../api/key-specs.ts';
import type { Input } from '../../api/operations.ts';
import { keyArn } from '../keys/key-arn.ts';
import { type KeyRecord, keyMetadata } from '../keys/key-record.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { checkLockout, readPolicy } from './key-policy.ts';
import { notSupported } from './refusals.ts';
import { readTags } from './tags.ts';

type CreateKeyInput = Input<'CreateKey'>;

export const createKey: Operation<'CreateKey'> = defineOperation({
  name: 'CreateKey',
  action: 'kms:CreateKey',
  audit: {
    readOnly: false,
    parameters: [
      'Policy',
      'Description',
      'KeyUsage',
      'CustomerMasterKeySpec',
      'KeySpec',
      'Origin',
      'CustomKeyStoreId',
      'BypassPolicyLockoutSafetyCheck',
      'Tags',
      'MultiRegion',
      'XksKeyId',
    ],
    never: [],
  },
  prepare(input) {
    const kind = checkSpecAndUsage(input);
    const tags = readTags(input.Tags ?? []);
    refuseUnsupported(input, kind);
    const policy = input.Policy === undefined ? undefined : readPolicy(input.Policy);
    return { ...kind, tags, policy };
  },
  async run({ input, prepared, keys, keyStore, principal, region, nowMs, commit }) {
    const { accountId } = principal;
    const { keySpec, keyUsage, tags, policy } = prepared;
    const keyId = randomUUID();
    if (policy !== undefined && input.BypassPolicyLockoutSafetyCheck !== true)
      checkLockout(policy, principal, keyArn(region, accountId, keyId));
    const materialId = randomBytes(32).toString('hex');
    const binding = { accountId, region, keyId, materialId, keySpec, keyUsage };
    const { keyToken, publicKey } = await keyStore.generate(binding);
    const material = {
      materialId,
      keyToken: base64(keyToken),
      ...(publicKey !== undefined && { publicKey: base64(publicKey) }),
      createdAtMs: nowMs,
    };
    const key: KeyRecord = {
      accountId,
      region,
      keyId,
      keySpec,
      keyUsage,
      origin: 'AWS_KMS',
      keyState: 'Enabled',
      description: input.Description ?? '',
      createdAtMs: nowMs,
      tags,
      policy: input.Policy,
      aliases: [],
      materials: [material],
    };
    const KeyMetadata = keyMetadata(key);
    const success = { responseElements: { KeyMetadata }, resources: [KeyMetadata.Arn] };
    await commit(success, (audit) => keys.create(key, audit));
    return { KeyMetadata };
  },
});

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

interface KeyKind {
  readonly keySpec: KeySpec;
  readonly keyUsage: KeyUsageType;
}

/** @throws ValidationException for what no key can be */
function checkSpecAndUsage(input: CreateKeyInput): KeyKind {
  const { KeySpec: spec, CustomerMasterKeySpec: oldSpec } = input;
  if (spec !== undefined && oldSpec !== undefined)
    throw kmsException(
      'ValidationException',
      'You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.',
    );
  const keySpec = spec ?? oldSpec ?? 'SYMMETRIC_DEFAULT';
  const { algorithms, defaultUsage } = keySpecs[keySpec];
  const keyUsage = input.KeyUsage ?? defaultUsage;
  if (keyUsage === undefined)
    throw kmsException(
      'ValidationException',
      'You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.',
    );
  if (algorithms[keyUsage] === undefined)
    throw kmsException(
      'ValidationException',
      `KeyUsage ${keyUsage} is not compatible with KeySpec ${keySpec}`,
    );
  return { keySpec, keyUsage };
}

/** @throws UnsupportedOperationException */
function refuseUnsupported(input: CreateKeyInput, { keySpec, keyUsage }: KeyKind): void {
  const { Origin: origin = 'AWS_KMS' } = input;
  const asked: readonly [isAsked: boolean, what: string][] = [
    [!keySpecs[keySpec].built, `KeySpec ${keySpec}`],
    [keyUsage === 'KEY_AGREEMENT', `KeyUsage ${keyUsage}`],
    [origin !== 'AWS_KMS', `Origin ${origin}`],
    [input.CustomKeyStoreId !== undefined, 'CustomKeyStoreId'],
    [input.XksKeyId !== undefined, 'XksKeyId'],
    [input.MultiRegion === true, 'MultiRegion'],
  ];
  for (const [isAsked, what] of asked) if (isAsked) throw notSupported(what);
}
