/**
 * The inputs of the KMS operations that are built, member by member with the model's constraints.
 * Source: AWS KMS model, service version 2014-11-01 (`TrentService`).
 */
import type {
  CreateKeyRequest,
  CreateKeyResponse,
  DecryptRequest,
  DecryptResponse,
  DescribeKeyRequest,
  DescribeKeyResponse,
  DisableKeyRequest,
  EnableKeyRequest,
  EncryptRequest,
  EncryptResponse,
  GenerateDataKeyRequest,
  GenerateDataKeyResponse,
  GenerateDataKeyWithoutPlaintextRequest,
  GenerateDataKeyWithoutPlaintextResponse,
  GenerateRandomRequest,
  GenerateRandomResponse,
  ListKeysRequest,
  ListKeysResponse,
} from '@aws-sdk/client-kms';
import { parseJson } from './json.ts';
import type {
  BlobShape,
  BooleanShape,
  InputShape,
  IntegerShape,
  ListShape,
  MapShape,
  RequestInput,
  StringShape,
  StructureShape,
} from './shapes.ts';
import { validate } from './validate.ts';

/** Request and response of each operation. An operation without output has `undefined`. */
export interface OperationTypes {
  CreateKey: { input: RequestInput<CreateKeyRequest>; output: CreateKeyResponse };
  DescribeKey: { input: RequestInput<DescribeKeyRequest, 'KeyId'>; output: DescribeKeyResponse };
  ListKeys: { input: RequestInput<ListKeysRequest>; output: ListKeysResponse };
  Encrypt: { input: RequestInput<EncryptRequest, 'KeyId' | 'Plaintext'>; output: EncryptResponse };
  Decrypt: { input: RequestInput<DecryptRequest>; output: DecryptResponse };
  GenerateDataKey: {
    input: RequestInput<GenerateDataKeyRequest, 'KeyId'>;
    output: GenerateDataKeyResponse;
  };
  GenerateDataKeyWithoutPlaintext: {
    input: RequestInput<GenerateDataKeyWithoutPlaintextRequest, 'KeyId'>;
    output: GenerateDataKeyWithoutPlaintextResponse;
  };
  GenerateRandom: { input: RequestInput<GenerateRandomRequest>; output: GenerateRandomResponse };
  EnableKey: { input: RequestInput<EnableKeyRequest, 'KeyId'>; output: undefined };
  DisableKey: { input: RequestInput<DisableKeyRequest, 'KeyId'>; output: undefined };
}

export type OperationName = keyof OperationTypes;
export type Input<N extends OperationName> = OperationTypes[N]['input'];
export type Output<N extends OperationName> = OperationTypes[N]['output'];

// Named as in the model.
const KeyIdType: StringShape = { type: 'string', length: { min: 1, max: 2048 } };
const GrantTokenType: StringShape = { type: 'string', length: { min: 1, max: 8192 } };
const GrantTokenList: ListShape = {
  type: 'list',
  length: { min: 0, max: 10 },
  member: GrantTokenType,
};
const PlaintextType: BlobShape = { type: 'blob', length: { min: 1, max: 4096 }, sensitive: true };
const CiphertextType: BlobShape = { type: 'blob', length: { min: 1, max: 6144 } };
const EncryptionContextType: MapShape = { type: 'map', value: { type: 'string' } };
const BooleanType: BooleanShape = { type: 'boolean' };
const NumberOfBytesType: IntegerShape = { type: 'integer', range: { min: 1, max: 1024 } };
const CustomKeyStoreIdType: StringShape = { type: 'string', length: { min: 1, max: 64 } };
const EncryptionAlgorithmSpec: StringShape = {
  type: 'string',
  values: ['SYMMETRIC_DEFAULT', 'RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256', 'SM2PKE'],
};
const DataKeySpec: StringShape = { type: 'string', values: ['AES_256', 'AES_128'] };
const RecipientInfo: StructureShape = {
  type: 'structure',
  members: {
    KeyEncryptionAlgorithm: { shape: { type: 'string', values: ['RSAES_OAEP_SHA_256'] } },
    AttestationDocument: { shape: { type: 'blob', length: { min: 1, max: 262_144 } } },
  },
};
const DryRunModifierList: ListShape = {
  type: 'list',
  member: { type: 'string', values: ['IGNORE_CIPHERTEXT'] },
};
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
const PolicyType: StringShape = {
  type: 'string',
  length: { min: 1, max: 131_072 },
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the model's own pattern, printed in messages
  pattern: /^[\u0009\u000A\u000D\u0020-\u00FF]+$/,
};
const XksKeyIdType: StringShape = {
  type: 'string',
  length: { min: 1, max: 128 },
  pattern: /^[a-zA-Z0-9-_.]+$/,
};
const MarkerType: StringShape = {
  type: 'string',
  length: { min: 1, max: 1024 },
  pattern: /^[\u0020-\u00FF]*$/,
};
const Tag: StructureShape = {
  type: 'structure',
  members: {
    TagKey: { shape: { type: 'string', length: { min: 1, max: 128 } }, required: true },
    TagValue: { shape: { type: 'string', length: { min: 0, max: 256 } }, required: true },
  },
};

