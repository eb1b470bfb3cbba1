/**
 * KeyStore: where a KMS key's material lives and works. One of the project's four seams:
 * test/contract/keystore.contract.ts runs over every implementation (Region domain now; CloudHSM cluster and
 * external key store later).
 *
 * A key store knows nothing of policies, states or ciphertext blobs. It makes material and works with it, by
 * AWS's names of algorithms. Material leaves it only as a key token that it alone can use.
 */
import type {
  DataKeyPairSpec,
  EncryptionAlgorithmSpec,
  KeySpec,
  KeyUsageType,
  MacAlgorithmSpec,
  SigningAlgorithmSpec,
} from '@aws-sdk/client-kms';
import type { Soon } from './soon.ts';

/** Whose material it is, and what it is. A key token is bound to every field. */
export interface MaterialBinding {
  readonly accountId: string;
  readonly region: string;
  /** The bare key id. */
  readonly keyId: string;
  /** 64 lowercase hex digits. */
  readonly materialId: string;
  readonly keySpec: KeySpec;
  /** What the material can be used for: it lies in a key token that becomes nothing else. */
  readonly keyUsage: KeyUsageType;
}

/** One version of a KMS key's material, as stored in its record. */
export interface KeyMaterial extends MaterialBinding {
  /** The wrapped backing key; format in docs/formats. */
  readonly keyToken: Uint8Array;
  /** SubjectPublicKeyInfo, DER; of asymmetric material only. */
  readonly publicKey?: Uint8Array;
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

export type RsaEncryptionAlgorithm = Extract<
  EncryptionAlgorithmSpec,
  'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256'
>;

/** RAW: the message itself, which the key store hashes. DIGEST: its hash, as long as the algorithm's. */
export type SignedMessageType = 'RAW' | 'DIGEST';

/** A message as one of the two ways of encrypting leaves it. */
export type Encrypted =
  | { readonly algorithm: 'SYMMETRIC_DEFAULT'; readonly sealed: SealedMessage }
  | { readonly algorithm: RsaEncryptionAlgorithm; readonly ciphertext: Uint8Array };

export interface SealedKeyPair {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly sealed: SealedMessage;
  /** PKCS#8, DER. */
  readonly privateKey?: Uint8Array;
}

/** The key, and the way, that a message is encrypted. */
export type EncryptionKey =
  | {
      readonly algorithm: 'SYMMETRIC_DEFAULT';
      readonly material: KeyMaterial;
      readonly additionalData: Uint8Array;
    }
  | { readonly algorithm: RsaEncryptionAlgorithm; readonly material: KeyMaterial };

/** The message did not authenticate under this material and additional data. */
export class MessageAuthenticationError extends Error {
  override readonly name = 'MessageAuthenticationError';
}

/** The key token is not one of this store's for this binding (tampered, other Region, other key). */
export class KeyTokenError extends Error {
  override readonly name = 'KeyTokenError';
}

/** The message is longer than this material and algorithm can encrypt. */
export class PlaintextLengthError extends Error {
  override readonly name = 'PlaintextLengthError';
}

/** So much other work waits already that this was not begun. */
export class KeyStoreBusyError extends Error {
  override readonly name = 'KeyStoreBusyError';
}

/** How a key store's cache of unwrapped keys does, counted from the newest connection to its device on. */
export interface KeyStoreLoad {
  /** Unwrapped now. */
  readonly cachedKeys: number;
  /** Uses of a key that was unwrapped already, and of one that was not. */
  readonly cacheHits: number;
  readonly cacheMisses: number;
}

/**
 * Every method that takes a key token rejects with KeyTokenError where it is not the material's. Material of
 * another spec or usage than the method and the algorithm call for is an error of the caller (TypeError). Every method
 * may reject with KeyStoreBusyError.
 */
export interface KeyStore extends AsyncDisposable {
  /** Makes new material for a key: a secret or a key pair, as the binding's spec says. */
  generate(binding: MaterialBinding): Promise<KeyMaterial>;
  /**
   * Destroys material for good: once it resolves, no key token of its binding works any more, whatever copy it comes
   * from, nor one that is made later: what may come back under the same names is not to be destroyed. Durable. To
   * destroy it again changes nothing.
   */
  destroy(materials: readonly KeyMaterial[]): Promise<void>;
  /** Lets go of what is at hand of a key's material: it was destroyed, here or in another thread. */
  forget(key: Pick<MaterialBinding, 'accountId' | 'region' | 'keyId'>): void;
  /** For metrics. */
  load(): KeyStoreLoad;
  /** @throws KeyTokenError */
  seal(
    material: KeyMaterial,
    additionalData: Uint8Array,
    plaintext: Uint8Array,
  ): Soon<SealedMessage>;
  /** @throws KeyTokenError, MessageAuthenticationError */
  open(material: KeyMaterial, additionalData: Uint8Array, sealed: SealedMessage): Soon<Uint8Array>;
  /** Draws `length` random bytes inside and seals them; they come out only with `reveal`. */
  sealRandom(
    material: KeyMaterial,
    additionalData: Uint8Array,
    length: number,
    options: { readonly reveal: boolean },
  ): Soon<{ readonly sealed: SealedMessage; readonly plaintext?: Uint8Array }>;
  /** Makes a key pair inside and seals its private key (PKCS#8, DER); that comes out only with `reveal`. */
  sealKeyPair(
    material: KeyMaterial,
    additionalData: Uint8Array,
    spec: DataKeyPairSpec,
    options: { readonly reveal: boolean },
  ): Promise<SealedKeyPair>;
  /** RSAES-OAEP with the public key. @throws PlaintextLengthError */
  encrypt(
    material: KeyMaterial,
    algorithm: RsaEncryptionAlgorithm,
    plaintext: Uint8Array,
  ): Promise<Uint8Array>;
  /** @throws MessageAuthenticationError for every ciphertext that does not decrypt */
  decrypt(
    material: KeyMaterial,
    algorithm: RsaEncryptionAlgorithm,
    ciphertext: Uint8Array,
  ): Promise<Uint8Array>;
  /**
   * Encrypts anew what was encrypted; the plaintext stays inside.
   * @throws MessageAuthenticationError (of the source), PlaintextLengthError (of the destination)
   */
  reEncrypt(source: EncryptionKey & Encrypted, destination: EncryptionKey): Promise<Encrypted>;
  /** ECDSA signatures are DER (RFC 3279 section 2.2.3), RSA ones as long as the modulus. */
  sign(
    material: KeyMaterial,
    algorithm: SigningAlgorithmSpec,
    message: Uint8Array,
    messageType: SignedMessageType,
  ): Soon<Uint8Array>;
  /** With the public key. A malformed signature is a wrong one. */
  verify(
    material: KeyMaterial,
    algorithm: SigningAlgorithmSpec,
    message: Uint8Array,
    messageType: SignedMessageType,
    signature: Uint8Array,
  ): Soon<boolean>;
  generateMac(
    material: KeyMaterial,
    algorithm: MacAlgorithmSpec,
    message: Uint8Array,
  ): Soon<Uint8Array>;
  /** In constant time. A MAC of another length is a wrong one. */
  verifyMac(
    material: KeyMaterial,
    algorithm: MacAlgorithmSpec,
    message: Uint8Array,
    mac: Uint8Array,
  ): Soon<boolean>;
  random(length: number): Promise<Uint8Array>;
}

/** Makes and checks the MAC of a metadata record inside the token. */
export interface Mac {
  sign(data: Uint8Array): Promise<Uint8Array>;
  verify(data: Uint8Array, mac: Uint8Array): Promise<boolean>;
}
