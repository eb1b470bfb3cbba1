/**
 * What the commands for key pairs, and those whose inner values stay in the token, take and give.
 */
import type { ObjectHandle } from './hot-path.ts';
import type { OpeningMechanism, SealingMechanism } from './mechanisms.ts';

export type KeyPairMechanism = 'CKM_RSA_PKCS_KEY_PAIR_GEN' | 'CKM_EC_KEY_PAIR_GEN';

export interface KeyPair {
  readonly publicKey: ObjectHandle;
  readonly privateKey: ObjectHandle;
}

/** A data key pair. */
export interface SealedKeyPair {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeyInfo: Uint8Array;
  /** Nonce (28 bytes), tag (16 bytes) and ciphertext of the PKCS#8, one after the other, as from seal. */
  readonly sealed: Uint8Array;
  /** The PKCS#8, DER. */
  readonly plaintext?: Uint8Array;
}

export interface ReEncryptSource {
  readonly mechanism: OpeningMechanism;
  readonly key: ObjectHandle;
  /** Empty with CKM_RSA_PKCS_OAEP. */
  readonly additionalData: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export interface ReEncryptDestination {
  readonly mechanism: SealingMechanism;
  readonly key: ObjectHandle;
  /** Empty with CKM_RSA_PKCS_OAEP. */
  readonly additionalData: Uint8Array;
}
