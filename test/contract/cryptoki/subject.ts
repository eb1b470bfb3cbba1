/**
 * What the behavioural suite asks of a PKCS#11 token: a part of src/hsm's own interface, so that our token is taken as
 * it is, and a module is brought to it by module.ts.
 */
import { CkrError, type Session, type Slot } from '../../../src/hsm/index.ts';

export const SO_PIN = '12345678';
export const USER_PIN = '123456';
export const LABEL = 'contract';

export type SessionUnderTest = Pick<
  Session,
  | 'info'
  | 'close'
  | 'login'
  | 'logout'
  | 'initPin'
  | 'setPin'
  | 'createObject'
  | 'destroyObject'
  | 'getAttributes'
  | 'setAttributes'
  | 'findObjects'
  | 'generateKey'
  | 'generateKeyPair'
  | 'wrapKey'
  | 'unwrapKey'
  | 'encrypt'
  | 'decrypt'
  | 'sign'
  | 'verify'
  | 'generateRandom'
>;

/** An initialised token with SO_PIN and USER_PIN. */
export interface TokenUnderTest
  extends Pick<Slot, 'closeAllSessions' | 'initToken'>,
    AsyncDisposable {
  /** Can CKA_WRAP_TEMPLATE and its like be asked of it? pkcs11js cannot carry templates in templates. */
  readonly nestedTemplates: boolean;
  openSession(options?: { readWrite?: boolean }): Promise<SessionUnderTest>;
}

/** What a call came to: CKR_OK, or the name of its refusal. */
export async function ckr(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'CKR_OK';
  } catch (error) {
    if (error instanceof CkrError) return error.ckr;
    throw error;
  }
}
