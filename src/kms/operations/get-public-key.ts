/**
 * GetPublicKey: the public key of an asymmetric KMS key, to verify or encrypt elsewhere. Also of a disabled key.
 * Source: AWS KMS API Reference, GetPublicKey.
 * Errors beyond the shared ones: UnsupportedOperationException for keys that have none.
 */
import type { CustomerMasterKeySpec } from '@aws-sdk/client-kms';
import { kmsException } from '../../api/exceptions.ts';
import { algorithmsOf } from '../keys/key-record.ts';
import { defineOperation, type Operation } from '../operation.ts';

export const getPublicKey: Operation<'GetPublicKey'> = defineOperation({
  name: 'GetPublicKey',
  key: { alias: true },
  action: 'kms:GetPublicKey',
  audit: { readOnly: true, parameters: ['KeyId'], never: ['GrantTokens'] },
  prepare: () => undefined,
  run({ key }) {
    const { publicKey } = key.current.material;
    if (publicKey === undefined) throw kmsException('UnsupportedOperationException');
    return {
      KeyId: key.arn,
      PublicKey: publicKey,
      // The SDK types it by the older list of specs.
      CustomerMasterKeySpec: key.keySpec as CustomerMasterKeySpec,
      KeySpec: key.keySpec,
      KeyUsage: key.keyUsage,
      ...algorithmsOf(key),
    };
  },
});
