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
  const end = SEAL_NONCE_BYTES + SEAL_TAG_BYTES + length;
  return {
    sealed: output.subarray(0, end),
    plaintext: reveal ? output.subarray(end) : undefined,
  };
}

/** From this length on an input is cheaper to read where it is than to copy. */
const ATTACH_FROM_BYTES = 2048;
/** Up to this length (an IV, a tag) a loop is cheaper than a call. */
const COPY_BY_LOOP_MAX = 16;
/** Longer inputs would keep this thread from its other work for too long. */
const SYNC_BYTES_MAX = 256 * 1024;
/** No frame made here has more than this beside its byte fields. */
const FIXED_BYTES_MAX = 128;
const HMAC_SHA256_BYTES = 32;
const BODY = HEADER_BYTES / 4;
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

/** Bytes of a MAC mechanism's output that is known here; -1 for any other mechanism. */
function macLength(mechanism: Mechanism): number {
  if (mechanism === 'CKM_SHA256_HMAC' || mechanism === CKM.CKM_SHA256_HMAC)
    return HMAC_SHA256_BYTES;
  return typeof mechanism === 'object' && mechanism.mechanism === 'CKM_SHA256_HMAC'
    ? HMAC_SHA256_BYTES
    : -1;
}

function isGcm(mechanism: Mechanism): mechanism is GcmMechanism {
  return typeof mechanism === 'object' && mechanism.mechanism === 'CKM_AES_GCM';
}

export class HotPath {
  readonly #transport: Transport;
  readonly #link: SyncLink;
  readonly #state: SessionState;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  /** Index of the response's first word, and bytes of the request half. */
  readonly #answer: number;
  readonly #limit: number;

  constructor(transport: Transport, link: SyncLink, state: SessionState) {
    this.#transport = transport;
    this.#link = link;
    this.#state = state;
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
    if (!isGcm(mechanism)) return undefined;
    const length = data.length + (mechanism.tagBits ?? GCM_TAG_BITS) / 8;
    return this.#gcm(HOT.Encrypt, mechanism, key, data, into, publicPool, length);
  }

