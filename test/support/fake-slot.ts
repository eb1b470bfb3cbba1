/**
 * As much of a slot as a Region domain uses, over node:crypto: to lose sessions, handles, logins and the
 * device at will. It enforces no policy; what the token enforces is tested on the token.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { CKR, CkrError, type CkrName, type Slot } from '../../src/hsm/index.ts';

type Attributes = Record<string, unknown>;

interface FakeObject {
  readonly attributes: Attributes;
  readonly value: Buffer;
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

export class FakeSlot {
  readonly device: { epoch: number } = { epoch: 0 };
  readonly objects = new Map<number, FakeObject>();
  readonly sessions = new Set<FakeSession>();
  readonly pins: Record<'user' | 'so', string> = { user: 'user', so: 'so' };
  loggedIn: 'user' | 'so' | undefined;
  unwrapCount = 0;
  /** Calls that `run` on a lane at this moment, and the most there ever were. */
  busy = { count: 0, max: 0 };
  /** Runs at the start of every sealing and opening. */
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

  async markTrusted(uniqueId: string): Promise<void> {
    if (this.#slot.loggedIn !== 'so') fail('CKR_USER_NOT_LOGGED_IN');
    for (const { attributes } of this.#slot.objects.values())
      if (attributes.CKA_UNIQUE_ID === uniqueId) attributes.CKA_TRUSTED = true;
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
    return {
      iv,
      wrapped: gcm(this.#object(wrapping).value, iv, additionalData, this.#object(key).value),
    };
  }

  async unwrapKeyAuthenticated(
    { iv }: { iv: Uint8Array },
    unwrapping: number,
    wrapped: Uint8Array,
    attributes: Attributes,
    additionalData: Uint8Array,
  ): Promise<number> {
    this.#slot.unwrapCount += 1;
    const value = ungcm(this.#object(unwrapping).value, iv, additionalData, wrapped);
    return this.#slot.add({ attributes, value, session: this });
  }

  seal(handle: number, additionalData: Uint8Array, plaintext: Uint8Array): Promise<Buffer> {
    return this.#work(() => {
      const nonce = randomBytes(28);
      const output = gcm(this.#object(handle).value, nonce, additionalData, plaintext);
      return Buffer.concat([nonce, output.subarray(-16), output.subarray(0, -16)]);
    });
  }

  open(
    handle: number,
    nonce: Uint8Array,
    tag: Uint8Array,
    additionalData: Uint8Array,
    ciphertext: Uint8Array,
  ) {
    const data = Buffer.concat([ciphertext, tag]);
    return this.#work(() => ungcm(this.#object(handle).value, nonce, additionalData, data));
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

  sign(_mechanism: string, handle: number, data: Uint8Array): Promise<Buffer> {
    return this.#work(() => createHmac('sha256', this.#object(handle).value).update(data).digest());
  }

  async verify(
    mechanism: string,
    handle: number,
    data: Uint8Array,
    mac: Uint8Array,
  ): Promise<boolean> {
    return (await this.sign(mechanism, handle, data)).equals(mac);
  }

  generateRandom(length: number): Promise<Buffer> {
    return this.#work(() => randomBytes(length));
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
