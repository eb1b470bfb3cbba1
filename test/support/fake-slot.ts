/**
 * As much of a slot as a Region domain uses, over node:crypto: to lose sessions, handles, logins and the
 * device at will. It enforces no policy; what the token enforces is tested on the token.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  KeyObject,
  randomBytes,
  randomUUID,
} from 'node:crypto';
import type { KeySpec } from '@aws-sdk/client-kms';
import { CKR, CkrError, type CkrName, type Slot } from '../../src/hsm/index.ts';
import { ecdsaFromDer, ecdsaToDer } from '../../src/keystore/ecdsa-signature.ts';
import {
  type DigestScheme,
  digestSchemes,
  isSame,
  makePair,
  oaepDecrypt,
  oaepEncrypt,
  pkcs8,
  spki,
} from './node-crypto.ts';

type Attributes = Record<string, unknown>;

interface FakeObject {
  readonly attributes: Attributes;
  readonly value: Buffer | KeyObject;
  /** Undefined: a token object. */
  readonly session: FakeSession | undefined;
}

const fail = (ckr: CkrName): never => {
  throw new CkrError(CKR[ckr], 'fake');
};

function gcm(key: Buffer, iv: Uint8Array, additionalData: Uint8Array, data: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(additionalData);
  return Buffer.concat([cipher.update(data), cipher.final(), cipher.getAuthTag()]);
}

function ungcm(key: Buffer, iv: Uint8Array, additionalData: Uint8Array, data: Uint8Array): Buffer {
  const at = data.length - 16;
  const decipher = createDecipheriv('aes-256-gcm', key, iv).setAAD(additionalData);
  decipher.setAuthTag(data.subarray(at));
  try {
    return Buffer.concat([decipher.update(data.subarray(0, at)), decipher.final()]);
  } catch {
    return fail('CKR_AEAD_DECRYPT_FAILED');
  }
}

/** A mechanism is its name, or an object with that name and parameters. */
type FakeMechanism = string | { readonly mechanism: string; readonly hash?: string };
const nameOf = (mechanism: FakeMechanism): string =>
  typeof mechanism === 'string' ? mechanism : mechanism.mechanism;

const curves: Readonly<Record<string, readonly [spec: KeySpec, jwk: string]>> = {
  '06082a8648ce3d030107': ['ECC_NIST_P256', 'P-256'],
  '06052b81040022': ['ECC_NIST_P384', 'P-384'],
  '06052b81040023': ['ECC_NIST_P521', 'P-521'],
  '06052b8104000a': ['ECC_SECG_P256K1', 'secp256k1'],
};
const hexOf = (value: unknown): string => Buffer.from(value as Uint8Array).toString('hex');

function newPair({ CKA_MODULUS_BITS: bits, CKA_EC_PARAMS: params }: Attributes) {
  const [curve] = params === undefined ? [] : (curves[hexOf(params)] ?? []);
  const pair = makePair(curve ?? (`RSA_${bits}` as KeySpec));
  return pair ?? fail('CKR_TEMPLATE_INCONSISTENT');
}

function publicKeyOf(attributes: Attributes): KeyObject {
  const base64url = (value: unknown) => Buffer.from(value as Uint8Array).toString('base64url');
  if (attributes.CKA_MODULUS !== undefined) {
    const { CKA_MODULUS: n, CKA_PUBLIC_EXPONENT: e } = attributes;
    return createPublicKey({
      key: { kty: 'RSA', n: base64url(n), e: base64url(e) },
      format: 'jwk',
    });
  }
  const [, crv = ''] = curves[hexOf(attributes.CKA_EC_PARAMS)] ?? [];
  // The header of the OCTET STRING has 2 bytes, or 3 for the longest of the points.
  const coded = Buffer.from(attributes.CKA_EC_POINT as Uint8Array);
  const point = coded.subarray(coded[1] === 0x81 ? 4 : 3);
  const [x, y] = [point.subarray(0, point.length / 2), point.subarray(point.length / 2)];
  return createPublicKey({
    key: { kty: 'EC', crv, x: base64url(x), y: base64url(y) },
    format: 'jwk',
  });
}

/** What signs by a mechanism, and what it signs: the digest that was given, or the one made here. */
function signing(mechanism: FakeMechanism, data: Uint8Array): [DigestScheme, Uint8Array] {
  const name = nameOf(mechanism);
  const [, bits] = /SHA(\d+)/.exec(name) ?? [];
  const digest = bits === undefined ? data : createHash(`sha${bits}`).update(data).digest();
  if (name.includes('ECDSA')) return [digestSchemes.ecdsa, digest];
  if (name.includes('PSS')) return [digestSchemes.pss, digest];
  // CKM_RSA_PKCS takes a DigestInfo: its first 19 bytes name the hash.
  return [digestSchemes.pkcs1, name === 'CKM_RSA_PKCS' ? data.subarray(19) : digest];
}

