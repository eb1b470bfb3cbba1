/**
 * What a caller is told when a request failed. Refusals pass as they are. Everything else is a fault of this
 * service: the caller learns only which kind, the operator gets the reason.
 */
import { KmsException, kmsException } from '../api/exceptions.ts';
import { CkrError } from '../hsm/errors.ts';
import { KeyStoreBusyError, KeyTokenError } from '../keystore/key-store.ts';
import { deviceException } from './ckr-exceptions.ts';

export interface Refusal {
  readonly exception: KmsException;
  /** The reason, when it is not for the caller. */
  readonly fault: unknown;
}

export function refusalOf(error: unknown): Refusal {
  if (error instanceof KmsException) return { exception: error, fault: error.cause };
  if (error instanceof KeyStoreBusyError) return { exception: throttled(), fault: undefined };
  // Its record is ours, and yet the device does not open it, nor will it later.
  if (error instanceof KeyTokenError)
    return {
      exception: kmsException(
        'KMSInvalidStateException',
        'The key material of this KMS key was destroyed.',
      ),
      fault: error,
    };
  const name = error instanceof CkrError ? deviceException(error.ckr) : 'KMSInternalException';
  return { exception: kmsException(name), fault: error };
}

/** What a caller is told who should come back later. */
export function throttled(): KmsException {
  return kmsException(
    'ThrottlingException',
    'You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.',
  );
}

/** Name of an error in audit records: CloudTrail's. */
export function auditErrorCode({ name }: KmsException): string {
  return name === 'AccessDeniedException' ? 'AccessDenied' : name;
}
