/**
 * A PKCS#11 module in a shared library, through pkcs11js: the same calls as src/hsm makes, by the standard's functions.
 * Handles are numbers, which pkcs11js keeps in buffers.
 */
import pkcs11js from 'pkcs11js';
import {
  attributeNumber,
  decodeAttributes,
  decodeTemplate,
  encodeTemplate,
  mechanismNumber,
} from '../../../src/hsm/attributes.ts';
import { CKG_MGF1 } from '../../../src/hsm/constants.ts';
import {
  type AttributeName,
  type AttributeValues,
  CKF,
  CKR,
  CKS,
  CKU,
  CkrError,
  type Mechanism,
  type ObjectHandle,
  type Template,
} from '../../../src/hsm/index.ts';
import { LABEL, type SessionUnderTest, SO_PIN, type TokenUnderTest, USER_PIN } from './subject.ts';

const OUTPUT_MAX = 8192;
const users = { so: CKU.CKU_SO, user: CKU.CKU_USER } as const;
const states = new Map(Object.entries(CKS).map(([name, value]) => [value as number, name]));
const hashes = {
  'SHA-1': [pkcs11js.CKM_SHA_1, CKG_MGF1.CKG_MGF1_SHA1],
  'SHA-224': [pkcs11js.CKM_SHA224, CKG_MGF1.CKG_MGF1_SHA224],
  'SHA-256': [pkcs11js.CKM_SHA256, CKG_MGF1.CKG_MGF1_SHA256],
  'SHA-384': [pkcs11js.CKM_SHA384, CKG_MGF1.CKG_MGF1_SHA384],
  'SHA-512': [pkcs11js.CKM_SHA512, CKG_MGF1.CKG_MGF1_SHA512],
} as const;

/** Runs a call and turns pkcs11js's error into ours. */
function call<T>(command: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    // Some of its functions throw a class of their own, some a plain error with the code in its message.
    if (error instanceof Error) {
      const code = 'code' in error ? error.code : /^CKR_\w+:(\d+)/.exec(error.message)?.[1];
      if (code !== undefined) throw new CkrError(Number(code), command);
    }
    throw error;
  }
}

function bufferOf(handle: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(handle));
  return buffer;
}
const handleOf = (buffer: Buffer): ObjectHandle => Number(buffer.readBigUInt64LE()) as ObjectHandle;

const templateOf = (template: Template): pkcs11js.Template =>
  decodeAttributes(encodeTemplate(template), 0).list.map(([type, value]) => ({
    type,
    value: Buffer.from(value ?? []),
  }));

/** The parameters that the suite uses. */
function mechanismOf(given: Mechanism): pkcs11js.Mechanism {
  if (typeof given !== 'object') return { mechanism: mechanismNumber(given) };
  const mechanism = mechanismNumber(given.mechanism);
  if (given.mechanism === 'CKM_AES_GCM') {
    const parameter = {
      type: pkcs11js.CK_PARAMS_AES_GCM_v240,
      iv: Buffer.from(given.iv),
      ivBits: given.iv.length * 8,
      ...(given.additionalData && { aad: Buffer.from(given.additionalData) }),
      tagBits: given.tagBits ?? 128,
    };
    return { mechanism, parameter };
  }
  if (given.mechanism === 'CKM_RSA_PKCS_OAEP') {
    const [hashAlg, mgf] = hashes[given.hash];
    const parameter = {
      type: pkcs11js.CK_PARAMS_RSA_OAEP,
      hashAlg,
      mgf,
      source: 1,
      ...(given.label && { sourceData: Buffer.from(given.label) }),
    };
    return { mechanism, parameter };
  }
  if (given.mechanism === 'CKM_SHA256_RSA_PKCS_PSS') {
    const [hashAlg, mgf] = hashes[given.hash];
    const saltLen = given.saltLength ?? 32;
    const parameter = { type: pkcs11js.CK_PARAMS_RSA_PSS, hashAlg, mgf, saltLen };
    return { mechanism, parameter };
  }
  if ('parameter' in given && given.parameter)
    return { mechanism, parameter: Buffer.from(given.parameter) };
  throw new TypeError(`no parameter of ${String(given.mechanism)} here`);
}

class ModuleSession implements SessionUnderTest {
  readonly #module: pkcs11js.PKCS11;
  readonly #session: Buffer;

