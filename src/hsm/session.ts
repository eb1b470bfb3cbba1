/**
 * A session with a token (PKCS#11 v3.2 sections 5.6 to 5.19). Every call rejects with CkrError; a call on a session that
 * has ended rejects with CKR_SESSION_HANDLE_INVALID without asking the token.
 *
 * Where the link can execute on this thread, the promise of a cryptographic call is already settled when it is returned.
 * One session runs one command at a time: calls that cannot run here wait for one another in the token.
 *
 * Long because every call of a session is a method of it.
 */

import {
  type AeadMessage,
  type AeadMessageTag,
  encodeAeadMessage,
  encodeAeadMessageTag,
  ivLength,
  tagLength,
} from './aead-messages.ts';
import {
  type AttributeName,
  type AttributeValues,
  attributeNumber,
  decodeTemplate,
  type Template,
} from './attributes.ts';
import { place, publicBuffer, secretBuffer } from './buffers.ts';
import { CKR, CKS, CKU } from './constants.ts';
import { CkrError } from './errors.ts';
import { HotPath, type ObjectHandle, type SealedRandom, splitSealedRandom } from './hot-path.ts';
import type {
  KeyPair,
  KeyPairMechanism,
  ReEncryptDestination,
  ReEncryptSource,
  SealedKeyPair,
} from './key-pairs.ts';
import {
  encodeGcmWrap,
  encodeMechanism,
  encodeSeal,
  encodeSide,
  GCM_IV_BYTES,
  type GcmWrap,
  type Mechanism,
} from './mechanisms.ts';
import { withPin } from './pin.ts';
import type { Slot } from './slot.ts';
import { SyncSession } from './sync-session.ts';
import type { SessionState, Transport } from './transport.ts';

export interface SessionInfo {
  readonly slot: number;
  readonly state: keyof typeof CKS;
  readonly flags: number;
  readonly deviceError: number;
}

/** What encryptMessage gives: three views of one buffer. */
export interface EncryptedMessage {
  readonly iv: Uint8Array;
  readonly tag: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** One wrapped key, named by what it opens with. */
export interface Burial {
  /** On the token; may unwrap. */
  readonly key: ObjectHandle;
  readonly additionalData: Uint8Array;
}

const none = new Uint8Array(0);
const users = { so: CKU.CKU_SO, user: CKU.CKU_USER } as const;
const states = new Map(
  Object.entries(CKS).map(([name, value]) => [value, name as keyof typeof CKS]),
);

export class Session implements AsyncDisposable {
  readonly slot: Slot;
  /**
   * The cryptographic calls once more, executed on this thread and throwing; undefined when the link cannot. What cannot
   * be done without waiting throws CKR_STRONGROOM_BUSY, and nothing has happened then.
   */
  readonly sync: SyncSession | undefined;
  readonly #transport: Transport;
  readonly #state: SessionState;
  readonly #hot: HotPath | undefined;

  /** Sessions come from Slot.openSession. */
  constructor(slot: Slot, transport: Transport, state: SessionState) {
    this.slot = slot;
    this.#transport = transport;
    this.#state = state;
    this.#hot =
      transport.sync === undefined ? undefined : new HotPath(transport, transport.sync, state);
    this.sync = this.#hot === undefined ? undefined : new SyncSession(this.#hot);
  }

  /** False once the session was closed, or an answer said that it or the device is gone. */
  get isOpen(): boolean {
    return this.#state.open;
  }

