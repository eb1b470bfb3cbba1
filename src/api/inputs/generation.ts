/** Inputs of the operations that make data keys, data key pairs and random bytes. */
import type {
  GenerateDataKeyPairRequest,
  GenerateDataKeyPairResponse,
  GenerateDataKeyPairWithoutPlaintextRequest,
  GenerateDataKeyPairWithoutPlaintextResponse,
  GenerateDataKeyRequest,
  GenerateDataKeyResponse,
  GenerateDataKeyWithoutPlaintextRequest,
  GenerateDataKeyWithoutPlaintextResponse,
  GenerateRandomRequest,
  GenerateRandomResponse,
} from '@aws-sdk/client-kms';
import type { Inputs, RequestInput, StringShape } from '../shapes.ts';
import {
  BooleanType,
  CustomKeyStoreIdType,
  EncryptionContextType,
  GrantTokenList,
  KeyId,
  NumberOfBytesType,
  RecipientInfo,
} from './members.ts';

const DataKeySpec: StringShape = { type: 'string', values: ['AES_256', 'AES_128'] };
const DataKeyPairSpec: StringShape = {
  type: 'string',
  values: [
    'RSA_2048',
    'RSA_3072',
    'RSA_4096',
    'ECC_NIST_P256',
    'ECC_NIST_P384',
    'ECC_NIST_P521',
    'ECC_SECG_P256K1',
    'SM2',
    'ECC_NIST_EDWARDS25519',
    'ML_KEM_512',
    'ML_KEM_768',
    'ML_KEM_1024',
  ],
};

export interface GenerationOperations {
  GenerateDataKey: {
    input: RequestInput<GenerateDataKeyRequest, 'KeyId'>;
    output: GenerateDataKeyResponse;
  };
  GenerateDataKeyWithoutPlaintext: {
    input: RequestInput<GenerateDataKeyWithoutPlaintextRequest, 'KeyId'>;
    output: GenerateDataKeyWithoutPlaintextResponse;
  };
  GenerateDataKeyPair: {
    input: RequestInput<GenerateDataKeyPairRequest, 'KeyId' | 'KeyPairSpec'>;
    output: GenerateDataKeyPairResponse;
  };
  GenerateDataKeyPairWithoutPlaintext: {
    input: RequestInput<GenerateDataKeyPairWithoutPlaintextRequest, 'KeyId' | 'KeyPairSpec'>;
    output: GenerateDataKeyPairWithoutPlaintextResponse;
  };
  GenerateRandom: { input: RequestInput<GenerateRandomRequest>; output: GenerateRandomResponse };
}

export const generationInputs: Inputs<GenerationOperations> = {
  GenerateDataKey: {
    type: 'structure',
    members: {
      KeyId,
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
      KeyId,
      EncryptionContext: { shape: EncryptionContextType },
      KeySpec: { shape: DataKeySpec },
      NumberOfBytes: { shape: NumberOfBytesType },
      GrantTokens: { shape: GrantTokenList },
      DryRun: { shape: BooleanType },
    },
  },
  GenerateDataKeyPair: {
    type: 'structure',
    members: {
      EncryptionContext: { shape: EncryptionContextType },
      KeyId,
      KeyPairSpec: { shape: DataKeyPairSpec, required: true },
      GrantTokens: { shape: GrantTokenList },
      Recipient: { shape: RecipientInfo },
      DryRun: { shape: BooleanType },
    },
  },
  GenerateDataKeyPairWithoutPlaintext: {
    type: 'structure',
    members: {
      EncryptionContext: { shape: EncryptionContextType },
      KeyId,
      KeyPairSpec: { shape: DataKeyPairSpec, required: true },
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
};