  decrypt(
    mechanism: Mechanism,
    key: ObjectHandle,
    data: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array | undefined {
    if (!isGcm(mechanism)) return undefined;
    const length = Math.max(0, data.length - (mechanism.tagBits ?? GCM_TAG_BITS) / 8);
    return this.#gcm(HOT.Decrypt, mechanism, key, data, into, secretPool, length);
  }

  #gcm(
    command: Hot,
    mechanism: GcmMechanism,
    key: number,
    data: Uint8Array,
    into: Uint8Array | undefined,
    pool: Pool,
    room: number,
  ): Uint8Array | undefined {
    const { iv } = mechanism;
    const additionalData = mechanism.additionalData ?? empty;
    if (!this.#fits(iv.length + additionalData.length, data)) return undefined;
    const words = this.#words;
    this.#begin(command);
    words[BODY] = CKM.CKM_AES_GCM;
    words[BODY + 1] = 12 + ((iv.length + 3) & ~3) + ((additionalData.length + 3) & ~3);
    let at = this.#put(this.#put(HEADER_BYTES + 8, iv), additionalData);
    words[at >> 2] = mechanism.tagBits ?? GCM_TAG_BITS;
    at = this.#handle(at + 4, key);
    at = this.#put(at, data, ATTACH_FROM_BYTES);
    return this.#result(command, at, data, into, pool, room);
  }

  /** Nonce, tag and ciphertext in one. */
  seal(
    key: ObjectHandle,
    additionalData: Uint8Array,
    plaintext: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array | undefined {
    if (!this.#fits(additionalData.length, plaintext)) return undefined;
    const words = this.#words;
    this.#begin(HOT.MessageEncrypt);
    words[BODY] = CKM.CKM_STRONGROOM_DERIVE_AES_GCM;
    words[BODY + 1] = 8;
    words[BODY + 2] = 0;
    words[BODY + 3] = 0;
    let at = this.#put(this.#handle(HEADER_BYTES + 16, key), additionalData);
    const room = SEAL_NONCE_BYTES + SEAL_TAG_BYTES + plaintext.length;
    at = this.#put(at, plaintext, ATTACH_FROM_BYTES);
    return this.#result(HOT.MessageEncrypt, at, plaintext, into, publicPool, room);
  }

  open(
    key: ObjectHandle,
    nonce: Uint8Array,
    tag: Uint8Array,
    additionalData: Uint8Array,
    ciphertext: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array | undefined {
    if (!this.#fits(nonce.length + tag.length + additionalData.length, ciphertext))
      return undefined;
    const words = this.#words;
    this.#begin(HOT.MessageDecrypt);
    words[BODY] = CKM.CKM_STRONGROOM_DERIVE_AES_GCM;
    let at = this.#put(this.#put(HEADER_BYTES + 8, nonce), tag);
    words[BODY + 1] = at - HEADER_BYTES - 8;
    at = this.#put(this.#handle(at, key), additionalData);
    at = this.#put(at, ciphertext, ATTACH_FROM_BYTES);
    return this.#result(HOT.MessageDecrypt, at, ciphertext, into, secretPool, ciphertext.length);
  }

  /** IV, tag and ciphertext in one. */
  encryptMessage(
    key: ObjectHandle,
    message: GcmMessage,
    plaintext: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array | undefined {
    const additionalData = message.additionalData ?? empty;
    const ivLength = message.iv?.length ?? message.ivLength ?? GCM_IV_BYTES;
    const tagBits = message.tagBits ?? GCM_TAG_BITS;
    if (!this.#fits(ivLength + additionalData.length, plaintext)) return undefined;
    const words = this.#words;
    this.#begin(HOT.MessageEncrypt);
    words[BODY] = CKM.CKM_AES_GCM;
    let at = HEADER_BYTES + 8;
    if (message.iv) at = this.#put(at, message.iv);
    else {
      words[at >> 2] = ivLength;
      this.#bytes.fill(0, at + 4, at + 4 + ((ivLength + 3) & ~3));
      at += 4 + ((ivLength + 3) & ~3);
    }
    words[at >> 2] = 0;
    words[(at >> 2) + 1] = message.iv ? CKG.CKG_NO_GENERATE : CKG.CKG_GENERATE_RANDOM;
    words[(at >> 2) + 2] = tagBits;
    words[(at >> 2) + 3] = 0;
    at += 16;
    words[BODY + 1] = at - HEADER_BYTES - 8;
    at = this.#put(this.#handle(at, key), additionalData);
    const room = ivLength + tagBits / 8 + plaintext.length;
    at = this.#put(at, plaintext, ATTACH_FROM_BYTES);
    return this.#result(HOT.MessageEncrypt, at, plaintext, into, publicPool, room);
  }

  decryptMessage(
    key: ObjectHandle,
    message: GcmMessageTag,
    ciphertext: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array | undefined {
    const { iv, tag } = message;
    const additionalData = message.additionalData ?? empty;
    if (!this.#fits(iv.length + tag.length + additionalData.length, ciphertext)) return undefined;
    const words = this.#words;
    this.#begin(HOT.MessageDecrypt);
    words[BODY] = CKM.CKM_AES_GCM;
    let at = this.#put(HEADER_BYTES + 8, iv);
    words[at >> 2] = 0;
    words[(at >> 2) + 1] = CKG.CKG_NO_GENERATE;
    words[(at >> 2) + 2] = tag.length * 8;
    at = this.#put(at + 12, tag);
    words[BODY + 1] = at - HEADER_BYTES - 8;
    at = this.#put(this.#handle(at, key), additionalData);
    at = this.#put(at, ciphertext, ATTACH_FROM_BYTES);
    return this.#result(HOT.MessageDecrypt, at, ciphertext, into, secretPool, ciphertext.length);
  }

  sealRandom(
    key: ObjectHandle,
    additionalData: Uint8Array,
    length: number,
    reveal: boolean,
  ): SealedRandom | undefined {
    if (!this.#fits(additionalData.length, empty)) return undefined;
    if (!(length >= 0 && length <= SYNC_BYTES_MAX)) return undefined;
    this.#begin(HOT.SealRandom);
    const at = this.#put(this.#handle(HEADER_BYTES, key), additionalData);
    this.#words[at >> 2] = length;
    this.#words[(at >> 2) + 1] = reveal ? 1 : 0;
    const room = SEAL_NONCE_BYTES + SEAL_TAG_BYTES + (reveal ? 2 * length : length);
    const output = this.#result(HOT.SealRandom, at + 8, empty, undefined, secretPool, room);
    return output === undefined ? undefined : splitSealedRandom(output, length, reveal);
  }

  sign(
    mechanism: Mechanism,
    key: ObjectHandle,
    data: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array | undefined {
    const length = macLength(mechanism);
    if (length < 0 || !this.#fits(0, data)) return undefined;
    this.#begin(HOT.Sign);
    this.#words[BODY] = CKM.CKM_SHA256_HMAC;
    this.#words[BODY + 1] = 0;
    const at = this.#put(this.#handle(HEADER_BYTES + 8, key), data, ATTACH_FROM_BYTES);
    return this.#result(HOT.Sign, at, data, into, publicPool, length);
  }

  verify(
    mechanism: Mechanism,
    key: ObjectHandle,
    data: Uint8Array,
    signature: Uint8Array,
  ): boolean | undefined {
    if (macLength(mechanism) < 0 || !this.#fits(signature.length, data)) return undefined;
    this.#begin(HOT.Verify);
    this.#words[BODY] = CKM.CKM_SHA256_HMAC;
    this.#words[BODY + 1] = 0;
    const at = this.#put(this.#handle(HEADER_BYTES + 8, key), data, ATTACH_FROM_BYTES);
    const status = this.#exec(this.#put(at, signature), data, undefined);
    if (status === CKR.CKR_OK) return true;
    if (status === CKR.CKR_SIGNATURE_INVALID || status === CKR.CKR_SIGNATURE_LEN_RANGE)
      return false;
    if (status === CKR.CKR_STRONGROOM_BUSY) return undefined;
    throw this.#transport.refused(status, HOT.Verify.name, this.#state);
  }

  generateRandom(length: number, into?: Uint8Array): Uint8Array | undefined {
    if (!(length >= 0 && length <= SYNC_BYTES_MAX)) return undefined;
    this.#begin(HOT.GenerateRandom);
    this.#words[BODY] = length;
    return this.#result(HOT.GenerateRandom, HEADER_BYTES + 4, empty, into, secretPool, length);
  }

  #fits(inlineBytes: number, data: Uint8Array): boolean {
    const inlineData = data.length >= ATTACH_FROM_BYTES ? 0 : data.length;
    return inlineBytes + inlineData <= this.#limit && data.length <= SYNC_BYTES_MAX;
  }

  #begin(command: Hot): void {
    const state = this.#state;
    if (!state.open) this.#transport.requireOpen(state, command.name);
    const words = this.#words;
    words[HEADER.magic] = MAGIC;
    words[HEADER.command] = command.word;
    words[HEADER.sequence] = 0; // the answer comes back in the same call
    words[HEADER.sessionLow] = state.low;
    words[HEADER.sessionHigh] = state.high;
    words[HEADER.status] = 0;
  }

  #handle(at: number, handle: number): number {
    this.#words[at >> 2] = handle;
    this.#words[(at >> 2) + 1] = handle / TWO_32;
    return at + 8;
  }

  /** A byte field; from `attachFrom` bytes on only its length, marked as attached. */
  #put(at: number, value: Uint8Array, attachFrom: number = Number.MAX_SAFE_INTEGER): number {
    const length = value.length;
    const words = this.#words;
    if (length >= attachFrom) {
      words[at >> 2] = ATTACHED + length;
      return at + 4;
    }
    words[at >> 2] = length;
    const start = at + 4;
    if ((length & 3) !== 0) words[(start + length) >> 2] = 0; // padding is zero
    if (length > COPY_BY_LOOP_MAX) this.#bytes.set(value, start);
    else for (let index = 0; index < length; index++) this.#bytes[start + index] = value[index]!;
    return start + ((length + 3) & ~3);
  }

  /** Completes the header of a request of `length` bytes. True when the input travels attached. */
  #end(length: number, input: Uint8Array, outputFlag: number, room: number): boolean {
    const words = this.#words;
    const attached = input.length >= ATTACH_FROM_BYTES;
    words[HEADER.flags] = attached ? FLAGS.ATTACHED_INPUT | outputFlag : outputFlag;
    words[HEADER.length] = length;
    words[HEADER.attachedInput] = attached ? input.length : 0;
    words[HEADER.attachedOutput] = room;
    return attached;
  }

  /** Executes the request of `length` bytes and returns its status. */
  #exec(length: number, input: Uint8Array, output: Uint8Array | undefined): number {
    const flag = output === undefined ? 0 : FLAGS.ATTACHED_OUTPUT;
    if (this.#end(length, input, flag, output === undefined ? 0 : output.length))
      this.#link.execInOut(input, output ?? empty);
    else if (output === undefined) this.#link.exec();
    else this.#link.execOut(output);
    return this.#words[this.#answer + HEADER.status]!;
  }

  /** Executes the request; its output goes to `into`, else to `room` bytes of the pool. */
  #result(
    command: Hot,
    length: number,
    input: Uint8Array,
    into: Uint8Array | undefined,
    pool: Pool,
    room: number,
  ): Uint8Array | undefined {
    let status: number;
    let offset = 0;
    if (into !== undefined) status = this.#exec(length, input, into);
    else {
      // The view is made afterwards, at its final length: nothing of this call is kept in an object.
      offset = pool.reserve(room);
      if (this.#end(length, input, FLAGS.ATTACHED_OUTPUT, room))
        this.#link.execInOut(input, new Uint8Array(pool.buffer, offset, room));
      else this.#link.execAt(pool.buffer, offset);
      status = this.#words[this.#answer + HEADER.status]!;
    }
    if (status === CKR.CKR_OK) {
      const produced = this.#words[this.#answer + HEADER.attachedOutput]!;
      if (into === undefined) return new Uint8Array(pool.buffer, offset, produced);
      return produced === into.length ? into : into.subarray(0, produced);
    }
    if (status === CKR.CKR_STRONGROOM_BUSY) return undefined;
    throw this.#transport.refused(status, command.name, this.#state);
  }
}
