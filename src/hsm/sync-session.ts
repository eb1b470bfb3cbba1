/**
 * The throwing face of the hot path: cryptographic calls on this thread, for benches and tight loops.
 */
import { CKR } from './constants.ts';
import { CkrError } from './errors.ts';
import type { HotCommand, HotPath, ObjectHandle, SealedRandom } from './hot-path.ts';
import type { GcmMechanism, GcmMessage, GcmMessageTag, Mechanism } from './mechanisms.ts';

function now<T>(result: T | undefined, command: HotCommand): T {
  if (result === undefined) throw new CkrError(CKR.CKR_STRONGROOM_BUSY, command);
  return result;
}

/** Cryptographic calls on this thread. They throw CkrError, CKR_STRONGROOM_BUSY for what has to wait or is too long. */
export class SyncSession {
  readonly #hot: HotPath;

  constructor(hot: HotPath) {
    this.#hot = hot;
  }

  /** Ciphertext, then tag. */
  encrypt(
    mechanism: GcmMechanism,
    key: ObjectHandle,
    data: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array {
    return now(this.#hot.encrypt(mechanism, key, data, into), 'Encrypt');
  }

  decrypt(
    mechanism: GcmMechanism,
    key: ObjectHandle,
    data: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array {
    return now(this.#hot.decrypt(mechanism, key, data, into), 'Decrypt');
  }

  /** IV, tag and ciphertext, one after the other. */
  encryptMessage(
    key: ObjectHandle,
    message: GcmMessage,
    plaintext: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array {
    return now(this.#hot.encryptMessage(key, message, plaintext, into), 'MessageEncrypt');
  }

  decryptMessage(
    key: ObjectHandle,
    message: GcmMessageTag,
    ciphertext: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array {
    return now(this.#hot.decryptMessage(key, message, ciphertext, into), 'MessageDecrypt');
  }

  /** Nonce (28 bytes), tag (16 bytes) and ciphertext, one after the other. */
  seal(
    key: ObjectHandle,
    additionalData: Uint8Array,
    plaintext: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array {
    return now(this.#hot.seal(key, additionalData, plaintext, into), 'MessageEncrypt');
  }

  open(
    key: ObjectHandle,
    nonce: Uint8Array,
    tag: Uint8Array,
    additionalData: Uint8Array,
    ciphertext: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array {
    return now(this.#hot.open(key, nonce, tag, additionalData, ciphertext, into), 'MessageDecrypt');
  }

  sealRandom(
    key: ObjectHandle,
    additionalData: Uint8Array,
    length: number,
    options: { reveal: boolean },
  ): SealedRandom {
    const { reveal } = options;
    return now(this.#hot.sealRandom(key, additionalData, length, reveal), 'SealRandom');
  }

  /** HMAC and ECDSA on P-256 and secp256k1; RSA and longer curves answer CKR_STRONGROOM_BUSY. */
  sign(mechanism: Mechanism, key: ObjectHandle, data: Uint8Array, into?: Uint8Array): Uint8Array {
    return now(this.#hot.sign(mechanism, key, data, into), 'Sign');
  }

  /** What sign makes, and RSA. */
  verify(
    mechanism: Mechanism,
    key: ObjectHandle,
    data: Uint8Array,
    signature: Uint8Array,
  ): boolean {
    return now(this.#hot.verify(mechanism, key, data, signature), 'Verify');
  }

  generateRandom(length: number, into?: Uint8Array): Uint8Array {
    return now(this.#hot.generateRandom(length, into), 'GenerateRandom');
  }
}
