/**
 * KeyStore: where a KMS key's material lives and works. One of the project's four seams:
 * test/contract/keystore.contract.ts runs over every implementation (Region domain now; CloudHSM cluster and
 * external key store later).
 *
 * A key store knows nothing of policies, states or ciphertext blobs. It makes material, and seals and opens
 * messages with it. Material leaves it only as a key token that it alone can use.
 */

/** Everything a key token is bound to (additional data of the wrap). */
export interface MaterialBinding {
  readonly accountId: string;
  readonly region: string;
  /** The bare key id. */
  readonly keyId: string;
  /** 64 lowercase hex digits. */
  readonly materialId: string;
  readonly keySpec: string;
}

/** One version of a KMS key's material, as stored in its record. */
export interface KeyMaterial extends MaterialBinding {
  /** The wrapped backing key; format in docs/formats. */
  readonly keyToken: Uint8Array;
}

export const sealedNonceBytes = 28;
export const sealedTagBytes = 16;

/** One sealed message. */
export interface SealedMessage {
  /** `sealedNonceBytes` long. */
  readonly nonce: Uint8Array;
  /** `sealedTagBytes` long. */
  readonly tag: Uint8Array;
  /** As long as the plaintext. */
  readonly ciphertext: Uint8Array;
}

/** The message did not authenticate under this material and additional data. */
export class MessageAuthenticationError extends Error {
  override readonly name = 'MessageAuthenticationError';
}

/** The key token is not one of this store's for this binding (tampered, other Region, other key). */
export class KeyTokenError extends Error {
  override readonly name = 'KeyTokenError';
}

export interface KeyStore extends AsyncDisposable {
  /** Makes new material for a key; the key token is bound to every field of `binding`. */
  generate(binding: MaterialBinding): Promise<KeyMaterial>;
  /** @throws KeyTokenError */
  seal(
    material: KeyMaterial,
    additionalData: Uint8Array,
    plaintext: Uint8Array,
  ): Promise<SealedMessage>;
  /** @throws KeyTokenError, MessageAuthenticationError */
  open(
    material: KeyMaterial,
    additionalData: Uint8Array,
    sealed: SealedMessage,
  ): Promise<Uint8Array>;
  /** Draws `length` random bytes inside and seals them; they come out only with `reveal`. */
  sealRandom(
    material: KeyMaterial,
    additionalData: Uint8Array,
    length: number,
    options: { readonly reveal: boolean },
  ): Promise<{ readonly sealed: SealedMessage; readonly plaintext?: Uint8Array }>;
  random(length: number): Promise<Uint8Array>;
}

/** Makes and checks the MAC of a metadata record inside the token. */
export interface Mac {
  sign(data: Uint8Array): Promise<Uint8Array>;
  verify(data: Uint8Array, mac: Uint8Array): Promise<boolean>;
}