const fieldLengths: Readonly<Record<string, number>> = {
  prime256v1: 32,
  secp384r1: 48,
  secp521r1: 66,
  secp256k1: 32,
};
const fieldLength = (key: KeyObject): number | undefined =>
  fieldLengths[key.asymmetricKeyDetails?.namedCurve ?? ''];

const oaepOf = (mechanism: FakeMechanism) =>
  typeof mechanism === 'object' && mechanism.hash === 'SHA-1'
    ? 'RSAES_OAEP_SHA_1'
    : 'RSAES_OAEP_SHA_256';

export class FakeSlot {
  readonly device: { epoch: number } = { epoch: 0 };
  readonly objects = new Map<number, FakeObject>();
  readonly sessions = new Set<FakeSession>();
  readonly pins: Record<'user' | 'so', string> = { user: 'user', so: 'so' };
  loggedIn: 'user' | 'so' | undefined;
  readonly buried = new Set<string>();
  unwrapCount = 0;
  /** Calls that `run` on a lane at this moment, and the most there ever were. */
  busy = { count: 0, max: 0 };
  /** Public keys that were made objects of. */
  createCount = 0;
  /** Runs at the start of making a key pair. */
  onGeneration: (() => void | Promise<void>) | undefined;
  /** Runs at the start of every piece of work with a key. */
  onWork: (() => void | Promise<void>) | undefined;
  #nextHandle = 1;

  asSlot(): Slot {
    return this as unknown as Slot;
  }

  async openSession(): Promise<FakeSession> {
    const session = new FakeSession(this);
    this.sessions.add(session);
    return session;
  }

  closeAllSessions(): void {
    for (const session of [...this.sessions]) this.end(session);
  }

  /** The device goes away and comes back empty of sessions. */
  remove(): void {
    this.closeAllSessions();
    this.device.epoch += 1;
  }

  logout(): void {
    this.loggedIn = undefined;
    for (const [handle, { session }] of this.objects) if (session) this.objects.delete(handle);
  }

  end(session: FakeSession): void {
    session.isOpen = false;
    this.sessions.delete(session);
    for (const [handle, object] of this.objects)
      if (object.session === session) this.objects.delete(handle);
    if (this.sessions.size === 0) this.logout();
  }

  add(object: FakeObject): number {
    const handle = this.#nextHandle++;
    this.objects.set(handle, object);
    return handle;
  }

  sessionObjectCount(): number {
    return [...this.objects.values()].filter(({ session }) => session !== undefined).length;
  }
}

class FakeSession {
  isOpen = true;
  readonly #slot: FakeSlot;

  constructor(slot: FakeSlot) {
    this.#slot = slot;
  }

