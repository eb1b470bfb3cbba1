/**
 * The one table of frame commands. scripts/generate-frame.mjs turns it into commands.h and src/hsm/commands.ts; a test
 * compares both with what it would write, and another runs every row from one side to the other.
 *
 * A row: its number (never reused), request and response fields in order, the return values that mean something special
 * to it (those of `common` and, with a session, of `sessionCommon` are always possible), and its clause: the functions of PKCS#11
 * v3.2 section 5 (or of vendor.h) that it calls, in that order.
 *
 *   session   the header's session must be one of the caller's open sessions
 *   sync      may be executed on a thread that must not wait; the others answer CKR_STRONGROOM_BUSY there
 *   secret    the response carries secrets: whoever copies it wipes it
 *   partial   response fields are present with an error status, too
 *
 * Field types (docs/formats/frame.md has the bytes):
 *   u32, u64        integers
 *   object          u64, the caller's name for an object
 *   session         u64, the caller's name for a session (response of OpenSession)
 *   bytes           length and bytes
 *   data            like bytes, and the one field of its side that may travel attached
 *   template        list of attributes
 *   attributes      list of attributes where a length may be "unavailable"
 *   mechanism       number and parameter, encoded per mechanism (mechanisms.mjs is this file's second table)
 *   u32s, u64s, objects   counted lists
 */

export const MAGIC = 0x4d465253; // "SRFM" in memory
export const VERSION = 1;
export const HEADER_BYTES = 40;
/** Bytes of one frame with everything inline; longer ones are refused unread. */
export const FRAME_BYTES_MAX = 1 << 20;
/** Bytes of the request half, and of the response half, of an in-process slab. */
export const SLAB_BYTES = 64 * 1024;
/** Length word of a byte field: this bit says that the bytes are beside the frame. */
export const ATTACHED = 0x80000000;
/** Length word of an attribute without a value (CK_UNAVAILABLE_INFORMATION). */
export const UNAVAILABLE = 0xffffffff;
export const ATTRIBUTES_MAX = 64;

export const flags = { RESPONSE: 1, ATTACHED_INPUT: 2, ATTACHED_OUTPUT: 4 };
export const capabilities = { VENDOR: 1, MESSAGE: 2, WRAP_AUTHENTICATED: 4, SEALED_WORK: 8, BURIALS: 16, REWRAP: 32 };

export const common = [
  'CKR_OK', 'CKR_HOST_MEMORY', 'CKR_GENERAL_ERROR', 'CKR_FUNCTION_FAILED', 'CKR_ARGUMENTS_BAD', 'CKR_DEVICE_ERROR',
  'CKR_DEVICE_MEMORY', 'CKR_DEVICE_REMOVED', 'CKR_FUNCTION_NOT_SUPPORTED', 'CKR_CRYPTOKI_NOT_INITIALIZED',
  'CKR_FIPS_SELF_TEST_FAILED', 'CKR_BUFFER_TOO_SMALL', 'CKR_STRONGROOM_BUSY', 'CKR_STRONGROOM_FRAME_INVALID',
];
export const sessionCommon = ['CKR_SESSION_HANDLE_INVALID', 'CKR_SESSION_CLOSED', 'CKR_TOKEN_NOT_PRESENT', 'CKR_OPERATION_ACTIVE', 'CKR_USER_NOT_LOGGED_IN'];

