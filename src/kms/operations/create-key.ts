/**
 * CreateKey: a new KMS key with material made in the device.
 * Source: AWS KMS API Reference, CreateKey; recorded error texts.
 *
 * Symmetric keys of origin AWS_KMS. What AWS would refuse is refused as AWS does; what AWS would accept and
 * this version cannot do is UnsupportedOperationException, naming the member. A key policy or tags are among
 * the latter: to store them without anything that reads them would be to pretend. Without a policy the
 * default one holds (the account's root may do everything), so BypassPolicyLockoutSafetyCheck has nothing
 * to bypass and is accepted.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { KeySpec } from '@aws-sdk/client-kms';
import { kmsException } from '../../api/exceptions.ts';
import { keySpecs } from '../../api/key-specs.ts';
import type { Input } from '../../api/operations.ts';
import { keyMetadata } from '../keys/key-record.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { notSupported } from './refusals.ts';

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
    const keySpec = checkSpecAndUsage(input);
    checkTags(input.Tags ?? []);
    refuseUnsupported(input, keySpec);
    return { description: input.Description ?? '' };
  },
  async run({ prepared: { description }, keys, keyStore, accountId, region, nowMs, commit }) {
    const keyId = randomUUID();
    const materialId = randomBytes(32).toString('hex');
    const keySpec = 'SYMMETRIC_DEFAULT';
    const material = await keyStore.generate({ accountId, region, keyId, materialId, keySpec });
    const keyToken = Buffer.from(material.keyToken).toString('base64');
    const key = {
      accountId,
      region,
      keyId,
      keySpec,
      keyUsage: 'ENCRYPT_DECRYPT',
      origin: 'AWS_KMS',
      keyState: 'Enabled',
      description,
      createdAtMs: nowMs,
      materials: [{ materialId, keyToken, createdAtMs: nowMs }],
    } as const;
    const KeyMetadata = keyMetadata(key);
    const success = { responseElements: { KeyMetadata }, resources: [KeyMetadata.Arn] };
    await commit(success, (audit) => keys.create(key, audit));
    return { KeyMetadata };
  },
});

/** @throws ValidationException for what no key can be */
function checkSpecAndUsage(input: CreateKeyInput): KeySpec {
  const { KeySpec: spec, CustomerMasterKeySpec: oldSpec } = input;
  if (spec !== undefined && oldSpec !== undefined)
    throw kmsException(
      'ValidationException',
      'You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.',
    );
  const keySpec = spec ?? oldSpec ?? 'SYMMETRIC_DEFAULT';
  const { algorithms, defaultUsage } = keySpecs[keySpec];
  const usage = input.KeyUsage ?? defaultUsage;
  if (usage === undefined)
    throw kmsException(
      'ValidationException',
      'You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.',
    );
  if (algorithms[usage] === undefined)
    throw kmsException(
      'ValidationException',
      `KeyUsage ${usage} is not compatible with KeySpec ${keySpec}`,
    );
  return keySpec;
}

/** @throws TagException */
function checkTags(tags: NonNullable<CreateKeyInput['Tags']>): void {
  const names = tags.map(({ TagKey }) => TagKey ?? '');
  if (names.some((name) => name.toLowerCase().startsWith('aws:')))
    throw kmsException('TagException', 'Tags beginning with aws: are reserved');
  if (new Set(names).size < names.length) throw kmsException('TagException', 'Duplicate tag keys');
  if (names.length > tagCountMax) throw kmsException('TagException', 'Too many tags');
}

const tagCountMax = 50;

/** @throws UnsupportedOperationException */
function refuseUnsupported(input: CreateKeyInput, keySpec: KeySpec): void {
  const { Origin: origin = 'AWS_KMS' } = input;
  const asked: readonly [isAsked: boolean, what: string][] = [
    [!keySpecs[keySpec].built, `KeySpec ${keySpec}`],
    [origin !== 'AWS_KMS', `Origin ${origin}`],
    [input.CustomKeyStoreId !== undefined, 'CustomKeyStoreId'],
    [input.XksKeyId !== undefined, 'XksKeyId'],
    [input.MultiRegion === true, 'MultiRegion'],
    [input.Policy !== undefined, 'Policy'],
    [(input.Tags?.length ?? 0) > 0, 'Tags'],
  ];
  for (const [isAsked, what] of asked) if (isAsked) throw notSupported(what);
}
