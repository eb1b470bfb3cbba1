/**
 * The commands that are called millions of times, written straight into the slab: no object, no closure and no copy that
 * can be avoided. Every frame made here is the one frame.ts would make (a test compares them), with two liberties: the
 * output always travels attached, and inputs of 2 KiB or more do, too.
 *
 * HotPath answers undefined when a call cannot be executed on this thread now (busy, or too long); nothing has happened
 * then.
 */
import { type Pool, publicPool, secretPool } from './buffers.ts';
import { ATTACHED, COMMANDS, FLAGS, HEADER_BYTES, MAGIC, VERSION } from './commands.ts';
import { CKG, CKM, CKR } from './constants.ts';
import { HEADER } from './frame.ts';
import type { SyncLink } from './link.ts';
import {
  encodeMechanism,
  GCM_IV_BYTES,
  GCM_TAG_BITS,
  type GcmMechanism,
  type GcmMessage,
  type GcmMessageTag,
  type Mechanism,
  SEAL_NONCE_BYTES,
  SEAL_TAG_BYTES,
} from './mechanisms.ts';
import type { SessionState, Transport } from './transport.ts';

declare const objectHandle: unique symbol;
/** The application's name for an object: valid on every session of the application, never reused. */
export type ObjectHandle = number & { readonly [objectHandle]: true };

/** A data key: sealed as by `seal`, and in the clear when it was to be revealed. Two views of one buffer. */
export interface SealedRandom {
  readonly sealed: Uint8Array;
  readonly plaintext: Uint8Array | undefined;
}

/** Splits SealRandom's output: nonce, tag and ciphertext, then the plaintext when it is revealed. */
export function splitSealedRandom(
  output: Uint8Array,
  length: number,
  reveal: boolean,
): SealedRandom {
  const end = SEAL_HEAD_BYTES + length;
  return {
    sealed: output.subarray(0, end),
    plaintext: reveal ? output.subarray(end) : undefined,
  };
}

// The compiler takes a name of this file for the constant it is, and looks an imported one up at each use.
const WORD = HEADER;
const { CKM_AES_GCM, CKM_SHA256_HMAC, CKM_STRONGROOM_DERIVE_AES_GCM } = CKM;
const { CKR_OK, CKR_STRONGROOM_BUSY } = CKR;
const { ATTACHED_INPUT, ATTACHED_OUTPUT } = FLAGS;
const MAGIC_WORD = MAGIC;
const ATTACHED_MARK = ATTACHED;
const BODY_AT = HEADER_BYTES;
const DEFAULT_TAG_BITS = GCM_TAG_BITS;
const SEAL_HEAD_BYTES = SEAL_NONCE_BYTES + SEAL_TAG_BYTES;

/** From this length on an input is cheaper to read where it is than to copy. */
const ATTACH_FROM_BYTES = 2048;
/** Longer inputs would keep this thread from its other work for too long. */
const SYNC_BYTES_MAX = 256 * 1024;
/** No frame made here has more than this beside its byte fields. */
const FIXED_BYTES_MAX = 128;
const HMAC_SHA256_BYTES = 32;
const BODY = BODY_AT / 4;
const TWO_32 = 2 ** 32;
const empty = new Uint8Array(0);

/** The commands written here. */
export type HotCommand =
  | 'Encrypt'
  | 'Decrypt'
  | 'Sign'
  | 'Verify'
  | 'MessageEncrypt'
  | 'MessageDecrypt'
  | 'SealRandom'
  | 'GenerateRandom';

/** A command with its word of the header. An object for each: looking the word up by name is dear. */
interface Hot {
  readonly name: HotCommand;
  readonly word: number;
}
const hot = (name: HotCommand): Hot => ({
  name,
  word: VERSION | (COMMANDS[name].number << 16),
});
const HOT = {
  Encrypt: hot('Encrypt'),
  Decrypt: hot('Decrypt'),
  Sign: hot('Sign'),
  Verify: hot('Verify'),
  MessageEncrypt: hot('MessageEncrypt'),
  MessageDecrypt: hot('MessageDecrypt'),
  SealRandom: hot('SealRandom'),
  GenerateRandom: hot('GenerateRandom'),
} as const;