const slot = { slot: 'u64' };
const key = ['CKR_KEY_HANDLE_INVALID', 'CKR_KEY_TYPE_INCONSISTENT', 'CKR_KEY_FUNCTION_NOT_PERMITTED', 'CKR_KEY_SIZE_RANGE', 'CKR_MECHANISM_INVALID', 'CKR_MECHANISM_PARAM_INVALID'];
const keyPair = ['CKR_MECHANISM_INVALID', 'CKR_MECHANISM_PARAM_INVALID', 'CKR_DOMAIN_PARAMS_INVALID', 'CKR_CURVE_NOT_SUPPORTED'];
const template = ['CKR_ATTRIBUTE_READ_ONLY', 'CKR_ATTRIBUTE_TYPE_INVALID', 'CKR_ATTRIBUTE_VALUE_INVALID', 'CKR_TEMPLATE_INCOMPLETE', 'CKR_TEMPLATE_INCONSISTENT', 'CKR_SESSION_READ_ONLY', 'CKR_TOKEN_WRITE_PROTECTED', 'CKR_TOKEN_RESOURCE_EXCEEDED'];
const pin = ['CKR_PIN_INCORRECT', 'CKR_PIN_INVALID', 'CKR_PIN_LEN_RANGE', 'CKR_PIN_LOCKED'];

