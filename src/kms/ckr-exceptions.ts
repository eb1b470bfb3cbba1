/**
 * Which AWS exception a PKCS#11 return value becomes when it reaches the pipeline. What is not in the table
 * is KMSInternalException: the operation's own code deals with the values that a caller can cause.
 */
import type { CkrName } from '../hsm/constants.ts';
import type { CkrError } from '../hsm/errors.ts';

export type DeviceExceptionName = 'KeyUnavailableException' | 'KMSInternalException';

/** The device is there but cannot serve now, or went away: the caller may try again. */
const unavailable: ReadonlySet<CkrError['ckr']> = new Set<CkrName>([
  'CKR_DEVICE_MEMORY',
  'CKR_DEVICE_REMOVED',
  'CKR_KEY_HANDLE_INVALID',
  'CKR_OBJECT_HANDLE_INVALID',
  'CKR_SESSION_CLOSED',
  'CKR_SESSION_COUNT',
  'CKR_SESSION_HANDLE_INVALID',
  'CKR_STRONGROOM_BUSY',
  'CKR_TOKEN_NOT_PRESENT',
]);

export function deviceException(ckr: CkrError['ckr']): DeviceExceptionName {
  return unavailable.has(ckr) ? 'KeyUnavailableException' : 'KMSInternalException';
}