/** A signature mechanism as frames name it, and the longest signature it makes on this thread (bytes; 0: it makes none). */
interface Signature {
  readonly number: number;
  readonly parameter: Uint8Array;
  readonly lengthMax: number;
}
/** r and s on P-521. */
const ECDSA_BYTES_MAX = 132;
const signature = (number: number, lengthMax: number): Signature => ({
  number,
  parameter: empty,
  lengthMax,
});
const HMAC_SHA256 = signature(CKM_SHA256_HMAC, HMAC_SHA256_BYTES);
/** Those without a parameter. RSA verifies on this thread; to sign takes it too long. */
const SIGNATURES: ReadonlyMap<unknown, Signature> = new Map(
  (
    [
      ['CKM_SHA_1_HMAC', 20],
      ['CKM_SHA224_HMAC', 28],
      ['CKM_SHA256_HMAC', HMAC_SHA256_BYTES],
      ['CKM_SHA384_HMAC', 48],
      ['CKM_SHA512_HMAC', 64],
      ['CKM_ECDSA', ECDSA_BYTES_MAX],
      ['CKM_ECDSA_SHA1', ECDSA_BYTES_MAX],
      ['CKM_ECDSA_SHA224', ECDSA_BYTES_MAX],
      ['CKM_ECDSA_SHA256', ECDSA_BYTES_MAX],
      ['CKM_ECDSA_SHA384', ECDSA_BYTES_MAX],
      ['CKM_ECDSA_SHA512', ECDSA_BYTES_MAX],
      ['CKM_RSA_PKCS', 0],
      ['CKM_SHA1_RSA_PKCS', 0],
      ['CKM_SHA224_RSA_PKCS', 0],
      ['CKM_SHA256_RSA_PKCS', 0],
      ['CKM_SHA384_RSA_PKCS', 0],
      ['CKM_SHA512_RSA_PKCS', 0],
    ] as const
  ).flatMap(([name, lengthMax]): [unknown, Signature][] => {
    const row = signature(CKM[name], lengthMax);
    return [
      [name, row],
      [row.number, row],
    ];
  }),
);

function signatureOf(mechanism: Mechanism): Signature | undefined {
  if (mechanism === 'CKM_SHA256_HMAC') return HMAC_SHA256; // the one that every record is sealed with
  if (typeof mechanism !== 'object') return SIGNATURES.get(mechanism);
  if (!('saltLength' in mechanism) && !('hash' in mechanism))
    return 'parameter' in mechanism ? undefined : SIGNATURES.get(mechanism.mechanism);
  return { ...encodeMechanism(mechanism), lengthMax: 0 };
}

function isGcm(mechanism: Mechanism): mechanism is GcmMechanism {
  return typeof mechanism === 'object' && mechanism.mechanism === 'CKM_AES_GCM';
}

/** How long an input is; of one that is too long for this path, only that. */
const lengthOf = (input: Uint8Array): number => Math.min(input.length, SYNC_BYTES_MAX + 1) | 0;
/** Words of a byte field after its length. */
const wordsOf = (length: number): number => (length + 3) >> 2;

/** Fields are written one after the other; `at` is the index of the word where the next one begins. */
export class HotPath {
  readonly #transport: Transport;
  readonly #link: SyncLink;
  readonly #state: SessionState;
  /** The session's handle, as two words. */
  readonly #low: number = 0;
  readonly #high: number = 0;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  /** Index of the response's first word, and bytes of the request half. */
  readonly #answer: number = 0;
  readonly #limit: number = 0;

  constructor(transport: Transport, link: SyncLink, state: SessionState) {
    this.#transport = transport;
    this.#link = link;
    this.#state = state;
    this.#low = state.low | 0;
    this.#high = state.high | 0;
    this.#bytes = link.slab;
    this.#words = new Uint32Array(link.slab.buffer, link.slab.byteOffset, link.slab.byteLength / 4);
    this.#answer = link.responseOffset / 4;
    this.#limit = link.responseOffset - FIXED_BYTES_MAX;
  }