export const commands = {
  Hello: {
    number: 1, clause: 'docs/formats/frame.md',
    request: { versionMin: 'u32', versionMax: 'u32' },
    response: { version: 'u32', capabilities: 'u32', frameBytesMax: 'u32', cryptokiMajor: 'u32', cryptokiMinor: 'u32' },
    ckr: [],
  },
  GetSlotList: { number: 2, clause: 'C_GetSlotList', request: { tokenPresent: 'u32' }, response: { slots: 'u64s' }, ckr: [] },
  GetSlotInfo: {
    number: 3, clause: 'C_GetSlotInfo', request: slot,
    response: { description: 'bytes', manufacturer: 'bytes', flags: 'u64', hardwareVersion: 'u32', firmwareVersion: 'u32' },
    ckr: ['CKR_SLOT_ID_INVALID'],
  },
  GetTokenInfo: {
    number: 4, clause: 'C_GetTokenInfo', request: slot,
    response: {
      label: 'bytes', manufacturer: 'bytes', model: 'bytes', serialNumber: 'bytes', flags: 'u64',
      maxSessionCount: 'u64', sessionCount: 'u64', maxRwSessionCount: 'u64', rwSessionCount: 'u64',
      maxPinLength: 'u64', minPinLength: 'u64', totalPublicMemory: 'u64', freePublicMemory: 'u64',
      totalPrivateMemory: 'u64', freePrivateMemory: 'u64', hardwareVersion: 'u32', firmwareVersion: 'u32', utcTime: 'bytes',
    },
    ckr: ['CKR_SLOT_ID_INVALID', 'CKR_TOKEN_NOT_PRESENT', 'CKR_TOKEN_NOT_RECOGNIZED'],
  },
  GetMechanismList: {
    number: 5, clause: 'C_GetMechanismList', request: slot, response: { mechanisms: 'u64s' },
    ckr: ['CKR_SLOT_ID_INVALID', 'CKR_TOKEN_NOT_PRESENT', 'CKR_TOKEN_NOT_RECOGNIZED'],
  },
  GetMechanismInfo: {
    number: 6, clause: 'C_GetMechanismInfo', request: { slot: 'u64', mechanism: 'u64' },
    response: { minKeySize: 'u64', maxKeySize: 'u64', flags: 'u64' },
    ckr: ['CKR_SLOT_ID_INVALID', 'CKR_MECHANISM_INVALID', 'CKR_TOKEN_NOT_PRESENT', 'CKR_TOKEN_NOT_RECOGNIZED'],
  },
  InitToken: {
    number: 7, clause: 'C_InitToken', request: { slot: 'u64', pin: 'bytes', label: 'bytes' }, response: {},
    ckr: [...pin, 'CKR_SLOT_ID_INVALID', 'CKR_SESSION_EXISTS', 'CKR_TOKEN_NOT_PRESENT', 'CKR_TOKEN_WRITE_PROTECTED'],
  },
  InitPIN: {
    number: 8, clause: 'C_InitPIN', session: true, request: { pin: 'bytes' }, response: {},
    ckr: [...pin, 'CKR_SESSION_READ_ONLY', 'CKR_TOKEN_WRITE_PROTECTED'],
  },
  SetPIN: {
    number: 9, clause: 'C_SetPIN', session: true, request: { oldPin: 'bytes', newPin: 'bytes' }, response: {},
    ckr: [...pin, 'CKR_USER_PIN_NOT_INITIALIZED', 'CKR_SESSION_READ_ONLY', 'CKR_TOKEN_WRITE_PROTECTED'],
  },
  OpenSession: {
    number: 10, clause: 'C_OpenSession', request: { slot: 'u64', flags: 'u64' }, response: { session: 'session' },
    ckr: ['CKR_SLOT_ID_INVALID', 'CKR_SESSION_COUNT', 'CKR_SESSION_PARALLEL_NOT_SUPPORTED', 'CKR_SESSION_READ_WRITE_SO_EXISTS', 'CKR_TOKEN_NOT_PRESENT', 'CKR_TOKEN_NOT_RECOGNIZED', 'CKR_TOKEN_WRITE_PROTECTED'],
  },
  CloseSession: { number: 11, clause: 'C_CloseSession', session: true, request: {}, response: {}, ckr: [] },
  CloseAllSessions: { number: 12, clause: 'C_CloseAllSessions', request: slot, response: {}, ckr: ['CKR_SLOT_ID_INVALID'] },
  GetSessionInfo: {
    number: 13, clause: 'C_GetSessionInfo', session: true, sync: true, request: {},
    response: { slot: 'u64', state: 'u64', flags: 'u64', deviceError: 'u64' }, ckr: [],
  },
  Login: {
    number: 14, clause: 'C_Login', session: true, request: { userType: 'u32', pin: 'bytes' }, response: {},
    ckr: [...pin, 'CKR_USER_ALREADY_LOGGED_IN', 'CKR_USER_ANOTHER_ALREADY_LOGGED_IN', 'CKR_USER_PIN_NOT_INITIALIZED', 'CKR_USER_TYPE_INVALID', 'CKR_SESSION_READ_ONLY_EXISTS', 'CKR_OPERATION_NOT_INITIALIZED'],
  },
  Logout: { number: 15, clause: 'C_Logout', session: true, request: {}, response: {}, ckr: [] },
  CreateObject: {
    number: 16, clause: 'C_CreateObject', session: true, sync: true, request: { template: 'template' }, response: { object: 'object' },
    ckr: [...template, 'CKR_DOMAIN_PARAMS_INVALID', 'CKR_CURVE_NOT_SUPPORTED'],
  },
  DestroyObject: {
    number: 17, clause: 'C_DestroyObject', session: true, sync: true, request: { object: 'object' }, response: {},
    ckr: ['CKR_OBJECT_HANDLE_INVALID', 'CKR_ACTION_PROHIBITED', 'CKR_SESSION_READ_ONLY', 'CKR_TOKEN_WRITE_PROTECTED'],
  },
  GetAttributeValue: {
    number: 18, clause: 'C_GetAttributeValue', session: true, sync: true, secret: true, partial: true,
    request: { object: 'object', types: 'u32s' }, response: { attributes: 'attributes' },
    ckr: ['CKR_OBJECT_HANDLE_INVALID', 'CKR_ATTRIBUTE_SENSITIVE', 'CKR_ATTRIBUTE_TYPE_INVALID'],
  },
  SetAttributeValue: {
    number: 19, clause: 'C_SetAttributeValue', session: true, sync: true, request: { object: 'object', template: 'template' }, response: {},
    ckr: [...template, 'CKR_OBJECT_HANDLE_INVALID', 'CKR_ACTION_PROHIBITED'],
  },
  /** `limit` is 1 to 4,096; `more` is 1 when it cut the list. */
  FindObjects: {
    number: 20, clause: 'C_FindObjectsInit, C_FindObjects, C_FindObjectsFinal', session: true, request: { template: 'template', limit: 'u32' },
    response: { objects: 'objects', more: 'u32' }, ckr: ['CKR_ATTRIBUTE_TYPE_INVALID', 'CKR_ATTRIBUTE_VALUE_INVALID'],
  },
  GenerateKey: {
    number: 21, clause: 'C_GenerateKey', session: true, sync: true, request: { mechanism: 'mechanism', template: 'template' },
    response: { object: 'object' }, ckr: [...template, 'CKR_MECHANISM_INVALID', 'CKR_MECHANISM_PARAM_INVALID'],
  },
  WrapKey: {
    number: 22, clause: 'C_WrapKey', session: true, sync: true, request: { mechanism: 'mechanism', wrappingKey: 'object', key: 'object' },
    response: { wrapped: 'data' },
    ckr: [...key, 'CKR_KEY_NOT_WRAPPABLE', 'CKR_KEY_UNEXTRACTABLE', 'CKR_WRAPPING_KEY_HANDLE_INVALID', 'CKR_WRAPPING_KEY_SIZE_RANGE', 'CKR_WRAPPING_KEY_TYPE_INCONSISTENT'],
  },
  UnwrapKey: {
    number: 23, clause: 'C_UnwrapKey', session: true, sync: true,
    request: { mechanism: 'mechanism', unwrappingKey: 'object', wrapped: 'data', template: 'template' }, response: { object: 'object' },
    ckr: [...key, ...template, 'CKR_WRAPPED_KEY_INVALID', 'CKR_WRAPPED_KEY_LEN_RANGE', 'CKR_UNWRAPPING_KEY_HANDLE_INVALID', 'CKR_UNWRAPPING_KEY_SIZE_RANGE', 'CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT'],
  },
  /** `output`: what the mechanism made (the IV of GCM), then the wrapped key with its tag. */
  WrapKeyAuthenticated: {
    number: 24, clause: 'C_WrapKeyAuthenticated', session: true, sync: true,
    request: { mechanism: 'mechanism', wrappingKey: 'object', key: 'object', additionalData: 'bytes' }, response: { output: 'data' },
    ckr: [...key, 'CKR_KEY_NOT_WRAPPABLE', 'CKR_KEY_UNEXTRACTABLE', 'CKR_WRAPPING_KEY_HANDLE_INVALID', 'CKR_WRAPPING_KEY_TYPE_INCONSISTENT'],
  },
  UnwrapKeyAuthenticated: {
    number: 25, clause: 'C_UnwrapKeyAuthenticated', session: true, sync: true,
    request: { mechanism: 'mechanism', unwrappingKey: 'object', wrapped: 'data', template: 'template', additionalData: 'bytes' },
    response: { object: 'object' },
    ckr: [...key, ...template, 'CKR_AEAD_DECRYPT_FAILED', 'CKR_WRAPPED_KEY_INVALID', 'CKR_WRAPPED_KEY_LEN_RANGE', 'CKR_UNWRAPPING_KEY_HANDLE_INVALID', 'CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT'],
  },
  DeriveKey: {
    number: 26, clause: 'C_DeriveKey', session: true, sync: true,
    request: { mechanism: 'mechanism', baseKey: 'object', template: 'template' }, response: { object: 'object' }, ckr: [...key, ...template],
  },
  Encrypt: {
    number: 27, clause: 'C_EncryptInit, C_Encrypt', session: true, sync: true, request: { mechanism: 'mechanism', key: 'object', data: 'data' },
    response: { output: 'data' }, ckr: [...key, 'CKR_DATA_INVALID', 'CKR_DATA_LEN_RANGE'],
  },
  Decrypt: {
    number: 28, clause: 'C_DecryptInit, C_Decrypt', session: true, sync: true, secret: true,
    request: { mechanism: 'mechanism', key: 'object', data: 'data' }, response: { output: 'data' },
    ckr: [...key, 'CKR_ENCRYPTED_DATA_INVALID', 'CKR_ENCRYPTED_DATA_LEN_RANGE', 'CKR_AEAD_DECRYPT_FAILED'],
  },
  Sign: {
    number: 29, clause: 'C_SignInit, C_Sign', session: true, sync: true, request: { mechanism: 'mechanism', key: 'object', data: 'data' },
    response: { output: 'data' }, ckr: [...key, 'CKR_DATA_INVALID', 'CKR_DATA_LEN_RANGE', 'CKR_FUNCTION_REJECTED'],
  },
  Verify: {
    number: 30, clause: 'C_VerifyInit, C_Verify', session: true, sync: true,
    request: { mechanism: 'mechanism', key: 'object', data: 'data', signature: 'bytes' }, response: {},
    ckr: [...key, 'CKR_DATA_INVALID', 'CKR_DATA_LEN_RANGE', 'CKR_SIGNATURE_INVALID', 'CKR_SIGNATURE_LEN_RANGE'],
  },
  /** `output`: IV or nonce, tag, ciphertext. */
  MessageEncrypt: {
    number: 31, clause: 'C_MessageEncryptInit, C_EncryptMessage, C_MessageEncryptFinal', session: true, sync: true,
    request: { mechanism: 'mechanism', key: 'object', additionalData: 'bytes', data: 'data' }, response: { output: 'data' },
    ckr: [...key, 'CKR_DATA_INVALID', 'CKR_DATA_LEN_RANGE'],
  },
  /** IV or nonce and tag are in the mechanism parameter. */
  MessageDecrypt: {
    number: 32, clause: 'C_MessageDecryptInit, C_DecryptMessage, C_MessageDecryptFinal', session: true, sync: true, secret: true,
    request: { mechanism: 'mechanism', key: 'object', additionalData: 'bytes', data: 'data' }, response: { output: 'data' },
    ckr: [...key, 'CKR_ENCRYPTED_DATA_INVALID', 'CKR_ENCRYPTED_DATA_LEN_RANGE', 'CKR_AEAD_DECRYPT_FAILED'],
  },
  /** `output`: nonce (28), tag (16), ciphertext (`length`) and, with `reveal` 1, the plaintext (`length`). */
  SealRandom: {
    number: 33, clause: 'SR_SealRandom', session: true, sync: true, secret: true,
    request: { key: 'object', additionalData: 'bytes', length: 'u32', reveal: 'u32' }, response: { output: 'data' }, ckr: key,
  },
  GenerateRandom: {
    number: 34, clause: 'C_GenerateRandom', session: true, sync: true, secret: true, request: { length: 'u32' }, response: { output: 'data' },
    ckr: ['CKR_RANDOM_NO_RNG'],
  },
  SeedRandom: {
    number: 35, clause: 'C_SeedRandom', session: true, request: { seed: 'bytes' }, response: {},
    ckr: ['CKR_RANDOM_NO_RNG', 'CKR_RANDOM_SEED_NOT_SUPPORTED'],
  },
  MarkTrusted: {
    number: 36, clause: 'SR_MarkTrusted', session: true, request: { uniqueId: 'bytes' }, response: {},
    ckr: ['CKR_KEY_FUNCTION_NOT_PERMITTED', 'CKR_OBJECT_HANDLE_INVALID', 'CKR_SESSION_READ_ONLY'],
  },
  GetDeviceStatus: {
    number: 37, clause: 'SR_GetDeviceStatus', request: {},
    response: {
      errorState: 'u32', memoryLocked: 'u32', failedSelfTest: 'bytes', applicationCount: 'u64', sessionCount: 'u64',
      sessionObjectCount: 'u64', tokenObjectCount: 'u64', flashBytes: 'u64',
    },
    ckr: [],
  },
  /** `run` 1: the tests on demand first (SR_RunSelfTests); how they went is in the report. */
  GetSelfTests: { number: 38, clause: 'SR_GetSelfTests', request: { run: 'u32' }, response: { report: 'bytes' }, ckr: [] },
  /** Empty name: none fails any more. */
  FailSelfTest: { number: 39, clause: 'SR_FailSelfTest', request: { name: 'bytes' }, response: {}, ckr: [] },
  GenerateKeyPair: {
    number: 40, clause: 'C_GenerateKeyPair', session: true,
    request: { mechanism: 'mechanism', publicTemplate: 'template', privateTemplate: 'template' },
    response: { publicKey: 'object', privateKey: 'object' }, ckr: [...keyPair, ...template],
  },
  /**
   * Makes a key pair that is no object: its public half, its private half sealed under `key` (`sealed`: nonce (28), tag (16),
   * ciphertext of the PKCS#8) and, with `reveal` 1, in the clear (`plaintext`, else empty).
   */
  SealKeyPair: {
    number: 41, clause: 'SR_SealKeyPair', session: true, secret: true,
    request: { mechanism: 'mechanism', template: 'template', key: 'object', additionalData: 'bytes', reveal: 'u32' },
    response: { publicKeyInfo: 'bytes', sealed: 'bytes', plaintext: 'bytes' }, ckr: [...keyPair, ...template, ...key],
  },
  /**
   * Decrypts and encrypts; the plaintext stays inside. Nonce and tag of the source are in its mechanism's parameter. `output`:
   * nonce (28), tag (16), ciphertext, or what CKM_RSA_PKCS_OAEP made.
   */
  ReEncrypt: {
    number: 42, clause: 'SR_ReEncrypt', session: true, sync: true,
    request: {
      sourceMechanism: 'mechanism', sourceKey: 'object', sourceAdditionalData: 'bytes', ciphertext: 'data',
      destinationMechanism: 'mechanism', destinationKey: 'object', destinationAdditionalData: 'bytes',
    },
    response: { output: 'data' },
    ckr: [...key, 'CKR_ENCRYPTED_DATA_INVALID', 'CKR_ENCRYPTED_DATA_LEN_RANGE', 'CKR_AEAD_DECRYPT_FAILED', 'CKR_DATA_LEN_RANGE'],
  },
  /** One burial for each key: its additional data are the next of `lengths` bytes of `additionalData`. 1 to 1,024. */
  BuryWrapped: {
    number: 43, clause: 'SR_BuryWrapped', session: true,
    request: { unwrappingKeys: 'objects', lengths: 'u32s', additionalData: 'bytes' }, response: {},
    ckr: ['CKR_UNWRAPPING_KEY_HANDLE_INVALID', 'CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT', 'CKR_KEY_FUNCTION_NOT_PERMITTED', 'CKR_SESSION_READ_ONLY'],
  },
  /** What it wraps stays inside. `additionalData` are the source's. `output`: IV, then the wrapped key with its tag. */
  RewrapKey: {
    number: 44, clause: 'SR_RewrapKey', session: true, sync: true,
    request: {
      unwrapMechanism: 'mechanism', unwrappingKey: 'object', wrapped: 'data', additionalData: 'bytes',
      wrapMechanism: 'mechanism', wrappingKey: 'object',
    },
    response: { output: 'data' },
    ckr: [...key, 'CKR_WRAPPED_KEY_INVALID', 'CKR_WRAPPED_KEY_LEN_RANGE', 'CKR_UNWRAPPING_KEY_HANDLE_INVALID', 'CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT', 'CKR_WRAPPING_KEY_HANDLE_INVALID', 'CKR_WRAPPING_KEY_TYPE_INCONSISTENT'],
  },
  CopyObject: {
    number: 45, clause: 'C_CopyObject', session: true, sync: true, request: { source: 'object', template: 'template' },
    response: { object: 'object' }, ckr: [...template, 'CKR_OBJECT_HANDLE_INVALID', 'CKR_ACTION_PROHIBITED'],
  },
  /** Bytes of attributes and value, as the module counts them. */
  GetObjectSize: {
    number: 46, clause: 'C_GetObjectSize', session: true, sync: true, request: { object: 'object' }, response: { bytes: 'u64' },
    ckr: ['CKR_OBJECT_HANDLE_INVALID', 'CKR_INFORMATION_SENSITIVE'],
  },
  /** Every session of the device's applications is closed. */
  ResetDevice: { number: 47, clause: 'SR_ResetDevice', request: {}, response: {}, ckr: [] },
};

