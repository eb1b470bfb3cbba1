/** What Sign and Verify share: the message, or its digest. */
import type { MessageType, SigningAlgorithmSpec } from '@aws-sdk/client-kms';
import { kmsException } from '../../api/exceptions.ts';
import type { SignedMessageType } from '../../keystore/key-store.ts';
import type { KmsKey } from '../keys/key-record.ts';
import { requireAlgorithm } from './algorithm.ts';

interface Signed {
  readonly Message: Uint8Array;
  readonly MessageType?: MessageType;
  readonly SigningAlgorithm: SigningAlgorithmSpec;
}

/** @throws InvalidKeyUsageException, ValidationException for a digest of another length */
export function checkMessage(input: Signed, key: KmsKey): void {
  const { Message: message, SigningAlgorithm: algorithm } = input;
  requireAlgorithm(algorithm, key);
  if (messageTypeOf(input) === 'DIGEST' && message.length !== digestLength(algorithm))
    throw kmsException(
      'ValidationException',
      `Digest is invalid length for algorithm ${algorithm}.`,
    );
}

/** Absent means RAW. @throws ValidationException for what only other algorithms than those built can sign */
export function messageTypeOf({
  MessageType: type = 'RAW',
  SigningAlgorithm: algorithm,
}: Signed): SignedMessageType {
  if (type === 'EXTERNAL_MU')
    throw kmsException(
      'ValidationException',
      `Message type ${type} is not valid for algorithm ${algorithm}.`,
    );
  return type;
}

/** Bytes of the algorithm's hash, which its name ends with. */
function digestLength(algorithm: SigningAlgorithmSpec): number {
  return Number(/_(\d+)$/.exec(algorithm)?.[1]) / 8;
}
