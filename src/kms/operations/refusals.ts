/** Refusals that several operations share. */
import { kmsException } from '../../api/exceptions.ts';

/**
 * A member of AWS's API that this version does not have. Refused rather than ignored: a caller who asks for
 * it must not believe to have got it.
 */
export function notSupported(what: string): Error {
  return kmsException('UnsupportedOperationException', `${what} is not supported by this version.`);
}

/** Nitro Enclaves and NitroTPM attestation. @throws UnsupportedOperationException */
export function refuseRecipient(recipient: object | undefined): void {
  if (recipient !== undefined) throw notSupported('Recipient');
}

/** @param path the member, in the spelling of validation messages */
export function missingMember(path: string): Error {
  return kmsException(
    'ValidationException',
    `1 validation error detected: Value null at '${path}' failed to satisfy constraint: Member must not be null`,
  );
}
