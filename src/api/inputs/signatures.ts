/** Inputs of the operations with asymmetric signing keys and with HMAC keys, and of GetPublicKey. */
import type {
  GenerateMacRequest,
  GenerateMacResponse,
  GetPublicKeyRequest,
  GetPublicKeyResponse,
  SignRequest,
  SignResponse,
  VerifyMacRequest,
  VerifyMacResponse,
  VerifyRequest,
  VerifyResponse,
} from '@aws-sdk/client-kms';
import type { Inputs, RequestInput, StringShape } from '../shapes.ts';
import { BooleanType, CiphertextType, GrantTokenList, KeyId, PlaintextType } from './members.ts';

const MessageType: StringShape = { type: 'string', values: ['RAW', 'DIGEST', 'EXTERNAL_MU'] };
const SigningAlgorithmSpec: StringShape = {
  type: 'string',
  values: [
    'RSASSA_PSS_SHA_256',
    'RSASSA_PSS_SHA_384',
    'RSASSA_PSS_SHA_512',
    'RSASSA_PKCS1_V1_5_SHA_256',
    'RSASSA_PKCS1_V1_5_SHA_384',
    'RSASSA_PKCS1_V1_5_SHA_512',
    'ECDSA_SHA_256',
    'ECDSA_SHA_384',
    'ECDSA_SHA_512',
    'SM2DSA',
    'ML_DSA_SHAKE_256',
    'ED25519_SHA_512',
    'ED25519_PH_SHA_512',
  ],
};
const MacAlgorithmSpec: StringShape = {
  type: 'string',
  values: ['HMAC_SHA_224', 'HMAC_SHA_256', 'HMAC_SHA_384', 'HMAC_SHA_512'],
};

export interface SignatureOperations {
  Sign: {
    input: RequestInput<SignRequest, 'KeyId' | 'Message' | 'SigningAlgorithm'>;
    output: SignResponse;
  };
  Verify: {
    input: RequestInput<VerifyRequest, 'KeyId' | 'Message' | 'Signature' | 'SigningAlgorithm'>;
    output: VerifyResponse;
  };
  GenerateMac: {
    input: RequestInput<GenerateMacRequest, 'Message' | 'KeyId' | 'MacAlgorithm'>;
    output: GenerateMacResponse;
  };
  VerifyMac: {
    input: RequestInput<VerifyMacRequest, 'Message' | 'KeyId' | 'MacAlgorithm' | 'Mac'>;
    output: VerifyMacResponse;
  };
  GetPublicKey: { input: RequestInput<GetPublicKeyRequest, 'KeyId'>; output: GetPublicKeyResponse };
}

export const signatureInputs: Inputs<SignatureOperations> = {
  Sign: {
    type: 'structure',
    members: {
      KeyId,
      Message: { shape: PlaintextType, required: true },
      MessageType: { shape: MessageType },
      GrantTokens: { shape: GrantTokenList },
      SigningAlgorithm: { shape: SigningAlgorithmSpec, required: true },
      DryRun: { shape: BooleanType },
    },
  },
  Verify: {
    type: 'structure',
    members: {
      KeyId,
      Message: { shape: PlaintextType, required: true },
      MessageType: { shape: MessageType },
      Signature: { shape: CiphertextType, required: true },
      SigningAlgorithm: { shape: SigningAlgorithmSpec, required: true },
      GrantTokens: { shape: GrantTokenList },
      DryRun: { shape: BooleanType },
    },
  },
  GenerateMac: {
    type: 'structure',
    members: {
      Message: { shape: PlaintextType, required: true },
      KeyId,
      MacAlgorithm: { shape: MacAlgorithmSpec, required: true },
      GrantTokens: { shape: GrantTokenList },
      DryRun: { shape: BooleanType },
    },
  },
  VerifyMac: {
    type: 'structure',
    members: {
      Message: { shape: PlaintextType, required: true },
      KeyId,
      MacAlgorithm: { shape: MacAlgorithmSpec, required: true },
      Mac: { shape: CiphertextType, required: true },
      GrantTokens: { shape: GrantTokenList },
      DryRun: { shape: BooleanType },
    },
  },
  GetPublicKey: {
    type: 'structure',
    members: { KeyId, GrantTokens: { shape: GrantTokenList } },
  },
};
