/**
 * The commands that are called millions of times, written straight into the slab: no object, no closure and no copy that
 * can be avoided. Every frame made here is the one frame.ts would make (a test compares them), with two liberties: the
 * output always travels attached, and inputs of 2 KiB or more do, too.
 *
 * HotPath answers undefined when a call cannot be executed on this thread now (busy, or too long); nothing has happened
 * then.
 */
import { newest, publicBuffer, secretBuffer } from './buffers.ts';
import {
  ATTACHED,
  COMMANDS,
  type CommandName,
  FLAGS,
  HEADER_BYTES,
  MAGIC,
  VERSION,
} from './commands.ts';
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

const commandWord = (command: CommandName): number => VERSION | (COMMANDS[command].number << 16);
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

const WORD: Readonly<Record<HotCommand, number>> = {
  Encrypt: commandWord('Encrypt'),
  Decrypt: commandWord('Decrypt'),
  Sign: commandWord('Sign'),
  Verify: commandWord('Verify'),
  MessageEncrypt: commandWord('MessageEncrypt'),
  MessageDecrypt: commandWord('MessageDecrypt'),
  SealRandom: commandWord('SealRandom'),
  GenerateRandom: commandWord('GenerateRandom'),
};

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
  /** What #room gave to the call that is being prepared, and where it lies. */
  #taken: Uint8Array | undefined;
  #buffer: ArrayBuffer = empty.buffer;
  #offset = 0;

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
    return this.#gcm('Encrypt', mechanism, key, data, into ?? this.#publicRoom(length));
  }

  decrypt(
    mechanism: Mechanism,
    key: ObjectHandle,
    data: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array | undefined {
    if (!isGcm(mechanism)) return undefined;
    const length = Math.max(0, data.length - (mechanism.tagBits ?? GCM_TAG_BITS) / 8);
    return this.#gcm('Decrypt', mechanism, key, data, into ?? this.#secretRoom(length));
  }

  #gcm(
    command: HotCommand,
    mechanism: GcmMechanism,
    key: number,
    data: Uint8Array,
    output: Uint8Array,
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
    return this.#result(command, this.#put(at, data, ATTACH_FROM_BYTES), data, output);
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
    this.#begin('MessageEncrypt');
    words[BODY] = CKM.CKM_STRONGROOM_DERIVE_AES_GCM;
    words[BODY + 1] = 8;
    words[BODY + 2] = 0;
    words[BODY + 3] = 0;
    const at = this.#put(this.#handle(HEADER_BYTES + 16, key), additionalData);
    const output = into ?? this.#publicRoom(SEAL_NONCE_BYTES + SEAL_TAG_BYTES + plaintext.length);
    return this.#result(
      'MessageEncrypt',
      this.#put(at, plaintext, ATTACH_FROM_BYTES),
      plaintext,
      output,
    );
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
    this.#begin('MessageDecrypt');
    words[BODY] = CKM.CKM_STRONGROOM_DERIVE_AES_GCM;
    let at = this.#put(this.#put(HEADER_BYTES + 8, nonce), tag);
    words[BODY + 1] = at - HEADER_BYTES - 8;
    at = this.#put(this.#handle(at, key), additionalData);
    const output = into ?? this.#secretRoom(ciphertext.length);
    return this.#result(
      'MessageDecrypt',
      this.#put(at, ciphertext, ATTACH_FROM_BYTES),
      ciphertext,
      output,
    );
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
    this.#begin('MessageEncrypt');
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
    const output = into ?? this.#publicRoom(ivLength + tagBits / 8 + plaintext.length);
    return this.#result(
      'MessageEncrypt',
      this.#put(at, plaintext, ATTACH_FROM_BYTES),
      plaintext,
      output,
    );
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
    this.#begin('MessageDecrypt');
    words[BODY] = CKM.CKM_AES_GCM;
    let at = this.#put(HEADER_BYTES + 8, iv);
    words[at >> 2] = 0;
    words[(at >> 2) + 1] = CKG.CKG_NO_GENERATE;
    words[(at >> 2) + 2] = tag.length * 8;
    at = this.#put(at + 12, tag);
    words[BODY + 1] = at - HEADER_BYTES - 8;
    at = this.#put(this.#handle(at, key), additionalData);
    const output = into ?? this.#secretRoom(ciphertext.length);
    return this.#result(
      'MessageDecrypt',
      this.#put(at, ciphertext, ATTACH_FROM_BYTES),
      ciphertext,
      output,
    );
  }

  sealRandom(
    key: ObjectHandle,
    additionalData: Uint8Array,
    length: number,
    reveal: boolean,
  ): SealedRandom | undefined {
    if (!this.#fits(additionalData.length, empty)) return undefined;
    if (!(length >= 0 && length <= SYNC_BYTES_MAX)) return undefined;
    this.#begin('SealRandom');
    const at = this.#put(this.#handle(HEADER_BYTES, key), additionalData);
    this.#words[at >> 2] = length;
    this.#words[(at >> 2) + 1] = reveal ? 1 : 0;
    const room = SEAL_NONCE_BYTES + SEAL_TAG_BYTES + (reveal ? 2 * length : length);
    const output = this.#result('SealRandom', at + 8, empty, this.#secretRoom(room));
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
    this.#begin('Sign');
    this.#words[BODY] = CKM.CKM_SHA256_HMAC;
    this.#words[BODY + 1] = 0;
    const at = this.#put(this.#handle(HEADER_BYTES + 8, key), data, ATTACH_FROM_BYTES);
    return this.#result('Sign', at, data, into ?? this.#publicRoom(length));
  }

  verify(
    mechanism: Mechanism,
    key: ObjectHandle,
    data: Uint8Array,
    signature: Uint8Array,
  ): boolean | undefined {
    if (macLength(mechanism) < 0 || !this.#fits(signature.length, data)) return undefined;
    this.#begin('Verify');
    this.#words[BODY] = CKM.CKM_SHA256_HMAC;
    this.#words[BODY + 1] = 0;
    const at = this.#put(this.#handle(HEADER_BYTES + 8, key), data, ATTACH_FROM_BYTES);
    const status = this.#exec(this.#put(at, signature), data, empty);
    if (status === CKR.CKR_OK) return true;
    if (status === CKR.CKR_SIGNATURE_INVALID || status === CKR.CKR_SIGNATURE_LEN_RANGE)
      return false;
    if (status === CKR.CKR_STRONGROOM_BUSY) return undefined;
    throw this.#transport.refused(status, 'Verify', this.#state);
  }

  generateRandom(length: number, into?: Uint8Array): Uint8Array | undefined {
    if (!(length >= 0 && length <= SYNC_BYTES_MAX)) return undefined;
    this.#begin('GenerateRandom');
    this.#words[BODY] = length;
    return this.#result(
      'GenerateRandom',
      HEADER_BYTES + 4,
      empty,
      into ?? this.#secretRoom(length),
    );
  }

  #publicRoom(length: number): Uint8Array {
    return this.#room(publicBuffer(length));
  }

  #secretRoom(length: number): Uint8Array {
    return this.#room(secretBuffer(length));
  }

  #room(room: Uint8Array): Uint8Array {
    this.#taken = room;
    this.#buffer = newest.buffer;
    this.#offset = newest.offset;
    return room;
  }

  #fits(inlineBytes: number, data: Uint8Array): boolean {
    const inlineData = data.length >= ATTACH_FROM_BYTES ? 0 : data.length;
    return inlineBytes + inlineData <= this.#limit && data.length <= SYNC_BYTES_MAX;
  }

  #begin(command: HotCommand): void {
    const state = this.#state;
    if (!state.open) this.#transport.requireOpen(state, command);
    const words = this.#words;
    words[HEADER.magic] = MAGIC;
    words[HEADER.command] = WORD[command];
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

  /** Executes the request of `length` bytes and returns its status. */
  #exec(length: number, input: Uint8Array, output: Uint8Array): number {
    const words = this.#words;
    const attached = input.length >= ATTACH_FROM_BYTES;
    const taken = this.#taken;
    this.#taken = undefined; // the caller may pass it as `into` next time
    words[HEADER.flags] =
      (attached ? FLAGS.ATTACHED_INPUT : 0) | (output === empty ? 0 : FLAGS.ATTACHED_OUTPUT);
    words[HEADER.length] = length;
    words[HEADER.attachedInput] = attached ? input.length : 0;
    words[HEADER.attachedOutput] = output.length;
    if (attached) this.#link.execInOut(input, output);
    else if (output === taken) this.#link.execAt(this.#buffer, this.#offset);
    else this.#link.execOut(output);
    return words[this.#answer + HEADER.status]!;
  }

  #result(
    command: HotCommand,
    length: number,
    input: Uint8Array,
    output: Uint8Array,
  ): Uint8Array | undefined {
    const status = this.#exec(length, input, output);
    if (status === CKR.CKR_OK) {
      const produced = this.#words[this.#answer + HEADER.attachedOutput]!;
      return produced === output.length ? output : output.subarray(0, produced);
    }
    if (status === CKR.CKR_STRONGROOM_BUSY) return undefined;
    throw this.#transport.refused(status, command, this.#state);
  }
}
