/**
 * The frame codec by rows: request fields to bytes, response bytes to fields. docs/formats/frame.md describes the bytes.
 * The few commands that are called millions of times are written out in hot-path.ts; a test compares the two.
 */
import { decodeAttributes, encodeTemplate, type Template } from './attributes.ts';
import {
  ATTACHED,
  COMMANDS,
  type CommandName,
  FLAGS,
  HEADER_BYTES,
  MAGIC,
  VERSION,
} from './commands.ts';
import { CKR } from './constants.ts';
import { LinkError } from './link.ts';
import type { EncodedMechanism } from './mechanisms.ts';

/** Words of the header, by index. */
export const HEADER = {
  magic: 0,
  /** Version in the lower half, command number in the upper. */
  command: 1,
  flags: 2,
  sequence: 3,
  sessionLow: 4,
  sessionHigh: 5,
  length: 6,
  status: 7,
  attachedInput: 8,
  attachedOutput: 9,
} as const;

type AttributeList = [type: number, value: Uint8Array | undefined][];

/** TypeScript's value for each field type. */
interface FieldValues {
  u32: number;
  u64: number;
  object: number;
  session: number;
  bytes: Uint8Array;
  data: Uint8Array;
  template: Template;
  attributes: AttributeList;
  mechanism: EncodedMechanism;
  u32s: readonly number[];
  u64s: readonly number[];
  objects: readonly number[];
}
type FieldType = keyof FieldValues;
type Fields<T> = { readonly [K in keyof T]: T[K] extends FieldType ? FieldValues[T[K]] : never };
export type RequestFields<C extends CommandName> = Fields<(typeof COMMANDS)[C]['request']>;
export type ResponseFields<C extends CommandName> = Fields<(typeof COMMANDS)[C]['response']>;

const TWO_32 = 2 ** 32;

class BodyWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #offset = HEADER_BYTES;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.#view = new DataView(this.bytes.buffer);
  }

  u32(value: number): void {
    if (!Number.isInteger(value) || value < 0 || value >= TWO_32)
      throw new RangeError(`${value} is no 32-bit count`);
    this.#view.setUint32(this.#offset, value, true);
    this.#offset += 4;
  }

  u64(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new RangeError(`${value} is no 53-bit number`);
    this.#view.setUint32(this.#offset, value >>> 0, true);
    this.#view.setUint32(this.#offset + 4, Math.floor(value / TWO_32), true);
    this.#offset += 8;
  }

  bytesField(value: Uint8Array): void {
    this.u32(value.length);
    this.raw(value);
  }

  raw(value: Uint8Array): void {
    this.bytes.set(value, this.#offset);
    this.#offset += padded(value.length);
  }
}

const padded = (length: number): number => (length + 3) & ~3;

/** Bytes of one field, and what writes them. Templates are encoded once, here. */
function prepare(
  type: FieldType,
  value: unknown,
): [length: number, write: (writer: BodyWriter) => void] {
  switch (type) {
    case 'u32':
      return [4, (writer) => writer.u32(value as number)];
    case 'u64':
    case 'object':
    case 'session':
      return [8, (writer) => writer.u64(value as number)];
    case 'bytes':
    case 'data': {
      if (!(value instanceof Uint8Array)) throw new TypeError('a byte field takes a Uint8Array');
      return [4 + padded(value.length), (writer) => writer.bytesField(value)];
    }
    case 'template': {
      const bytes = encodeTemplate(value as Template);
      return [bytes.length, (writer) => writer.raw(bytes)];
    }
    case 'mechanism': {
      const { number, parameter } = value as EncodedMechanism;
      return [
        8 + padded(parameter.length),
        (writer) => {
          writer.u32(number);
          writer.bytesField(parameter);
        },
      ];
    }
    case 'u32s':
    case 'u64s':
    case 'objects': {
      const list = value as readonly number[];
      const wide = type !== 'u32s';
      return [
        4 + list.length * (wide ? 8 : 4),
        (writer) => {
          writer.u32(list.length);
          for (const item of list) wide ? writer.u64(item) : writer.u32(item);
        },
      ];
    }
    case 'attributes':
      throw new TypeError('attributes are a response field');
  }
}

