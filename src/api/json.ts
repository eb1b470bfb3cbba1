/**
 * The JSON codec of AWS JSON 1.1: bytes of a request to a typed input by its shape, a response object to text.
 *
 * Strict where a lenient reading could mean something else than the sender meant: UTF-8, base64, JSON types and
 * lone surrogates. What does not parse is a SerializationException; constraints are validate.ts's business.
 */

import { isObject } from '../values/unknown.ts';
import { kmsException } from './exceptions.ts';
import type { Entries, InputShape, Shape, StructureShape } from './shapes.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What Coral calls a JSON value in its messages. */
function tokenOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return 'STRING_VALUE';
    case 'number':
      return Number.isInteger(value) ? 'NUMBER_VALUE' : 'DECIMAL_VALUE';
    case 'boolean':
      return value ? 'TRUE_VALUE' : 'FALSE_VALUE';
    default:
      return Array.isArray(value) ? 'START_LIST' : 'START_STRUCTURE';
  }
}

const names: Readonly<Record<Shape['type'], string>> = {
  string: 'String',
  blob: 'Blob',
  integer: 'Integer',
  boolean: 'Boolean',
  timestamp: 'Timestamp',
  list: 'List',
  map: 'Map',
  structure: 'Structure',
};

/** The text is the usual one of AWS's framework; KMS's own was not recorded. */
function wrongType(value: unknown, shape: Shape): Error {
  if (Array.isArray(value)) {
    return kmsException('SerializationException', 'Start of list found where not expected');
  }
  if (typeof value === 'object') {
    return kmsException(
      'SerializationException',
      'Start of structure or map found where not expected.',
    );
  }
  return kmsException(
    'SerializationException',
    `${tokenOf(value)} can not be converted to a${shape.type === 'integer' ? 'n' : ''} ${names[shape.type]}`,
  );
}

/** A lone surrogate has no UTF-8 form: two different strings would become one when encoded. */
function wellFormed(text: string): string {
  if (!text.isWellFormed()) throw kmsException('SerializationException');
  return text;
}

/** Standard alphabet, padded, no blanks, unused bits zero: one text for each octet string. */
function decodeBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw kmsException('SerializationException');
  return bytes;
}

function readEntries(value: Record<string, unknown>, shape: Shape & { type: 'map' }): Entries {
  const entries: [string, string][] = [];
  for (const key of Object.keys(value)) {
    entries.push([wellFormed(key), read(value[key], shape.value) as string]);
  }
  return entries;
}

function readStructure(value: Record<string, unknown>, shape: StructureShape): object {
  const result: Record<string, unknown> = {};
  for (const name in shape.members) {
    // The own property only: a request does not get `toString` or another inherited name for a member.
    const member = Object.hasOwn(value, name) ? value[name] : undefined;
    if (member === undefined || member === null) continue;
    result[name] = read(member, shape.members[name]!.shape);
  }
  return result;
}

/** @param value out of JSON.parse. A null in a list or map stays, for validation to refuse. */
function read(value: unknown, shape: Shape): unknown {
  if (value === null) return null;
  switch (shape.type) {
    case 'string':
      if (typeof value === 'string') return wellFormed(value);
      break;
    case 'blob':
      if (typeof value === 'string') return decodeBase64(value);
      break;
    case 'integer':
      if (typeof value === 'number' && value === (value | 0)) return value;
      break;
    case 'boolean':
      if (typeof value === 'boolean') return value;
      break;
    case 'timestamp':
      if (typeof value === 'number') {
        const date = new Date(Math.round(value * 1000));
        if (!Number.isNaN(date.getTime())) return date;
      }
      break;
    case 'list':
      if (Array.isArray(value)) return value.map((member) => read(member, shape.member));
      break;
    case 'map':
      if (isObject(value)) return readEntries(value, shape);
      break;
    case 'structure':
      if (isObject(value)) return readStructure(value, shape);
      break;
  }
  throw wrongType(value, shape);
}

/**
 * Reads a request body by its shape. Unknown members are ignored, null means absent, a name given twice keeps
 * its last value. The result is not yet valid: required members may be missing (see validate.ts).
 * JSON.parse does not recurse and reading descends only where the shape does, so depth costs nothing.
 *
 * @param body the whole body, UTF-8; empty counts as `{}`
 * @throws KmsException SerializationException
 */
export function parseJson<T>(shape: InputShape<T>, body: Uint8Array): T {
  let value: unknown = {};
  if (body.length > 0) {
    try {
      value = JSON.parse(utf8.decode(body));
    } catch {
      throw kmsException('SerializationException');
    }
  }
  if (!isObject(value)) throw kmsException('SerializationException');
  return readStructure(value, shape) as T;
}

function write(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value !== 'object') return JSON.stringify(value);
  if (value instanceof Uint8Array) {
    return `"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')}"`;
  }
  if (value instanceof Date) return String(value.getTime() / 1000);
  if (Array.isArray(value)) return `[${value.map((member) => write(member) ?? 'null').join()}]`;
  let text = '';
  for (const [name, member] of Object.entries(value)) {
    const written = write(member);
    if (written !== undefined)
      text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${written}`;
  }
  return `{${text}}`;
}

/**
 * Writes a response body: octets as base64, times as seconds since the epoch, undefined and null members left
 * out. An operation without output (undefined) has an empty body.
 */
export function encodeOutput(output: object | undefined): string {
  return write(output) ?? '';
}
