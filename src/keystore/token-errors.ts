/** Return values of the token that a Region domain understands, by what they mean to it. */
import { CkrError } from '../hsm/index.ts';

export type CkrNames = readonly CkrError['ckr'][];

/** What was sealed or encrypted does not open. */
export const notAuthentic: CkrNames = [
  'CKR_AEAD_DECRYPT_FAILED',
  'CKR_ENCRYPTED_DATA_INVALID',
  'CKR_ENCRYPTED_DATA_LEN_RANGE',
];

/** What was wrapped is not what it should be. */
export const notOurs: CkrNames = [
  ...notAuthentic,
  'CKR_TEMPLATE_INCONSISTENT',
  'CKR_WRAPPED_KEY_INVALID',
  'CKR_WRAPPED_KEY_LEN_RANGE',
];

/** Also after somebody logged the application out. */
export const deadHandle: CkrNames = [
  'CKR_KEY_HANDLE_INVALID',
  'CKR_OBJECT_HANDLE_INVALID',
  'CKR_UNWRAPPING_KEY_HANDLE_INVALID',
  'CKR_WRAPPING_KEY_HANDLE_INVALID',
  'CKR_USER_NOT_LOGGED_IN',
];

export const deadSession: CkrNames = ['CKR_SESSION_CLOSED', 'CKR_SESSION_HANDLE_INVALID'];

/** The token has no room for one key more: in its own memory, or in that of the algorithms. */
export const outOfMemory: CkrNames = ['CKR_DEVICE_MEMORY', 'CKR_HOST_MEMORY'];

export function isCkr(error: unknown, names: CkrNames): boolean {
  return error instanceof CkrError && names.includes(error.ckr);
}
