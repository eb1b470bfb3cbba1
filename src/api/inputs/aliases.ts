/** Inputs of the operations on aliases. */
import type {
  CreateAliasRequest,
  DeleteAliasRequest,
  ListAliasesRequest,
  ListAliasesResponse,
  UpdateAliasRequest,
} from '@aws-sdk/client-kms';
import type { Inputs, Member, RequestInput } from '../shapes.ts';
import { KeyIdType, pagination, KeyId as TargetKeyId } from './members.ts';

const AliasName: Member = {
  shape: { type: 'string', length: { min: 1, max: 256 }, pattern: /^[a-zA-Z0-9:/_-]+$/ },
  required: true,
};

export interface AliasOperations {
  CreateAlias: {
    input: RequestInput<CreateAliasRequest, 'AliasName' | 'TargetKeyId'>;
    output: undefined;
  };
  UpdateAlias: {
    input: RequestInput<UpdateAliasRequest, 'AliasName' | 'TargetKeyId'>;
    output: undefined;
  };
  DeleteAlias: { input: RequestInput<DeleteAliasRequest, 'AliasName'>; output: undefined };
  ListAliases: { input: RequestInput<ListAliasesRequest>; output: ListAliasesResponse };
}

export const aliasInputs: Inputs<AliasOperations> = {
  CreateAlias: { type: 'structure', members: { AliasName, TargetKeyId } },
  UpdateAlias: { type: 'structure', members: { AliasName, TargetKeyId } },
  DeleteAlias: { type: 'structure', members: { AliasName } },
  ListAliases: {
    type: 'structure',
    members: { KeyId: { shape: KeyIdType }, ...pagination },
  },
};
