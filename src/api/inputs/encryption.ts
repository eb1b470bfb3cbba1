/** Inputs of Encrypt, Decrypt and ReEncrypt. */
import type {
  DecryptRequest,
  DecryptResponse,
  EncryptRequest,
  EncryptResponse,
  ReEncryptRequest,
  ReEncryptResponse,
} from '@aws-sdk/client-kms';
import type { Inputs, ListShape, RequestInput, StringShape } from '../shapes.ts';
import {
  BooleanType,
  CiphertextType,
  EncryptionContextType,
  GrantTokenList,
  KeyId,
  KeyIdType,
  PlaintextType,
  RecipientInfo,
} from './members.ts';

const EncryptionAlgorithmSpec: StringShape = {
  type: 'string',
  values: ['SYMMETRIC_DEFAULT', 'RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256', 'SM2PKE'],
};
const DryRunModifierList: ListShape = {
  type: 'list',
  member: { type: 'string', values: ['IGNORE_CIPHERTEXT'] },
};

export interface EncryptionOperations {
  Encrypt: { input: RequestInput<EncryptRequest, 'KeyId' | 'Plaintext'>; output: EncryptResponse };
  Decrypt: { input: RequestInput<DecryptRequest>; output: DecryptResponse };
  ReEncrypt: {
    input: RequestInput<ReEncryptRequest, 'DestinationKeyId'>;
    output: ReEncryptResponse;
  };
}

export const encryptionInputs: Inputs<EncryptionOperations> = {
  Encrypt: {
    type: 'structure',
    members: {
      KeyId,
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
  ReEncrypt: {
    type: 'structure',
    members: {
      CiphertextBlob: { shape: CiphertextType },
      SourceEncryptionContext: { shape: EncryptionContextType },
      SourceKeyId: { shape: KeyIdType },
      DestinationKeyId: { shape: KeyIdType, required: true },
      DestinationEncryptionContext: { shape: EncryptionContextType },
      SourceEncryptionAlgorithm: { shape: EncryptionAlgorithmSpec },
      DestinationEncryptionAlgorithm: { shape: EncryptionAlgorithmSpec },
      GrantTokens: { shape: GrantTokenList },
      DryRun: { shape: BooleanType },
      DryRunModifiers: { shape: DryRunModifierList },
    },
  },
};
