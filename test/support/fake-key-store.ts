/**
 * A key store without a device: what Region domains promise of bindings and sealing, over node:crypto. Keys
 * lie in a Map; for tests of what stands above the key store.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import {
  type KeyMaterial,
  type KeyStore,
  KeyTokenError,
  type Mac,
  type MaterialBinding,
  MessageAuthenticationError,
  type SealedMessage,
} from '../../src/keystore/key-store.ts';
import { lengthPrefixed } from '../../src/keystore/length-prefixed.ts';

export class FakeKeyStore implements KeyStore {
  readonly #keys = new Map<string, Buffer>();
  readonly #macKey = randomBytes(32);
  /** Thrown by the next call that works with a key, once. */
  failure: Error | undefined;
  /** Plaintexts handed out, to see them wiped. */
  readonly plaintexts: Uint8Array[] = [];
  /** Plaintexts it was given. */
  readonly sealed: Uint8Array[] = [];
  useCount = 0;

  readonly mac: Mac = {
    sign: async (data) => createHmac('sha256', this.#macKey).update(data).digest(),
    verify: async (data, mac) =>
      mac.length === 32 &&
      timingSafeEqual(createHmac('sha256', this.#macKey).update(data).digest(), mac),
  };

  async generate(binding: MaterialBinding): Promise<KeyMaterial> {
    const keyToken = randomBytes(16);
    this.#keys.set(identity({ ...binding, keyToken }), randomBytes(32));
    return { ...binding, keyToken };
  }

  async seal(
    material: KeyMaterial,
    additionalData: Uint8Array,
    plaintext: Uint8Array,
  ): Promise<SealedMessage> {
    this.sealed.push(plaintext);
    const nonce = randomBytes(28);
    const cipher = createCipheriv('aes-256-gcm', this.#key(material), nonce.subarray(16));
    cipher.setAAD(lengthPrefixed([nonce, additionalData]));
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    return { nonce, tag: cipher.getAuthTag(), ciphertext };
  }

  async open(
    material: KeyMaterial,
    additionalData: Uint8Array,
    sealed: SealedMessage,
  ): Promise<Uint8Array> {
    const { nonce, tag } = sealed;
    const key = this.#key(material);
    if (nonce.length !== 28 || tag.length !== 16)
      throw new MessageAuthenticationError('malformed sealed message');
    const decipher = createDecipheriv('aes-256-gcm', key, nonce.subarray(16));
    decipher.setAAD(lengthPrefixed([nonce, additionalData]));
    decipher.setAuthTag(tag);
    try {
      return this.#handOut(Buffer.concat([decipher.update(sealed.ciphertext), decipher.final()]));
    } catch {
      throw new MessageAuthenticationError('the message is not authentic');
    }
  }

  async sealRandom(
    material: KeyMaterial,
    additionalData: Uint8Array,
    length: number,
    options: { readonly reveal: boolean },
  ): Promise<{ readonly sealed: SealedMessage; readonly plaintext?: Uint8Array }> {
    const plaintext = randomBytes(length);
    const sealed = await this.seal(material, additionalData, plaintext);
    return { sealed, ...(options.reveal && { plaintext: this.#handOut(plaintext) }) };
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

  #key(material: KeyMaterial): Buffer {
    this.useCount += 1;
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
    const key = this.#keys.get(identity(material));
    if (key === undefined) throw new KeyTokenError('not the key token of this key');
    return key;
  }
}

function identity(material: KeyMaterial): string {
  const { accountId, region, keyId, materialId, keySpec, keyToken } = material;
  const fields = [accountId, region, keyId, materialId, keySpec, keyToken];
  return Buffer.from(lengthPrefixed(fields)).toString('hex');
}