  /** Idempotent. Session objects made here go with it. */
  async close(): Promise<void> {
    if (!this.#state.open) return;
    const closing = this.#transport.call('CloseSession', this.#state, {});
    this.#transport.closed(this.#state);
    await closing;
  }

  /** As close, but a session that the token ended meanwhile is closed: it must not hide why a block was left. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.close();
    } catch (error) {
      if (!(error instanceof CkrError) || error.ends === undefined) throw error;
    }
  }

  async info(): Promise<SessionInfo> {
    const info = await this.#transport.call('GetSessionInfo', this.#state, {});
    const state = states.get(info.state as (typeof CKS)[keyof typeof CKS]);
    if (state === undefined) throw new CkrError(CKR.CKR_DEVICE_ERROR, 'GetSessionInfo');
    return { slot: info.slot, state, flags: info.flags, deviceError: info.deviceError };
  }

  /** For the whole application. CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_USER_ALREADY_LOGGED_IN, CKR_USER_PIN_NOT_INITIALIZED. */
  async login(user: 'user' | 'so', pin: Uint8Array | string): Promise<void> {
    const userType = users[user];
    if (userType === undefined) throw new TypeError("user is 'user' or 'so'");
    await withPin(pin, (bytes) =>
      this.#transport.call('Login', this.#state, { userType, pin: bytes }),
    );
  }

  /** Private objects' handles are void afterwards, private session objects are gone. */
  async logout(): Promise<void> {
    await this.#transport.call('Logout', this.#state, {});
  }

  /** As SO: the user's first PIN, or a new one. */
  async initPin(pin: Uint8Array | string): Promise<void> {
    await withPin(pin, (bytes) => this.#transport.call('InitPIN', this.#state, { pin: bytes }));
  }

  /** The PIN of whoever is logged in, of the user when nobody is. CKR_PIN_INCORRECT, CKR_PIN_LOCKED. */
  async setPin(oldPin: Uint8Array | string, newPin: Uint8Array | string): Promise<void> {
    await withPin(oldPin, (old) =>
      withPin(newPin, (fresh) =>
        this.#transport.call('SetPIN', this.#state, { oldPin: old, newPin: fresh }),
      ),
    );
  }

  async generateKey(mechanism: Mechanism, template: Template): Promise<ObjectHandle> {
    const fields = { mechanism: encodeMechanism(mechanism), template };
    return (await this.#transport.call('GenerateKey', this.#state, fields)).object as ObjectHandle;
  }

  /** RSA takes CKA_MODULUS_BITS, EC takes CKA_EC_PARAMS, both in the public template. Both objects are made, or none. */
  async generateKeyPair(
    mechanism: KeyPairMechanism,
    publicTemplate: Template,
    privateTemplate: Template,
  ): Promise<KeyPair> {
    const fields = { mechanism: encodeMechanism(mechanism), publicTemplate, privateTemplate };
    const made = await this.#transport.call('GenerateKeyPair', this.#state, fields);
    return {
      publicKey: made.publicKey as ObjectHandle,
      privateKey: made.privateKey as ObjectHandle,
    };
  }

  async createObject(template: Template): Promise<ObjectHandle> {
    return (await this.#transport.call('CreateObject', this.#state, { template }))
      .object as ObjectHandle;
  }

  /**
   * A copy with the template's changes: those that setAttributes may make, and CKA_TOKEN, CKA_PRIVATE (never to false) and
   * CKA_MODIFIABLE. CKR_ACTION_PROHIBITED where CKA_COPYABLE is false.
   */
  async copyObject(source: ObjectHandle, template: Template): Promise<ObjectHandle> {
    return (await this.#transport.call('CopyObject', this.#state, { source, template }))
      .object as ObjectHandle;
  }

  /** Bytes of an object's attributes and value, as the token counts them. */
  async objectSize(object: ObjectHandle): Promise<number> {
    return (await this.#transport.call('GetObjectSize', this.#state, { object })).bytes;
  }

  async destroyObject(object: ObjectHandle): Promise<void> {
    await this.#transport.call('DestroyObject', this.#state, { object });
  }

  /**
   * The values of the named attributes. One that the object does not have, or does not reveal (CKR_ATTRIBUTE_SENSITIVE),
   * is undefined.
   */
  async getAttributes<const N extends AttributeName>(
    object: ObjectHandle,
    names: readonly N[],
  ): Promise<AttributeValues<N>> {
    const types = names.map(attributeNumber);
    const { status, fields } = await this.#transport.callPartial('GetAttributeValue', this.#state, {
      object,
      types,
    });
    const partial =
      status === CKR.CKR_ATTRIBUTE_SENSITIVE || status === CKR.CKR_ATTRIBUTE_TYPE_INVALID;
    if (fields === undefined || (status !== CKR.CKR_OK && !partial)) {
      throw this.#transport.refused(status, 'GetAttributeValue', this.#state);
    }
    const values = decodeTemplate(fields.attributes);
    const wanted: [string, unknown][] = names.map((name) => [name, values[name]]);
    return Object.fromEntries(wanted) as AttributeValues<N>;
  }

  async setAttributes(object: ObjectHandle, template: Template): Promise<void> {
    await this.#transport.call('SetAttributeValue', this.#state, { object, template });
  }

  /** Objects that have all attributes of the template; `limit` (1 to 4,096, default 4,096) cuts the list. */
  async findObjects(template: Template, limit = 4096): Promise<ObjectHandle[]> {
    const { objects } = await this.#transport.call('FindObjects', this.#state, { template, limit });
    return objects as ObjectHandle[];
  }

  async wrapKey(
    mechanism: Mechanism,
    wrappingKey: ObjectHandle,
    key: ObjectHandle,
  ): Promise<Uint8Array> {
    const fields = { mechanism: encodeMechanism(mechanism), wrappingKey, key };
    return (await this.#transport.call('WrapKey', this.#state, fields)).wrapped;
  }

  async unwrapKey(
    mechanism: Mechanism,
    unwrappingKey: ObjectHandle,
    wrapped: Uint8Array,
    template: Template,
  ): Promise<ObjectHandle> {
    const fields = { mechanism: encodeMechanism(mechanism), unwrappingKey, wrapped, template };
    return (await this.#transport.call('UnwrapKey', this.#state, fields)).object as ObjectHandle;
  }

  /** The IV is made by the token unless one is given. `wrapped` ends with the tag. */
  async wrapKeyAuthenticated(
    mechanism: GcmWrap,
    wrappingKey: ObjectHandle,
    key: ObjectHandle,
    additionalData: Uint8Array,
  ): Promise<{ iv: Uint8Array; wrapped: Uint8Array }> {
    const ivLength = mechanism.iv?.length ?? GCM_IV_BYTES;
    const fields = { mechanism: encodeGcmWrap(mechanism), wrappingKey, key, additionalData };
    const { output } = await this.#transport.call('WrapKeyAuthenticated', this.#state, fields);
    return { iv: output.subarray(0, ivLength), wrapped: output.subarray(ivLength) };
  }

  /** CKR_WRAPPED_KEY_INVALID when key, IV, additional data and wrapped key do not belong together. */
  async unwrapKeyAuthenticated(
    mechanism: GcmWrap & { readonly iv: Uint8Array },
    unwrappingKey: ObjectHandle,
    wrapped: Uint8Array,
    template: Template,
    additionalData: Uint8Array,
  ): Promise<ObjectHandle> {
    const fields = {
      mechanism: encodeGcmWrap(mechanism),
      unwrappingKey,
      wrapped,
      template,
      additionalData,
    };
    return (await this.#transport.call('UnwrapKeyAuthenticated', this.#state, fields))
      .object as ObjectHandle;
  }

  /**
   * Wraps under another key what a trusted key wrapped; it stays in the token. The token puts the other key's CKA_ID where
   * the additional data have the old one's.
   * CKR_WRAPPED_KEY_INVALID: the parts do not belong together. CKR_KEY_FUNCTION_NOT_PERMITTED: the keys are not for each other.
   */
  async rewrapKey(
    unwrapping: { readonly key: ObjectHandle; readonly iv: Uint8Array },
    wrapped: Uint8Array,
    additionalData: Uint8Array,
    wrappingKey: ObjectHandle,
  ): Promise<{ iv: Uint8Array; wrapped: Uint8Array }> {
    const { output } = await this.#transport.call('RewrapKey', this.#state, {
      unwrapMechanism: encodeGcmWrap({ mechanism: 'CKM_AES_GCM', iv: unwrapping.iv }),
      unwrappingKey: unwrapping.key,
      wrapped,
      additionalData,
      wrapMechanism: encodeGcmWrap({ mechanism: 'CKM_AES_GCM' }),
      wrappingKey,
    });
    return { iv: output.slice(0, GCM_IV_BYTES), wrapped: output.slice(GCM_IV_BYTES) };
  }

  async deriveKey(
    mechanism: Mechanism,
    baseKey: ObjectHandle,
    template: Template,
  ): Promise<ObjectHandle> {
    const fields = { mechanism: encodeMechanism(mechanism), baseKey, template };
    return (await this.#transport.call('DeriveKey', this.#state, fields)).object as ObjectHandle;
  }

  /** Single part. The result is written to `into` when given (a view of it is returned), as in all calls below. */
  async encrypt(
    mechanism: Mechanism,
    key: ObjectHandle,
    data: Uint8Array,
    into?: Uint8Array,
  ): Promise<Uint8Array> {
    const done = this.#hot?.encrypt(mechanism, key, data, into);
    if (done !== undefined) return done;
    const fields = { mechanism: encodeMechanism(mechanism), key, data };
    return place(
      (await this.#transport.call('Encrypt', this.#state, fields, data.length)).output,
      into,
      publicBuffer,
    );
  }

  /** Single part. The result is a secret in memory of its own: the caller wipes it. */
  async decrypt(
    mechanism: Mechanism,
    key: ObjectHandle,
    data: Uint8Array,
    into?: Uint8Array,
  ): Promise<Uint8Array> {
    const done = this.#hot?.decrypt(mechanism, key, data, into);
    if (done !== undefined) return done;
    const fields = { mechanism: encodeMechanism(mechanism), key, data };
    return place(
      (await this.#transport.call('Decrypt', this.#state, fields, data.length)).output,
      into,
      secretBuffer,
    );
  }

  /** Message-based: IV and tag stand beside the ciphertext, and the token makes the IV where the message says so. */
  async encryptMessage(
    key: ObjectHandle,
    message: AeadMessage,
    plaintext: Uint8Array,
  ): Promise<EncryptedMessage> {
    let output =
      message.mechanism === undefined
        ? this.#hot?.encryptMessage(key, message, plaintext)
        : undefined;
    if (output === undefined) {
      const mechanism = encodeAeadMessage(message, plaintext.length);
      const additionalData = message.additionalData ?? none;
      const fields = { mechanism, key, additionalData, data: plaintext };
      const room = plaintext.length;
      ({ output } = await this.#transport.call('MessageEncrypt', this.#state, fields, room));
    }
    const ivEnd = ivLength(message);
    const tagEnd = ivEnd + tagLength(message);
    return {
      iv: output.subarray(0, ivEnd),
      tag: output.subarray(ivEnd, tagEnd),
      ciphertext: output.subarray(tagEnd),
    };
  }

  /** Message-based. CKR_AEAD_DECRYPT_FAILED when the parts do not belong together. */
  async decryptMessage(
    key: ObjectHandle,
    message: AeadMessageTag,
    ciphertext: Uint8Array,
    into?: Uint8Array,
  ): Promise<Uint8Array> {
    if (message.mechanism === undefined) {
      const done = this.#hot?.decryptMessage(key, message, ciphertext, into);
      if (done !== undefined) return done;
    }
    const mechanism = encodeAeadMessageTag(message, ciphertext.length);
    const additionalData = message.additionalData ?? none;
    const fields = { mechanism, key, additionalData, data: ciphertext };
    const room = ciphertext.length;
    const { output } = await this.#transport.call('MessageDecrypt', this.#state, fields, room);
    return place(output, into, secretBuffer);
  }

  /**
   * CKM_STRONGROOM_DERIVE_AES_GCM: seals under a key derived for this one message.
   * Returns nonce (28 bytes), tag (16 bytes) and ciphertext, one after the other.
   */
  async seal(
    key: ObjectHandle,
    additionalData: Uint8Array,
    plaintext: Uint8Array,
    into?: Uint8Array,
  ): Promise<Uint8Array> {
    const done = this.#hot?.seal(key, additionalData, plaintext, into);
    if (done !== undefined) return done;
    const fields = { mechanism: encodeSeal(none, none), key, additionalData, data: plaintext };
    const { output } = await this.#transport.call(
      'MessageEncrypt',
      this.#state,
      fields,
      plaintext.length,
    );
    return place(output, into, publicBuffer);
  }

  /** Opens what seal made. CKR_AEAD_DECRYPT_FAILED when the parts do not belong together. */
  async open(
    key: ObjectHandle,
    nonce: Uint8Array,
    tag: Uint8Array,
    additionalData: Uint8Array,
    ciphertext: Uint8Array,
    into?: Uint8Array,
  ): Promise<Uint8Array> {
    const done = this.#hot?.open(key, nonce, tag, additionalData, ciphertext, into);
    if (done !== undefined) return done;
    const fields = { mechanism: encodeSeal(nonce, tag), key, additionalData, data: ciphertext };
    const { output } = await this.#transport.call(
      'MessageDecrypt',
      this.#state,
      fields,
      ciphertext.length,
    );
    return place(output, into, secretBuffer);
  }

  /**
   * Draws `length` random bytes in the token and seals them: a data key. `sealed` is as from seal; `plaintext` is there when
   * `reveal` asks for it (a secret, outside the pool: the caller wipes it), else the bytes never leave the token.
   */
  async sealRandom(
    key: ObjectHandle,
    additionalData: Uint8Array,
    length: number,
    options: { reveal: boolean },
  ): Promise<SealedRandom> {
    const { reveal } = options;
    const done = this.#hot?.sealRandom(key, additionalData, length, reveal);
    if (done !== undefined) return done;
    const fields = { key, additionalData, length, reveal: Number(reveal) };
    const { output } = await this.#transport.call('SealRandom', this.#state, fields, 2 * length);
    return splitSealedRandom(output, length, reveal);
  }

  /**
   * Makes a key pair that is no object (template as the public one of generateKeyPair) and seals its private half under
   * `key`. `plaintext` is there when `reveal` asks for it (a secret: the caller wipes it), else it never leaves the token.
   */
  async sealKeyPair(
    mechanism: KeyPairMechanism,
    template: Template,
    key: ObjectHandle,
    additionalData: Uint8Array,
    options: { reveal: boolean },
  ): Promise<SealedKeyPair> {
    const { reveal } = options;
    const { publicKeyInfo, sealed, plaintext } = await this.#transport.call(
      'SealKeyPair',
      this.#state,
      {
        mechanism: encodeMechanism(mechanism),
        template,
        key,
        additionalData,
        reveal: Number(reveal),
      },
    );
    return reveal ? { publicKeyInfo, sealed, plaintext } : { publicKeyInfo, sealed };
  }

  /**
   * Decrypts and encrypts in one; the plaintext stays in the token. Returns what seal or encrypt would return for the
   * destination. CKR_AEAD_DECRYPT_FAILED, CKR_ENCRYPTED_DATA_INVALID: the source's parts do not belong together.
   */
  async reEncrypt(source: ReEncryptSource, destination: ReEncryptDestination): Promise<Uint8Array> {
    const fields = {
      sourceMechanism: encodeSide(source.mechanism),
      sourceKey: source.key,
      sourceAdditionalData: source.additionalData,
      ciphertext: source.ciphertext,
      destinationMechanism: encodeSide(destination.mechanism),
      destinationKey: destination.key,
      destinationAdditionalData: destination.additionalData,
    };
    const room = source.ciphertext.length;
    return (await this.#transport.call('ReEncrypt', this.#state, fields, room)).output;
  }

  async sign(
    mechanism: Mechanism,
    key: ObjectHandle,
    data: Uint8Array,
    into?: Uint8Array,
  ): Promise<Uint8Array> {
    const done = this.#hot?.sign(mechanism, key, data, into);
    if (done !== undefined) return done;
    const fields = { mechanism: encodeMechanism(mechanism), key, data };
    return place(
      (await this.#transport.call('Sign', this.#state, fields)).output,
      into,
      publicBuffer,
    );
  }

  /** True or false; other trouble than CKR_SIGNATURE_INVALID and CKR_SIGNATURE_LEN_RANGE rejects. */
  async verify(
    mechanism: Mechanism,
    key: ObjectHandle,
    data: Uint8Array,
    signature: Uint8Array,
  ): Promise<boolean> {
    const done = this.#hot?.verify(mechanism, key, data, signature);
    if (done !== undefined) return done;
    const fields = { mechanism: encodeMechanism(mechanism), key, data, signature };
    const { status } = await this.#transport.callPartial('Verify', this.#state, fields);
    if (status === CKR.CKR_OK) return true;
    if (status === CKR.CKR_SIGNATURE_INVALID || status === CKR.CKR_SIGNATURE_LEN_RANGE)
      return false;
    throw this.#transport.refused(status, 'Verify', this.#state);
  }

  /** `length` bytes from the token's DRBG, in memory of their own. */
  async generateRandom(length: number, into?: Uint8Array): Promise<Uint8Array> {
    const done = this.#hot?.generateRandom(length, into);
    if (done !== undefined) return done;
    return place(
      (await this.#transport.call('GenerateRandom', this.#state, { length }, length)).output,
      into,
      secretBuffer,
    );
  }

  /** Mixes bytes into the DRBG, as additional input; they are never counted as entropy. */
  async seedRandom(seed: Uint8Array): Promise<void> {
    await this.#transport.call('SeedRandom', this.#state, { seed });
  }

  /** As SO: sets CKA_TRUSTED on the user's wrapping key with this CKA_UNIQUE_ID. CKR_KEY_FUNCTION_NOT_PERMITTED when it may not be trusted. */
  async markTrusted(uniqueId: string): Promise<void> {
    await this.#transport.call('MarkTrusted', this.#state, {
      uniqueId: Buffer.from(uniqueId, 'utf8'),
    });
  }

  /**
   * SR_BuryWrapped: what these keys wrapped with these additional data is never unwrapped again. Durable, all or none,
   * when it resolves. Needs a read/write session of the user; at most 1,024 at a time.
   */
  async buryWrapped(burials: readonly Burial[]): Promise<void> {
    await this.#transport.call('BuryWrapped', this.#state, {
      unwrappingKeys: burials.map(({ key }) => key),
      lengths: burials.map(({ additionalData }) => additionalData.length),
      additionalData: Buffer.concat(burials.map(({ additionalData }) => additionalData)),
    });
  }
}