const onlyKeyId: StructureShape = {
  type: 'structure',
  members: { KeyId: { shape: KeyIdType, required: true } },
};

/** The input shape of every operation, by name. */
export const inputs: { readonly [N in OperationName]: InputShape<Input<N>> } = {
  CreateKey: {
    type: 'structure',
    members: {
      Policy: { shape: PolicyType },
      Description: { shape: { type: 'string', length: { min: 0, max: 8192 } } },
      KeyUsage: { shape: KeyUsageType },
      CustomerMasterKeySpec: { shape: CustomerMasterKeySpec },
      KeySpec: { shape: KeySpec },
      Origin: { shape: OriginType },
      CustomKeyStoreId: { shape: CustomKeyStoreIdType },
      BypassPolicyLockoutSafetyCheck: { shape: BooleanType },
      Tags: { shape: { type: 'list', member: Tag } },
      MultiRegion: { shape: BooleanType },
      XksKeyId: { shape: XksKeyIdType },
    },
  },
  DescribeKey: {
    type: 'structure',
    members: {
      KeyId: { shape: KeyIdType, required: true },
      GrantTokens: { shape: GrantTokenList },
    },
  },
  ListKeys: {
    type: 'structure',
    members: {
      Limit: { shape: { type: 'integer', range: { min: 1, max: 1000 } } },
      Marker: { shape: MarkerType },
    },
  },
  Encrypt: {
    type: 'structure',
    members: {
      KeyId: { shape: KeyIdType, required: true },
      Plaintext: { shape: PlaintextType, required: true },
      EncryptionContext: { shape: EncryptionContextType },
      GrantTokens: { shape: GrantTokenList },
      EncryptionAlgorithm: { shape: EncryptionAlgorithmSpec },
      DryRun: { shape: BooleanType },
    },
  },
  Decrypt: {
    type: 'structure',
    members: {
      CiphertextBlob: { shape: CiphertextType },
      EncryptionContext: { shape: EncryptionContextType },
      GrantTokens: { shape: GrantTokenList },
      KeyId: { shape: KeyIdType },
      EncryptionAlgorithm: { shape: EncryptionAlgorithmSpec },
      Recipient: { shape: RecipientInfo },
      DryRun: { shape: BooleanType },
      DryRunModifiers: { shape: DryRunModifierList },
    },
  },
  GenerateDataKey: {
    type: 'structure',
    members: {
      KeyId: { shape: KeyIdType, required: true },
      EncryptionContext: { shape: EncryptionContextType },
      NumberOfBytes: { shape: NumberOfBytesType },
      KeySpec: { shape: DataKeySpec },
      GrantTokens: { shape: GrantTokenList },
      Recipient: { shape: RecipientInfo },
      DryRun: { shape: BooleanType },
    },
  },
  GenerateDataKeyWithoutPlaintext: {
    type: 'structure',
    members: {
      KeyId: { shape: KeyIdType, required: true },
      EncryptionContext: { shape: EncryptionContextType },
      KeySpec: { shape: DataKeySpec },
      NumberOfBytes: { shape: NumberOfBytesType },
      GrantTokens: { shape: GrantTokenList },
      DryRun: { shape: BooleanType },
    },
  },
  GenerateRandom: {
    type: 'structure',
    members: {
      NumberOfBytes: { shape: NumberOfBytesType },
      CustomKeyStoreId: { shape: CustomKeyStoreIdType },
      Recipient: { shape: RecipientInfo },
    },
  },
  EnableKey: onlyKeyId,
  DisableKey: onlyKeyId,
};

/**
 * Reads and checks the body of a request for an operation.
 * @throws KmsException SerializationException, ValidationException
 */
export function parseInput<N extends OperationName>(name: N, body: Uint8Array): Input<N> {
  const shape: InputShape<Input<N>> = inputs[name];
  const input = parseJson(shape, body);
  validate(shape, input);
  return input;
}
