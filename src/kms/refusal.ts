/**
 * What a caller is told when a request failed. Refusals pass as they are. Everything else is a fault of this
 * service: the caller learns only which kind, the operator gets the reason.
 */
import { KmsException, kmsException } from '../api/exceptions.ts';
import { CkrError } from '../hsm/errors.ts';
import { deviceException } from './ckr-exceptions.ts';

export interface Refusal {
  readonly exception: KmsException;
  /** The reason, when it is not for the caller. */
  readonly fault: unknown;
}

export function refusalOf(error: unknown): Refusal {
  if (error instanceof KmsException) return { exception: error, fault: error.cause };
  const name = error instanceof CkrError ? deviceException(error.ckr) : 'KMSInternalException';
  return { exception: kmsException(name), fault: error };
}

/** Name of an error in audit records: CloudTrail's. */
export function auditErrorCode({ name }: KmsException): string {
  return name === 'AccessDeniedException' ? 'AccessDenied' : name;
}
