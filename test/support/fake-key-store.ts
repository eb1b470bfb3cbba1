/**
 * A key store without a device: what Region domains promise of bindings, sealing and signing, over node:crypto. Keys
 * lie in a Map; for tests of what stands above the key store.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import type { DataKeyPairSpec, MacAlgorithmSpec, SigningAlgorithmSpec } from '@aws-sdk/client-kms';
import { keySpecs } from '../../src/api/key-specs.ts';
import {
  type Encrypted,
  type EncryptionKey,
  type KeyMaterial,
  type KeyStore,
  type KeyStoreLoad,
  KeyTokenError,
  type Mac,
  type MaterialBinding,
  MessageAuthenticationError,
  PlaintextLengthError,
  type RsaEncryptionAlgorithm,
  type SealedKeyPair,
  type SealedMessage,
  type SignedMessageType,
} from '../../src/keystore/key-store.ts';
import { lengthPrefixed } from '../../src/keystore/length-prefixed.ts';
import {
  digestOf,
  digestScheme,
  fromSpki,
  isSame,
  macLengths,
  macOf,
  makePair,
  oaepDecrypt,
  oaepEncrypt,
  pkcs8,
  spki,
} from './node-crypto.ts';

export class FakeKeyStore implements KeyStore {
  readonly #keys = new Map<string, Buffer | KeyObject>();
  readonly #macKey = randomBytes(32);
  /** Thrown by the next call that works with a key, once. */
  failure: Error | undefined;
  /** Plaintexts handed out, to see them wiped. */
  readonly plaintexts: Uint8Array[] = [];
  /** Plaintexts it was given. */
  readonly sealed: Uint8Array[] = [];
  useCount = 0;
  /** Thrown by destroy() as long as it is there. */
  destroyFailure: Error | undefined;
  /** Names of destroyed materials. */
  readonly destroyed = new Set<string>();
  readonly forgotten: string[] = [];
  /** Replaceable: who needs many keys of RSA may give them one pair. */
  makePair: typeof makePair = makePair;

  readonly mac: Mac = {
    sign: async (data) => createHmac('sha256', this.#macKey).update(data).digest(),
    verify: async (data, mac) =>
      mac.length === 32 &&
      timingSafeEqual(createHmac('sha256', this.#macKey).update(data).digest(), mac),
  };

  async generate(binding: MaterialBinding): Promise<KeyMaterial> {
    const { keySpec, keyUsage } = binding;
    if (keySpecs[keySpec].algorithms[keyUsage] === undefined)
      throw new TypeError(`no material for ${keySpec} with ${keyUsage}`);
    const keyToken = randomBytes(16);
    const pair = this.makePair(keySpec);
    const key = pair?.privateKey ?? randomBytes(macLengths[keySpec] ?? 32);
    this.#keys.set(identity({ ...binding, keyToken }), key);
    return { ...binding, keyToken, ...(pair && { publicKey: spki(pair.publicKey) }) };
  }

  load(): KeyStoreLoad {
    return { cachedKeys: 0, cacheHits: 0, cacheMisses: 0 };
  }

  async destroy(materials: readonly KeyMaterial[]): Promise<void> {
    const { destroyFailure } = this;
    if (destroyFailure !== undefined) throw destroyFailure;
    for (const material of materials) this.destroyed.add(nameOf(material));
  }

  forget({
    accountId,
    region,
    keyId,
  }: Pick<MaterialBinding, 'accountId' | 'region' | 'keyId'>): void {
    this.forgotten.push(`${region}/${accountId}/${keyId}`);
  }

  async seal(
    material: KeyMaterial,
    additionalData: Uint8Array,
    plaintext: Uint8Array,
  ): Promise<SealedMessage> {
    this.sealed.push(plaintext);
    return seal(this.#secret(material), additionalData, plaintext);
  }

  async open(
    material: KeyMaterial,
    additionalData: Uint8Array,
    sealed: SealedMessage,
  ): Promise<Uint8Array> {
    return this.#handOut(open(this.#secret(material), additionalData, sealed));
  }

  async sealRandom(
    material: KeyMaterial,
    additionalData: Uint8Array,
    length: number,
    options: { readonly reveal: boolean },
  ): Promise<{ readonly sealed: SealedMessage; readonly plaintext?: Uint8Array }> {
    const plaintext = randomBytes(length);
    const sealed = seal(this.#secret(material), additionalData, plaintext);
    return { sealed, ...(options.reveal && { plaintext: this.#handOut(plaintext) }) };
  }

  async sealKeyPair(
    material: KeyMaterial,
    additionalData: Uint8Array,
    spec: DataKeyPairSpec,
    options: { readonly reveal: boolean },
  ): Promise<SealedKeyPair> {
    const pair = this.makePair(spec);
    if (pair === undefined) throw new TypeError(`no key pair of ${spec}`);
    const privateKey = pkcs8(pair.privateKey);
    return {
      publicKey: spki(pair.publicKey),
      sealed: seal(this.#secret(material), additionalData, privateKey),
      ...(options.reveal && { privateKey: this.#handOut(privateKey) }),
    };
  }

  async encrypt(
    material: KeyMaterial,
    algorithm: RsaEncryptionAlgorithm,
    plaintext: Uint8Array,
  ): Promise<Uint8Array> {
    this.sealed.push(plaintext);
    return oaepSeal(algorithm, this.#publicKey(material), plaintext);
  }

  async decrypt(
    material: KeyMaterial,
    algorithm: RsaEncryptionAlgorithm,
    ciphertext: Uint8Array,
  ): Promise<Uint8Array> {
    return this.#handOut(oaepOpen(algorithm, this.#privateKey(material), ciphertext));
  }

  async reEncrypt(source: EncryptionKey & Encrypted, to: EncryptionKey): Promise<Encrypted> {
    const plaintext =
      source.algorithm === 'SYMMETRIC_DEFAULT'
        ? open(this.#secret(source.material), source.additionalData, source.sealed)
        : oaepOpen(source.algorithm, this.#privateKey(source.material), source.ciphertext);
    if (to.algorithm === 'SYMMETRIC_DEFAULT') {
      const sealed = seal(this.#secret(to.material), to.additionalData, plaintext);
      return { algorithm: to.algorithm, sealed };
    }
    const ciphertext = oaepSeal(to.algorithm, this.#publicKey(to.material), plaintext);
    return { algorithm: to.algorithm, ciphertext };
  }

  async sign(
    material: KeyMaterial,
    algorithm: SigningAlgorithmSpec,
    message: Uint8Array,
    messageType: SignedMessageType,
  ): Promise<Uint8Array> {
    const digest = toDigest(algorithm, message, messageType);
    return digestScheme(algorithm).sign(this.#privateKey(material), digest);
  }

  async verify(
    material: KeyMaterial,
    algorithm: SigningAlgorithmSpec,
    message: Uint8Array,
    messageType: SignedMessageType,
    signature: Uint8Array,
  ): Promise<boolean> {
    const digest = toDigest(algorithm, message, messageType);
    return digestScheme(algorithm).verify(this.#publicKey(material), digest, signature);
  }

  async generateMac(
    material: KeyMaterial,
    algorithm: MacAlgorithmSpec,
    message: Uint8Array,
  ): Promise<Uint8Array> {
    return macOf(algorithm, this.#secret(material), message);
  }

  async verifyMac(
    material: KeyMaterial,
    algorithm: MacAlgorithmSpec,
    message: Uint8Array,
    mac: Uint8Array,
  ): Promise<boolean> {
    return isSame(macOf(algorithm, this.#secret(material), message), mac);
  }

  async random(length: number): Promise<Uint8Array> {
    return this.#handOut(randomBytes(length));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#keys.clear();
  }

  #handOut(plaintext: Uint8Array): Uint8Array {
    this.plaintexts.push(plaintext);
    return plaintext;
  }

  #secret(material: KeyMaterial): Buffer {
    const key = this.#key(material);
    if (!Buffer.isBuffer(key)) throw new TypeError(`${material.keySpec} is no secret`);
    return key;
  }

  #privateKey(material: KeyMaterial): KeyObject {
    const key = this.#key(material);
    if (Buffer.isBuffer(key)) throw new TypeError(`${material.keySpec} is no key pair`);
    return key;
  }

  #publicKey({ keySpec, publicKey }: KeyMaterial): KeyObject {
    this.#countUse();
    if (publicKey === undefined) throw new TypeError(`${keySpec} has no public key`);
    return fromSpki(publicKey);
  }

  #key(material: KeyMaterial): Buffer | KeyObject {
    this.#countUse();
    const key = this.#keys.get(identity(material));
    if (key === undefined || this.destroyed.has(nameOf(material)))
      throw new KeyTokenError('not the key token of this key');
    return key;
  }

  #countUse(): void {
    this.useCount += 1;
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
  }
}

/** What destroying is about: every key token of a binding, whatever its bytes. */
function nameOf({ accountId, region, keyId, materialId, keySpec }: MaterialBinding): string {
  return [accountId, region, keyId, materialId, keySpec].join(' ');
}

function identity(material: KeyMaterial): string {
  const { accountId, region, keyId, materialId, keySpec, keyUsage, keyToken } = material;
  const fields = [accountId, region, keyId, materialId, keySpec, keyUsage, keyToken];
  return Buffer.from(lengthPrefixed(fields)).toString('hex');
}

function seal(key: Buffer, additionalData: Uint8Array, plaintext: Uint8Array): SealedMessage {
  const nonce = randomBytes(28);
  const cipher = createCipheriv('aes-256-gcm', key, nonce.subarray(16));
  cipher.setAAD(lengthPrefixed([nonce, additionalData]));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return { nonce, tag: cipher.getAuthTag(), ciphertext };
}

function open(key: Buffer, additionalData: Uint8Array, sealed: SealedMessage): Buffer {
  const { nonce, tag } = sealed;
  if (nonce.length !== 28 || tag.length !== 16)
    throw new MessageAuthenticationError('malformed sealed message');
  const decipher = createDecipheriv('aes-256-gcm', key, nonce.subarray(16));
  decipher.setAAD(lengthPrefixed([nonce, additionalData]));
  decipher.setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(sealed.ciphertext), decipher.final()]);
  } catch {
    throw new MessageAuthenticationError('the message is not authentic');
  }
}

function toDigest(
  algorithm: SigningAlgorithmSpec,
  message: Uint8Array,
  messageType: SignedMessageType,
): Uint8Array {
  const digest = digestOf(algorithm, message);
  if (messageType === 'RAW') return digest;
  if (message.length !== digest.length) throw new TypeError(`no digest for ${algorithm}`);
  return message;
}

function oaepSeal(
  algorithm: RsaEncryptionAlgorithm,
  key: KeyObject,
  plaintext: Uint8Array,
): Uint8Array {
  try {
    return oaepEncrypt(algorithm, key, plaintext);
  } catch (cause) {
    throw new PlaintextLengthError('too long', { cause });
  }
}

function oaepOpen(
  algorithm: RsaEncryptionAlgorithm,
  key: KeyObject,
  ciphertext: Uint8Array,
): Buffer {
  try {
    return oaepDecrypt(algorithm, key, ciphertext);
  } catch {
    throw new MessageAuthenticationError('the message is not authentic');
  }
}
