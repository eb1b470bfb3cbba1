/** Algorithms and the keys they fit. */
import type {
  EncryptionAlgorithmSpec,
  MacAlgorithmSpec,
  SigningAlgorithmSpec,
} from '@aws-sdk/client-kms';
import { kmsException } from '../../api/exceptions.ts';
import { keySpecs } from '../../api/key-specs.ts';
import type { RsaEncryptionAlgorithm } from '../../keystore/key-store.ts';
import type { KmsKey } from '../keys/key-record.ts';

/** @throws InvalidKeyUsageException unless keys of this spec and usage work with the algorithm */
export function requireAlgorithm(
  algorithm: EncryptionAlgorithmSpec | SigningAlgorithmSpec | MacAlgorithmSpec,
  { keySpec, keyUsage }: Pick<KmsKey, 'keySpec' | 'keyUsage'>,
): void {
  if (!keySpecs[keySpec].algorithms[keyUsage]?.includes(algorithm))
    throw kmsException(
      'InvalidKeyUsageException',
      `Algorithm ${algorithm} is incompatible with key spec ${keySpec}.`,
    );
}

export type EncryptionAlgorithm = 'SYMMETRIC_DEFAULT' | RsaEncryptionAlgorithm;

/** The algorithm to encrypt with under a key; absent means SYMMETRIC_DEFAULT. @throws InvalidKeyUsageException */
export function encryptionAlgorithm(
  asked: EncryptionAlgorithmSpec | undefined,
  key: Pick<KmsKey, 'keySpec' | 'keyUsage'>,
): EncryptionAlgorithm {
  const algorithm = asked ?? 'SYMMETRIC_DEFAULT';
  requireAlgorithm(algorithm, key);
  if (algorithm === 'SM2PKE') throw new Error('keys of spec SM2 cannot be made');
  return algorithm;
}