  async close(): Promise<void> {
    this.#slot.end(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async login(user: 'user' | 'so', pin: string): Promise<void> {
    if (pin !== this.#slot.pins[user]) fail('CKR_PIN_INCORRECT');
    if (this.#slot.loggedIn === user) fail('CKR_USER_ALREADY_LOGGED_IN');
    if (this.#slot.loggedIn !== undefined) fail('CKR_USER_ANOTHER_ALREADY_LOGGED_IN');
    this.#slot.loggedIn = user;
  }

  async logout(): Promise<void> {
    this.#slot.logout();
  }

  async findObjects(template: Attributes, limit = 4096): Promise<number[]> {
    this.#check();
    if (this.#slot.loggedIn !== 'user') return [];
    const plain = (value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
    return [...this.#slot.objects]
      .filter(([, { attributes }]) =>
        Object.entries(template).every(([name, value]) => plain(attributes[name]) === plain(value)),
      )
      .map(([handle]) => handle)
      .slice(0, limit);
  }

  async getAttributes(handle: number, names: readonly string[]): Promise<Attributes> {
    const { attributes } = this.#object(handle);
    return Object.fromEntries(names.map((name) => [name, attributes[name]]));
  }

  async generateKey(_mechanism: string, template: Attributes): Promise<number> {
    this.#check();
    if (this.#slot.loggedIn !== 'user') fail('CKR_USER_NOT_LOGGED_IN');
    const isBornInside = {
      CKA_LOCAL: true,
      CKA_ALWAYS_SENSITIVE: true,
      CKA_NEVER_EXTRACTABLE: !template.CKA_EXTRACTABLE,
    };
    return this.#slot.add({
      attributes: { CKA_UNIQUE_ID: randomUUID(), CKA_TRUSTED: false, ...isBornInside, ...template },
      value: randomBytes(template.CKA_VALUE_LEN as number),
      session: template.CKA_TOKEN ? undefined : this,
    });
  }

  async generateKeyPair(_mechanism: string, forPublic: Attributes, forPrivate: Attributes) {
    this.#check();
    if (this.#slot.loggedIn !== 'user') fail('CKR_USER_NOT_LOGGED_IN');
    await this.#slot.onGeneration?.();
    this.#check();
    const pair = newPair(forPublic);
    const info = { CKA_PUBLIC_KEY_INFO: spki(pair.publicKey) };
    const add = (attributes: Attributes, value: KeyObject): number =>
      this.#slot.add({ attributes: { ...attributes, ...info }, value, session: this });
    return {
      publicKey: add(forPublic, pair.publicKey),
      privateKey: add(forPrivate, pair.privateKey),
    };
  }

  async createObject(attributes: Attributes): Promise<number> {
    this.#check();
    this.#slot.createCount += 1;
    return this.#slot.add({ attributes, value: publicKeyOf(attributes), session: this });
  }

  async markTrusted(uniqueId: string): Promise<void> {
    if (this.#slot.loggedIn !== 'so') fail('CKR_USER_NOT_LOGGED_IN');
    for (const { attributes } of this.#slot.objects.values())
      if (attributes.CKA_UNIQUE_ID === uniqueId) attributes.CKA_TRUSTED = true;
  }

  async buryWrapped(burials: readonly { key: number; additionalData: Uint8Array }[]) {
    this.#check();
    for (const { key, additionalData } of burials)
      this.#slot.buried.add(this.#burial(key, additionalData));
  }

  /** What names a wrapped key: the key that unwraps it and its additional data. */
  #burial(key: number, additionalData: Uint8Array): string {
    return `${this.#object(key).attributes.CKA_UNIQUE_ID} ${hexOf(additionalData)}`;
  }

  async destroyObject(handle: number): Promise<void> {
    this.#object(handle);
    this.#slot.objects.delete(handle);
  }

  async wrapKeyAuthenticated(
    _mechanism: object,
    wrapping: number,
    key: number,
    additionalData: Uint8Array,
  ) {
    const iv = randomBytes(12);
    const { value } = this.#object(key);
    const plain = value instanceof KeyObject ? pkcs8(value) : value;
    return { iv, wrapped: gcm(this.#secret(wrapping), iv, additionalData, plain) };
  }

  async unwrapKeyAuthenticated(
    { iv }: { iv: Uint8Array },
    unwrapping: number,
    wrapped: Uint8Array,
    attributes: Attributes,
    additionalData: Uint8Array,
  ): Promise<number> {
    this.#slot.unwrapCount += 1;
    if (this.#slot.buried.has(this.#burial(unwrapping, additionalData)))
      fail('CKR_WRAPPED_KEY_INVALID');
    const plain = ungcm(this.#secret(unwrapping), iv, additionalData, wrapped);
    const value =
      attributes.CKA_CLASS === 'CKO_PRIVATE_KEY'
        ? createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' })
        : plain;
    return this.#slot.add({
      attributes: { CKA_PRIVATE: true, ...attributes },
      value,
      session: this,
    });
  }

  async rewrapKey(
    { key, iv }: { key: number; iv: Uint8Array },
    wrapped: Uint8Array,
    additionalData: Uint8Array,
    wrapping: number,
  ) {
    const plain = ungcm(this.#secret(key), iv, additionalData, wrapped);
    const [from, to] = [key, wrapping].map((of) => this.#object(of).attributes.CKA_ID as Buffer);
    const anew = Buffer.from(additionalData);
    anew.set(to ?? [], anew.indexOf(from ?? ''));
    const newIv = randomBytes(12);
    return { iv: newIv, wrapped: gcm(this.#secret(wrapping), newIv, anew, plain) };
  }

  seal(handle: number, additionalData: Uint8Array, plaintext: Uint8Array): Promise<Buffer> {
    return this.#work(() => this.#seal(handle, additionalData, plaintext));
  }

  open(
    handle: number,
    nonce: Uint8Array,
    tag: Uint8Array,
    additionalData: Uint8Array,
    ciphertext: Uint8Array,
  ) {
    const data = Buffer.concat([ciphertext, tag]);
    return this.#work(() => ungcm(this.#secret(handle), nonce, additionalData, data));
  }

  async sealRandom(
    handle: number,
    additionalData: Uint8Array,
    length: number,
    { reveal }: { reveal: boolean },
  ) {
    const plaintext = randomBytes(length);
    const sealed = await this.seal(handle, additionalData, plaintext);
    return { sealed, plaintext: reveal ? plaintext : undefined };
  }

  async sealKeyPair(
    _mechanism: string,
    template: Attributes,
    handle: number,
    additionalData: Uint8Array,
    { reveal }: { reveal: boolean },
  ) {
    const pair = newPair(template);
    const plaintext = pkcs8(pair.privateKey);
    const sealed = await this.seal(handle, additionalData, plaintext);
    return { publicKeyInfo: spki(pair.publicKey), sealed, ...(reveal && { plaintext }) };
  }

  reEncrypt(
    source: {
      mechanism: { mechanism: string; nonce?: Uint8Array; tag?: Uint8Array };
      key: number;
      additionalData: Uint8Array;
      ciphertext: Uint8Array;
    },
    to: { mechanism: FakeMechanism; key: number; additionalData: Uint8Array },
  ): Promise<Buffer> {
    return this.#work(() => {
      const { mechanism, key, additionalData, ciphertext } = source;
      const { nonce = Buffer.of(), tag = Buffer.of() } = mechanism;
      const plaintext =
        mechanism.mechanism === 'CKM_RSA_PKCS_OAEP'
          ? this.#decrypt(mechanism, key, ciphertext)
          : ungcm(this.#secret(key), nonce, additionalData, Buffer.concat([ciphertext, tag]));
      return nameOf(to.mechanism) === 'CKM_RSA_PKCS_OAEP'
        ? this.#encrypt(to.mechanism, to.key, plaintext)
        : this.#seal(to.key, to.additionalData, plaintext);
    });
  }

  encrypt(mechanism: FakeMechanism, handle: number, data: Uint8Array): Promise<Buffer> {
    return this.#work(() => this.#encrypt(mechanism, handle, data));
  }

  decrypt(mechanism: FakeMechanism, handle: number, data: Uint8Array): Promise<Buffer> {
    return this.#work(() => this.#decrypt(mechanism, handle, data));
  }

  sign(mechanism: FakeMechanism, handle: number, data: Uint8Array): Promise<Uint8Array> {
    return this.#work(() => {
      const { value } = this.#object(handle);
      if (!(value instanceof KeyObject)) return this.#mac(mechanism, handle, data);
      const [scheme, digest] = signing(mechanism, data);
      const signature = scheme.sign(value, digest);
      const length = fieldLength(value);
      return length === undefined ? signature : (ecdsaFromDer(signature, length) as Uint8Array);
    });
  }

  verify(
    mechanism: FakeMechanism,
    handle: number,
    data: Uint8Array,
    signature: Uint8Array,
  ): Promise<boolean> {
    return this.#work(() => {
      const { value } = this.#object(handle);
      if (!(value instanceof KeyObject))
        return isSame(this.#mac(mechanism, handle, data), signature);
      const [scheme, digest] = signing(mechanism, data);
      const form = fieldLength(value) === undefined ? signature : ecdsaToDer(signature);
      return scheme.verify(value, digest, form);
    });
  }

  generateRandom(length: number): Promise<Buffer> {
    return this.#work(() => randomBytes(length));
  }

  #seal(handle: number, additionalData: Uint8Array, plaintext: Uint8Array): Buffer {
    const nonce = randomBytes(28);
    const output = gcm(this.#secret(handle), nonce, additionalData, plaintext);
    return Buffer.concat([nonce, output.subarray(-16), output.subarray(0, -16)]);
  }

  #encrypt(mechanism: FakeMechanism, handle: number, data: Uint8Array): Buffer {
    const key = this.#object(handle).value as KeyObject;
    try {
      return oaepEncrypt(oaepOf(mechanism), key, data);
    } catch {
      return fail('CKR_DATA_LEN_RANGE');
    }
  }

  #decrypt(mechanism: FakeMechanism, handle: number, data: Uint8Array): Buffer {
    const key = this.#object(handle).value as KeyObject;
    try {
      return oaepDecrypt(oaepOf(mechanism), key, data);
    } catch {
      return fail('CKR_ENCRYPTED_DATA_INVALID');
    }
  }

  #mac(mechanism: FakeMechanism, handle: number, data: Uint8Array): Buffer {
    const [, bits] = /SHA(\d+)/.exec(nameOf(mechanism)) ?? [];
    return createHmac(`sha${bits}`, this.#secret(handle)).update(data).digest();
  }

  #secret(handle: number): Buffer {
    const { value } = this.#object(handle);
    return value instanceof KeyObject ? fail('CKR_KEY_TYPE_INCONSISTENT') : value;
  }

  async #work<T>(work: () => T): Promise<T> {
    const { busy } = this.#slot;
    busy.count += 1;
    busy.max = Math.max(busy.max, busy.count);
    try {
      this.#check();
      await this.#slot.onWork?.();
      this.#check();
      return work();
    } finally {
      busy.count -= 1;
    }
  }

  #check(): void {
    if (!this.isOpen) fail('CKR_SESSION_HANDLE_INVALID');
  }

  #object(handle: number): FakeObject {
    this.#check();
    const object = this.#slot.objects.get(handle);
    if (object === undefined || (object.attributes.CKA_PRIVATE && this.#slot.loggedIn !== 'user'))
      return fail('CKR_KEY_HANDLE_INVALID');
    return object;
  }
}