  constructor(module: pkcs11js.PKCS11, session: Buffer) {
    this.#module = module;
    this.#session = session;
  }

  async info() {
    const info = call('C_GetSessionInfo', () => this.#module.C_GetSessionInfo(this.#session));
    return {
      slot: handleOf(info.slotID),
      state: states.get(info.state) as keyof typeof CKS,
      flags: info.flags,
      deviceError: info.deviceError,
    };
  }

  async close() {
    call('C_CloseSession', () => this.#module.C_CloseSession(this.#session));
  }

  async login(user: 'user' | 'so', pin: string | Uint8Array) {
    call('C_Login', () => this.#module.C_Login(this.#session, users[user], String(pin)));
  }

  async logout() {
    call('C_Logout', () => this.#module.C_Logout(this.#session));
  }

  async initPin(pin: string | Uint8Array) {
    call('C_InitPIN', () => this.#module.C_InitPIN(this.#session, String(pin)));
  }

  async setPin(oldPin: string | Uint8Array, newPin: string | Uint8Array) {
    call('C_SetPIN', () => this.#module.C_SetPIN(this.#session, String(oldPin), String(newPin)));
  }

  async createObject(template: Template) {
    return handleOf(
      call('C_CreateObject', () =>
        this.#module.C_CreateObject(this.#session, templateOf(template)),
      ),
    );
  }

  async destroyObject(object: ObjectHandle) {
    call('C_DestroyObject', () => this.#module.C_DestroyObject(this.#session, bufferOf(object)));
  }

  async getAttributes<const N extends AttributeName>(
    object: ObjectHandle,
    names: readonly N[],
  ): Promise<AttributeValues<N>> {
    const values: Partial<Record<AttributeName, unknown>> = {};
    for (const name of names) values[name] = this.#attribute(object, name);
    return values as AttributeValues<N>;
  }

  #attribute(object: ObjectHandle, name: AttributeName): unknown {
    const type = attributeNumber(name);
    try {
      const [found] = call('C_GetAttributeValue', () =>
        this.#module.C_GetAttributeValue(this.#session, bufferOf(object), [{ type }]),
      );
      const value = found?.value;
      return value instanceof Uint8Array
        ? decodeTemplate([[type, new Uint8Array(value)]])[name]
        : undefined;
    } catch (error) {
      const hidden: unknown[] = [CKR.CKR_ATTRIBUTE_SENSITIVE, CKR.CKR_ATTRIBUTE_TYPE_INVALID];
      if (error instanceof CkrError && hidden.includes(error.code)) return undefined;
      throw error;
    }
  }

  async setAttributes(object: ObjectHandle, template: Template) {
    call('C_SetAttributeValue', () =>
      this.#module.C_SetAttributeValue(this.#session, bufferOf(object), templateOf(template)),
    );
  }

  async findObjects(template: Template, limit = 4096) {
    call('C_FindObjectsInit', () =>
      this.#module.C_FindObjectsInit(this.#session, templateOf(template)),
    );
    try {
      return call('C_FindObjects', () => this.#module.C_FindObjects(this.#session, limit)).map(
        handleOf,
      );
    } finally {
      this.#module.C_FindObjectsFinal(this.#session);
    }
  }

  async generateKey(mechanism: Mechanism, template: Template) {
    return handleOf(
      call('C_GenerateKey', () =>
        this.#module.C_GenerateKey(this.#session, mechanismOf(mechanism), templateOf(template)),
      ),
    );
  }

  async generateKeyPair(mechanism: Mechanism, publicTemplate: Template, privateTemplate: Template) {
    const pair = call('C_GenerateKeyPair', () =>
      this.#module.C_GenerateKeyPair(
        this.#session,
        mechanismOf(mechanism),
        templateOf(publicTemplate),
        templateOf(privateTemplate),
      ),
    );
    return { publicKey: handleOf(pair.publicKey), privateKey: handleOf(pair.privateKey) };
  }

  async wrapKey(mechanism: Mechanism, wrapping: ObjectHandle, key: ObjectHandle) {
    return call('C_WrapKey', () =>
      this.#module.C_WrapKey(
        this.#session,
        mechanismOf(mechanism),
        bufferOf(wrapping),
        bufferOf(key),
        Buffer.alloc(OUTPUT_MAX),
      ),
    );
  }

  async unwrapKey(
    mechanism: Mechanism,
    unwrapping: ObjectHandle,
    wrapped: Uint8Array,
    template: Template,
  ) {
    return handleOf(
      call('C_UnwrapKey', () =>
        this.#module.C_UnwrapKey(
          this.#session,
          mechanismOf(mechanism),
          bufferOf(unwrapping),
          Buffer.from(wrapped),
          templateOf(template),
        ),
      ),
    );
  }

  async encrypt(mechanism: Mechanism, key: ObjectHandle, data: Uint8Array) {
    return call('C_Encrypt', () => {
      this.#module.C_EncryptInit(this.#session, mechanismOf(mechanism), bufferOf(key));
      return this.#module.C_Encrypt(this.#session, Buffer.from(data), Buffer.alloc(OUTPUT_MAX));
    });
  }

  async decrypt(mechanism: Mechanism, key: ObjectHandle, data: Uint8Array) {
    return call('C_Decrypt', () => {
      this.#module.C_DecryptInit(this.#session, mechanismOf(mechanism), bufferOf(key));
      return this.#module.C_Decrypt(this.#session, Buffer.from(data), Buffer.alloc(OUTPUT_MAX));
    });
  }

  async sign(mechanism: Mechanism, key: ObjectHandle, data: Uint8Array) {
    return call('C_Sign', () => {
      this.#module.C_SignInit(this.#session, mechanismOf(mechanism), bufferOf(key));
      return this.#module.C_Sign(this.#session, Buffer.from(data), Buffer.alloc(OUTPUT_MAX));
    });
  }

  async verify(
    mechanism: Mechanism,
    key: ObjectHandle,
    data: Uint8Array,
    signature: Uint8Array,
  ): Promise<boolean> {
    try {
      return call('C_Verify', () => {
        this.#module.C_VerifyInit(this.#session, mechanismOf(mechanism), bufferOf(key));
        return this.#module.C_Verify(this.#session, Buffer.from(data), Buffer.from(signature));
      });
    } catch (error) {
      const wrong: unknown[] = [CKR.CKR_SIGNATURE_INVALID, CKR.CKR_SIGNATURE_LEN_RANGE];
      if (error instanceof CkrError && wrong.includes(error.code)) return false;
      throw error;
    }
  }

  async generateRandom(length: number) {
    return call('C_GenerateRandom', () =>
      this.#module.C_GenerateRandom(this.#session, Buffer.alloc(length)),
    );
  }
}

/** Loads the module and makes a token in its first slot. Its configuration is in the environment already. */
export async function openModuleToken(path: string): Promise<TokenUnderTest> {
  const module = new pkcs11js.PKCS11();
  module.load(path);
  module.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK });
  const label = LABEL.padEnd(32);
  // SoftHSM gives an initialised token a slot of its own.
  let slot = firstOf(module.C_GetSlotList(true));
  module.C_InitToken(slot, SO_PIN, label);
  slot = firstOf(
    module.C_GetSlotList(true).filter((each) => module.C_GetTokenInfo(each).label.trim() === LABEL),
  );
  const openSession = async (options: { readWrite?: boolean } = {}): Promise<ModuleSession> => {
    const flags = CKF.CKF_SERIAL_SESSION | (options.readWrite ? CKF.CKF_RW_SESSION : 0);
    return new ModuleSession(
      module,
      call('C_OpenSession', () => module.C_OpenSession(slot, flags)),
    );
  };
  const session = await openSession({ readWrite: true });
  await session.login('so', SO_PIN);
  await session.initPin(USER_PIN);
  await session.logout();
  await session.close();
  return {
    nestedTemplates: false,
    openSession,
    closeAllSessions: async () => call('C_CloseAllSessions', () => module.C_CloseAllSessions(slot)),
    initToken: async (soPin) =>
      void call('C_InitToken', () => module.C_InitToken(slot, String(soPin), label)),
    async [Symbol.asyncDispose]() {
      module.C_Finalize();
      module.close();
    },
  };
}

function firstOf(slots: readonly Buffer[]): Buffer {
  const [first] = slots;
  if (first === undefined) throw new Error('the module has no token');
  return first;
}
