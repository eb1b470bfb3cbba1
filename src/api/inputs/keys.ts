/** Inputs of the operations on KMS keys themselves: making, describing, enabling, deleting them. */
import type {
  CancelKeyDeletionRequest,
  CancelKeyDeletionResponse,
  CreateKeyRequest,
  CreateKeyResponse,
  DescribeKeyRequest,
  DescribeKeyResponse,
  DisableKeyRequest,
  EnableKeyRequest,
  ListKeysRequest,
  ListKeysResponse,
  ScheduleKeyDeletionRequest,
  ScheduleKeyDeletionResponse,
  UpdateKeyDescriptionRequest,
} from '@aws-sdk/client-kms';
import type { Inputs, RequestInput, StringShape } from '../shapes.ts';
import {
  BooleanType,
  CustomKeyStoreIdType,
  DescriptionType,
  GrantTokenList,
  KeyId,
  onlyKeyId,
  PolicyType,
  pagination,
  TagList,
} from './members.ts';

const CustomerMasterKeySpec: StringShape = {
  type: 'string',
  values: [
    'RSA_2048',
    'RSA_3072',
    'RSA_4096',
    'ECC_NIST_P256',
    'ECC_NIST_P384',
    'ECC_NIST_P521',
    'ECC_SECG_P256K1',
    'SYMMETRIC_DEFAULT',
    'HMAC_224',
    'HMAC_256',
    'HMAC_384',
    'HMAC_512',
    'SM2',
  ],
};
const KeySpec: StringShape = {
  type: 'string',
  values: [
    ...(CustomerMasterKeySpec.values ?? []),
    'ML_DSA_44',
    'ML_DSA_65',
    'ML_DSA_87',
    'ECC_NIST_EDWARDS25519',
    'ML_KEM_512',
    'ML_KEM_768',
    'ML_KEM_1024',
  ],
};
const KeyUsageType: StringShape = {
  type: 'string',
  values: [
    'SIGN_VERIFY',
    'ENCRYPT_DECRYPT',
    'GENERATE_VERIFY_MAC',
    'KEY_AGREEMENT',
    'ENCAPSULATE_DECAPSULATE',
  ],
};
const OriginType: StringShape = {
  type: 'string',
  values: ['AWS_KMS', 'EXTERNAL', 'AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE'],
};
const XksKeyIdType: StringShape = {
  type: 'string',
  length: { min: 1, max: 128 },
  pattern: /^[a-zA-Z0-9-_.]+$/,
};

export interface KeyOperations {
  CreateKey: { input: RequestInput<CreateKeyRequest>; output: CreateKeyResponse };
  DescribeKey: { input: RequestInput<DescribeKeyRequest, 'KeyId'>; output: DescribeKeyResponse };
  ListKeys: { input: RequestInput<ListKeysRequest>; output: ListKeysResponse };
  EnableKey: { input: RequestInput<EnableKeyRequest, 'KeyId'>; output: undefined };
  DisableKey: { input: RequestInput<DisableKeyRequest, 'KeyId'>; output: undefined };
  UpdateKeyDescription: {
    input: RequestInput<UpdateKeyDescriptionRequest, 'KeyId' | 'Description'>;
    output: undefined;
  };
  ScheduleKeyDeletion: {
    input: RequestInput<ScheduleKeyDeletionRequest, 'KeyId'>;
    output: ScheduleKeyDeletionResponse;
  };
  CancelKeyDeletion: {
    input: RequestInput<CancelKeyDeletionRequest, 'KeyId'>;
    output: CancelKeyDeletionResponse;
  };
}

export const keyInputs: Inputs<KeyOperations> = {
  CreateKey: {
    type: 'structure',
    members: {
      Policy: { shape: PolicyType },
      Description: { shape: DescriptionType },
      KeyUsage: { shape: KeyUsageType },
      CustomerMasterKeySpec: { shape: CustomerMasterKeySpec },
      KeySpec: { shape: KeySpec },
      Origin: { shape: OriginType },
      CustomKeyStoreId: { shape: CustomKeyStoreIdType },
      BypassPolicyLockoutSafetyCheck: { shape: BooleanType },
      Tags: { shape: TagList },
      MultiRegion: { shape: BooleanType },
      XksKeyId: { shape: XksKeyIdType },
    },
  },
  DescribeKey: {
    type: 'structure',
    members: { KeyId, GrantTokens: { shape: GrantTokenList } },
  },
  ListKeys: { type: 'structure', members: pagination },
  EnableKey: onlyKeyId,
  DisableKey: onlyKeyId,
  UpdateKeyDescription: {
    type: 'structure',
    members: { KeyId, Description: { shape: DescriptionType, required: true } },
  },
  ScheduleKeyDeletion: {
    type: 'structure',
    members: {
      KeyId,
      PendingWindowInDays: { shape: { type: 'integer', range: { min: 1, max: 365 } } },
    },
  },
  CancelKeyDeletion: onlyKeyId,
};
