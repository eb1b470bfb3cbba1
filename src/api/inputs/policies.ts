/** Inputs of the operations on key policies. */
import type {
  GetKeyPolicyRequest,
  GetKeyPolicyResponse,
  ListKeyPoliciesRequest,
  ListKeyPoliciesResponse,
  PutKeyPolicyRequest,
} from '@aws-sdk/client-kms';
import type { Inputs, Member, RequestInput } from '../shapes.ts';
import { BooleanType, KeyId, PolicyType, pagination } from './members.ts';

const PolicyName: Member = {
  shape: { type: 'string', length: { min: 1, max: 128 }, pattern: /^[\w]+$/ },
};

export interface PolicyOperations {
  GetKeyPolicy: { input: RequestInput<GetKeyPolicyRequest, 'KeyId'>; output: GetKeyPolicyResponse };
  PutKeyPolicy: {
    input: RequestInput<PutKeyPolicyRequest, 'KeyId' | 'Policy'>;
    output: undefined;
  };
  ListKeyPolicies: {
    input: RequestInput<ListKeyPoliciesRequest, 'KeyId'>;
    output: ListKeyPoliciesResponse;
  };
}

export const policyInputs: Inputs<PolicyOperations> = {
  GetKeyPolicy: { type: 'structure', members: { KeyId, PolicyName } },
  PutKeyPolicy: {
    type: 'structure',
    members: {
      KeyId,
      PolicyName,
      Policy: { shape: PolicyType, required: true },
      BypassPolicyLockoutSafetyCheck: { shape: BooleanType },
    },
  },
  ListKeyPolicies: { type: 'structure', members: { KeyId, ...pagination } },
};
