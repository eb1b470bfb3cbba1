/** Encryption algorithms and the keys they fit. */
import type { EncryptionAlgorithmSpec } from '@aws-sdk/client-kms';
import { kmsException } from '../../api/exceptions.ts';
import type { KmsKey } from '../keys/key-record.ts';

/** @throws InvalidKeyUsageException for an algorithm of asymmetric keys. Absent means SYMMETRIC_DEFAULT. */
export function requireSymmetricAlgorithm(
  algorithm: EncryptionAlgorithmSpec | undefined,
  key: KmsKey,
): void {
  if (algorithm !== undefined && algorithm !== 'SYMMETRIC_DEFAULT')
    throw kmsException(
      'InvalidKeyUsageException',
      `Algorithm ${algorithm} is incompatible with key spec ${key.keySpec}.`,
    );
}