  encrypt(
    mechanism: Mechanism,
    key: ObjectHandle,
    data: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array | undefined {
    return isGcm(mechanism)
      ? this.#gcm(HOT.Encrypt, mechanism, key, data, into, publicPool, 1)
      : undefined;
  }

  decrypt(
    mechanism: Mechanism,
    key: ObjectHandle,
    data: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array | undefined {
    return isGcm(mechanism)
      ? this.#gcm(HOT.Decrypt, mechanism, key, data, into, secretPool, -1)
      : undefined;
  }

  /** `tags`: how many the output is longer than the input. */
  #gcm(
    command: Hot,
    mechanism: GcmMechanism,
    key: number,
    data: Uint8Array,
    into: Uint8Array | undefined,
    pool: Pool,
    tags: 1 | -1,
  ): Uint8Array | undefined {
    const { iv, additionalData = empty, tagBits = DEFAULT_TAG_BITS } = mechanism;
    const ivLength = lengthOf(iv);
    const aadLength = lengthOf(additionalData);
    const length = lengthOf(data);
    if (!this.#fits(command, ivLength + aadLength, length)) return undefined;
    const words = this.#words;
    words[BODY] = CKM_AES_GCM;
    words[BODY + 1] = 4 * (3 + wordsOf(ivLength) + wordsOf(aadLength));
    let at = this.#put(this.#put(BODY + 2, iv, ivLength), additionalData, aadLength);
    words[at] = tagBits;
    at = this.#data(this.#handle(at + 1, key), data, length);
    const room = Math.max(0, length + tags * (tagBits >> 3));
    return this.#result(command, at, data, length, into, pool, room);
  }

  /** Nonce, tag and ciphertext in one. */
  seal(
    key: ObjectHandle,
    additionalData: Uint8Array,
    plaintext: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array | undefined {
    const aadLength = lengthOf(additionalData);
    const length = lengthOf(plaintext);
    if (!this.#fits(HOT.MessageEncrypt, aadLength, length)) return undefined;
    const words = this.#words;
    words[BODY] = CKM_STRONGROOM_DERIVE_AES_GCM;
    words[BODY + 1] = 8;
    words[BODY + 2] = 0;
    words[BODY + 3] = 0;
    let at = this.#put(this.#handle(BODY + 4, key), additionalData, aadLength);
    at = this.#data(at, plaintext, length);
    const room = SEAL_HEAD_BYTES + length;
    return this.#result(HOT.MessageEncrypt, at, plaintext, length, into, publicPool, room);
  }

  open(
    key: ObjectHandle,
    nonce: Uint8Array,
    tag: Uint8Array,
    additionalData: Uint8Array,
    ciphertext: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array | undefined {
    const nonceLength = lengthOf(nonce);
    const tagLength = lengthOf(tag);
    const aadLength = lengthOf(additionalData);
    const length = lengthOf(ciphertext);
    if (!this.#fits(HOT.MessageDecrypt, nonceLength + tagLength + aadLength, length))
      return undefined;
    const words = this.#words;
    words[BODY] = CKM_STRONGROOM_DERIVE_AES_GCM;
    let at = this.#put(this.#put(BODY + 2, nonce, nonceLength), tag, tagLength);
    words[BODY + 1] = 4 * (at - BODY - 2);
    at = this.#put(this.#handle(at, key), additionalData, aadLength);
    at = this.#data(at, ciphertext, length);
    return this.#result(HOT.MessageDecrypt, at, ciphertext, length, into, secretPool, length);
  }

  /** IV, tag and ciphertext in one. */
  encryptMessage(
    key: ObjectHandle,
    message: GcmMessage,
    plaintext: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array | undefined {
    const { iv, additionalData = empty, tagBits = DEFAULT_TAG_BITS } = message;
    const ivLength = iv === undefined ? (message.ivLength ?? GCM_IV_BYTES) : lengthOf(iv);
    const aadLength = lengthOf(additionalData);
    const length = lengthOf(plaintext);
    if (!this.#fits(HOT.MessageEncrypt, ivLength + aadLength, length)) return undefined;
    const words = this.#words;
    words[BODY] = CKM_AES_GCM;
    let at = BODY + 2;
    if (iv !== undefined) at = this.#put(at, iv, ivLength);
    else {
      words[at] = ivLength;
      at += 1;
      words.fill(0, at, at + wordsOf(ivLength));
      at += wordsOf(ivLength);
    }
    words[at] = 0;
    words[at + 1] = iv === undefined ? CKG.CKG_GENERATE_RANDOM : CKG.CKG_NO_GENERATE;
    words[at + 2] = tagBits;
    words[at + 3] = 0;
    at += 4;
    words[BODY + 1] = 4 * (at - BODY - 2);
    at = this.#put(this.#handle(at, key), additionalData, aadLength);
    at = this.#data(at, plaintext, length);
    const room = ivLength + (tagBits >> 3) + length;
    return this.#result(HOT.MessageEncrypt, at, plaintext, length, into, publicPool, room);
  }

  decryptMessage(
    key: ObjectHandle,
    message: GcmMessageTag,
    ciphertext: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array | undefined {
    const { iv, tag, additionalData = empty } = message;
    const ivLength = lengthOf(iv);
    const tagLength = lengthOf(tag);
    const aadLength = lengthOf(additionalData);
    const length = lengthOf(ciphertext);
    if (!this.#fits(HOT.MessageDecrypt, ivLength + tagLength + aadLength, length)) return undefined;
    const words = this.#words;
    words[BODY] = CKM_AES_GCM;
    let at = this.#put(BODY + 2, iv, ivLength);
    words[at] = 0;
    words[at + 1] = CKG.CKG_NO_GENERATE;
    words[at + 2] = tagLength * 8;
    at = this.#put(at + 3, tag, tagLength);
    words[BODY + 1] = 4 * (at - BODY - 2);
    at = this.#put(this.#handle(at, key), additionalData, aadLength);
    at = this.#data(at, ciphertext, length);
    return this.#result(HOT.MessageDecrypt, at, ciphertext, length, into, secretPool, length);
  }

  sealRandom(
    key: ObjectHandle,
    additionalData: Uint8Array,
    length: number,
    reveal: boolean,
  ): SealedRandom | undefined {
    const aadLength = lengthOf(additionalData);
    if (!this.#fits(HOT.SealRandom, aadLength, 0)) return undefined;
    if (!(length >= 0 && length <= SYNC_BYTES_MAX)) return undefined;
    const at = this.#put(this.#handle(BODY, key), additionalData, aadLength);
    this.#words[at] = length;
    this.#words[at + 1] = reveal ? 1 : 0;
    const room = SEAL_HEAD_BYTES + (reveal ? 2 * length : length);
    const output = this.#result(HOT.SealRandom, at + 2, empty, 0, undefined, secretPool, room);
    return output === undefined ? undefined : splitSealedRandom(output, length, reveal);
  }

  sign(
    mechanism: Mechanism,
    key: ObjectHandle,
    data: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array | undefined {
    const made = signatureOf(mechanism);
    const length = lengthOf(data);
    if (made === undefined || made.lengthMax === 0 || !this.#fits(HOT.Sign, 0, length))
      return undefined;
    this.#words[BODY] = made.number;
    this.#words[BODY + 1] = 0;
    const at = this.#data(this.#handle(BODY + 2, key), data, length);
    return this.#result(HOT.Sign, at, data, length, into, publicPool, made.lengthMax);
  }

  verify(
    mechanism: Mechanism,
    key: ObjectHandle,
    data: Uint8Array,
    signature: Uint8Array,
  ): boolean | undefined {
    const made = signatureOf(mechanism);
    const length = lengthOf(data);
    const signatureLength = lengthOf(signature);
    if (made === undefined || !this.#fits(HOT.Verify, signatureLength, length)) return undefined;
    this.#words[BODY] = made.number;
    let at = this.#put(BODY + 1, made.parameter, made.parameter.length);
    at = this.#data(this.#handle(at, key), data, length);
    at = this.#put(at, signature, signatureLength);
    if (this.#header(HOT.Verify, at, length, -1)) this.#link.execInOut(data, empty, 0);
    else this.#link.exec();
    const status = this.#words[this.#answer + WORD.status]!;
    if (status === CKR_OK) return true;
    if (status === CKR.CKR_SIGNATURE_INVALID || status === CKR.CKR_SIGNATURE_LEN_RANGE)
      return false;
    if (status === CKR_STRONGROOM_BUSY) return undefined;
    throw this.#transport.refused(status, HOT.Verify.name, this.#state);
  }

  generateRandom(length: number, into?: Uint8Array): Uint8Array | undefined {
    if (!this.#fits(HOT.GenerateRandom, 0, 0)) return undefined;
    if (!(length >= 0 && length <= SYNC_BYTES_MAX)) return undefined;
    this.#words[BODY] = length;
    return this.#result(HOT.GenerateRandom, BODY + 1, empty, 0, into, secretPool, length);
  }

  /** Can this be executed here? Throws what a session that has ended answers. */
  #fits(command: Hot, inlineLength: number, dataLength: number): boolean {
    if (this.#state.open !== true) this.#transport.requireOpen(this.#state, command.name);
    const inlineData = dataLength >= ATTACH_FROM_BYTES ? 0 : dataLength;
    return inlineLength + inlineData <= this.#limit && dataLength <= SYNC_BYTES_MAX;
  }

  #handle(at: number, handle: number): number {
    this.#words[at] = handle;
    this.#words[at + 1] = handle / TWO_32;
    return at + 2;
  }

  /** A byte field. */
  #put(at: number, value: Uint8Array, length: number): number {
    const words = this.#words;
    words[at] = length;
    words[at + 1 + (length >> 2)] = 0; // padding is zero; where there is none, what follows is written next
    if (length !== 0) this.#bytes.set(value, 4 * (at + 1));
    return at + 1 + wordsOf(length);
  }

  /** The byte field that may be long: then only its length, marked as attached. */
  #data(at: number, value: Uint8Array, length: number): number {
    if (length < ATTACH_FROM_BYTES) return this.#put(at, value, length);
    this.#words[at] = ATTACHED_MARK + length;
    return at + 1;
  }

  /**
   * The header of a request that ends before the word `end`, with `room` for its output, -1 for a command that has none.
   * True when the input travels attached.
   */
  #header(command: Hot, end: number, inputLength: number, room: number): boolean {
    const words = this.#words;
    const attached = inputLength >= ATTACH_FROM_BYTES;
    this.#transport.commandCount += 1;
    words[WORD.magic] = MAGIC_WORD;
    words[WORD.command] = command.word;
    words[WORD.flags] = (attached ? ATTACHED_INPUT : 0) | (room < 0 ? 0 : ATTACHED_OUTPUT);
    words[WORD.sequence] = 0; // the answer comes back in the same call
    words[WORD.sessionLow] = this.#low | 0;
    words[WORD.sessionHigh] = this.#high | 0;
    words[WORD.length] = 4 * end;
    words[WORD.status] = 0;
    words[WORD.attachedInput] = attached ? inputLength | 0 : 0;
    words[WORD.attachedOutput] = room < 0 ? 0 : room | 0;
    return attached;
  }

  /** Executes the request; its output goes to `into`, else to `room` bytes of the pool. */
  #result(
    command: Hot,
    end: number,
    input: Uint8Array,
    inputLength: number,
    into: Uint8Array | undefined,
    pool: Pool,
    room: number,
  ): Uint8Array | undefined {
    // A view of the pool is made afterwards, at its final length: nothing of this call is kept in an object.
    const offset = into === undefined ? pool.reserve(room) : 0;
    const output = into ?? pool.bytes;
    if (this.#header(command, end, inputLength, into === undefined ? room : into.length))
      this.#link.execInOut(input, output, offset);
    else this.#link.execOut(output, offset);
    const words = this.#words;
    const status = words[this.#answer + WORD.status]!;
    if (status === CKR_OK) {
      const produced = words[this.#answer + WORD.attachedOutput]!;
      if (into === undefined) return pool.view(offset, produced);
      return produced === into.length ? into : into.subarray(0, produced);
    }
    if (status === CKR_STRONGROOM_BUSY) return undefined;
    throw this.#transport.refused(status, command.name, this.#state);
  }
}