const pss = { single: { hash: 'u32', mgf: 'u32', saltLength: 'u32' } };

/**
 * How mechanism parameters travel. `fields`: a structure of ours, decoded into the standard's; `opaque`: the bytes of a
 * parameter known to hold no pointer. Mechanisms that are not here travel with fewer than 8 opaque bytes: no pointer fits.
 * Where one mechanism has several parameter types the command decides (`Encrypt`: single part; `MessageEncrypt`: message;
 * `WrapKeyAuthenticated`: wrap).
 */
export const mechanisms = {
  CKM_AES_GCM: {
    single: { iv: 'bytes', additionalData: 'bytes', tagBits: 'u32' },
    message: { iv: 'bytes', ivFixedBits: 'u32', ivGenerator: 'u32', tagBits: 'u32', tag: 'bytes' },
    wrap: { iv: 'bytes', ivFixedBits: 'u32', ivGenerator: 'u32', tagBits: 'u32' },
  },
  CKM_AES_CBC: { opaque: 16 },
  CKM_AES_CBC_PAD: { opaque: 16 },
  CKM_AES_CTR: { single: { counterBits: 'u32', block: 'bytes' } },
  CKM_AES_CCM: {
    single: { dataLength: 'u32', nonce: 'bytes', additionalData: 'bytes', macLength: 'u32' },
    message: { dataLength: 'u32', nonce: 'bytes', nonceFixedBits: 'u32', nonceGenerator: 'u32', macLength: 'u32', mac: 'bytes' },
  },
  CKM_AES_CMAC_GENERAL: { opaque: 8 },
  CKM_AES_KEY_WRAP: { opaque: 8 },
  CKM_CHACHA20: { single: { counter: 'bytes', nonce: 'bytes' } },
  CKM_CHACHA20_POLY1305: { single: { nonce: 'bytes', additionalData: 'bytes' }, message: { nonce: 'bytes', tag: 'bytes' } },
  CKM_RSA_AES_KEY_WRAP: { single: { aesKeyBits: 'u32', hash: 'u32', mgf: 'u32', source: 'u32', label: 'bytes' } },
  CKM_STRONGROOM_DERIVE_AES_GCM: { message: { nonce: 'bytes', tag: 'bytes' } },
  CKM_SP800_108_COUNTER_KDF: { single: { prf: 'u32', fields: 'kdfFields' } },
  CKM_RSA_PKCS_OAEP: { single: { hash: 'u32', mgf: 'u32', source: 'u32', label: 'bytes' } },
  CKM_RSA_PKCS_PSS: pss,
  CKM_SHA1_RSA_PKCS_PSS: pss,
  CKM_SHA224_RSA_PKCS_PSS: pss,
  CKM_SHA256_RSA_PKCS_PSS: pss,
  CKM_SHA384_RSA_PKCS_PSS: pss,
  CKM_SHA512_RSA_PKCS_PSS: pss,
  CKM_SHA_1_HMAC_GENERAL: { opaque: 8 },
  CKM_SHA224_HMAC_GENERAL: { opaque: 8 },
  CKM_SHA256_HMAC_GENERAL: { opaque: 8 },
  CKM_SHA384_HMAC_GENERAL: { opaque: 8 },
  CKM_SHA512_HMAC_GENERAL: { opaque: 8 },
};