/** One request frame, everything inline, in a buffer of its own. `session` 0 for commands without one. */
export function encodeRequest<C extends CommandName>(
  command: C,
  session: number,
  sequence: number,
  fields: RequestFields<C>,
): Uint8Array {
  const row = COMMANDS[command];
  const parts = Object.entries(row.request).map(([name, type]) =>
    prepare(type as FieldType, (fields as Readonly<Record<string, unknown>>)[name]),
  );
  const writer = new BodyWriter(parts.reduce((sum, [length]) => sum + length, HEADER_BYTES));
  for (const [, write] of parts) write(writer);
  const header = new Uint32Array(writer.bytes.buffer, 0, HEADER_BYTES / 4);
  header[HEADER.magic] = MAGIC;
  header[HEADER.command] = VERSION | (row.number << 16);
  header[HEADER.sequence] = sequence;
  header[HEADER.sessionLow] = session >>> 0;
  header[HEADER.sessionHigh] = Math.floor(session / TWO_32);
  header[HEADER.length] = writer.bytes.length;
  return writer.bytes;
}

class BodyReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  offset = HEADER_BYTES;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u32(): number {
    this.offset += 4;
    return this.#view.getUint32(this.offset - 4, true);
  }

  /** All ones (CK_UNAVAILABLE_INFORMATION) reads as -1; other numbers beyond 53 bits lose their last ones. */
  u64(): number {
    const low = this.u32();
    const high = this.u32();
    return low === 0xffff_ffff && high === 0xffff_ffff ? -1 : high * TWO_32 + low;
  }

  /** A copy, in memory of its own. */
  field(): Uint8Array {
    const length = this.u32();
    if (length >= ATTACHED || this.offset + padded(length) > this.#bytes.length) {
      throw new RangeError('a byte field ends outside its frame');
    }
    const copy = new Uint8Array(this.#bytes.subarray(this.offset, this.offset + length));
    this.offset += padded(length);
    return copy;
  }

  attributes(): AttributeList {
    const { list, end } = decodeAttributes(this.#bytes, this.offset);
    this.offset = end;
    return list;
  }
}

function readField(reader: BodyReader, type: FieldType): unknown {
  switch (type) {
    case 'u32':
      return reader.u32();
    case 'u64':
    case 'object':
    case 'session':
      return reader.u64();
    case 'bytes':
    case 'data':
      return reader.field();
    case 'attributes':
      return reader.attributes();
    case 'u32s':
      return Array.from({ length: reader.u32() }, () => reader.u32());
    case 'u64s':
    case 'objects':
      return Array.from({ length: reader.u32() }, () => reader.u64());
    case 'template':
    case 'mechanism':
      throw new TypeError(`${type} is a request field`);
  }
}

/** What an answer says: its status, the fields when it has them, and the bytes an output would have needed. */
export interface Response<C extends CommandName> {
  readonly status: number;
  readonly fields: ResponseFields<C> | undefined;
}

/** Reads one response frame. LinkError `protocol` when it is not the answer to that request. */
export function decodeResponse<C extends CommandName>(
  command: C,
  sequence: number,
  frame: Uint8Array,
): Response<C> {
  const row = COMMANDS[command];
  const bad = (what: string, options?: ErrorOptions): LinkError =>
    new LinkError('protocol', `${command}: response with ${what}`, options);
  if (frame.length < HEADER_BYTES) throw bad('a cut header');
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const word = (index: number): number => view.getUint32(index * 4, true);
  if (word(HEADER.magic) !== MAGIC) throw bad('another magic');
  if (word(HEADER.length) !== frame.length) throw bad('another length');
  if ((word(HEADER.flags) & FLAGS.RESPONSE) === 0) throw bad('a request flag');
  const status = word(HEADER.status);
  const refused =
    status === CKR.CKR_STRONGROOM_FRAME_INVALID || status === CKR.CKR_STRONGROOM_COMMAND_UNKNOWN;
  // A frame that could not be read has no command or sequence to answer with.
  if (!refused && word(HEADER.command) !== (VERSION | (row.number << 16)))
    throw bad('another command');
  if (!refused && word(HEADER.sequence) !== sequence) throw bad('another sequence number');
  if (status !== CKR.CKR_OK && !(row.partial && frame.length > HEADER_BYTES))
    return { status, fields: undefined };
  const reader = new BodyReader(frame);
  const fields: Record<string, unknown> = {};
  try {
    for (const [name, type] of Object.entries(row.response))
      fields[name] = readField(reader, type as FieldType);
  } catch (cause) {
    throw bad('fields cut short', { cause });
  }
  if (reader.offset !== frame.length) throw bad('bytes after its fields');
  return { status, fields: fields as ResponseFields<C> };
}
