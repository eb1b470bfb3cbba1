/**
 * Attributes and templates (PKCS#11 v3.2 section 4): names, value types, and how a value becomes bytes.
 */
import { CKA, CKK, CKM, CKO } from './constants.ts';

export type AttributeName = keyof typeof CKA;

/** How each attribute's value is written. */
const kinds = {
  CKA_CLASS: 'class',
  CKA_TOKEN: 'bool',
  CKA_PRIVATE: 'bool',
  CKA_LABEL: 'text',
  CKA_UNIQUE_ID: 'text',
  CKA_APPLICATION: 'text',
  CKA_VALUE: 'bytes',
  CKA_OBJECT_ID: 'bytes',
  CKA_CERTIFICATE_TYPE: 'number',
  CKA_ISSUER: 'bytes',
  CKA_SERIAL_NUMBER: 'bytes',
  CKA_TRUSTED: 'bool',
  CKA_CERTIFICATE_CATEGORY: 'number',
  CKA_JAVA_MIDP_SECURITY_DOMAIN: 'number',
  CKA_URL: 'text',
  CKA_HASH_OF_SUBJECT_PUBLIC_KEY: 'bytes',
  CKA_HASH_OF_ISSUER_PUBLIC_KEY: 'bytes',
  CKA_NAME_HASH_ALGORITHM: 'mechanism',
  CKA_CHECK_VALUE: 'bytes',
  CKA_KEY_TYPE: 'keyType',
  CKA_SUBJECT: 'bytes',
  CKA_ID: 'bytes',
  CKA_SENSITIVE: 'bool',
  CKA_ENCRYPT: 'bool',
  CKA_DECRYPT: 'bool',
  CKA_WRAP: 'bool',
  CKA_UNWRAP: 'bool',
  CKA_SIGN: 'bool',
  CKA_SIGN_RECOVER: 'bool',
  CKA_VERIFY: 'bool',
  CKA_VERIFY_RECOVER: 'bool',
  CKA_DERIVE: 'bool',
  CKA_START_DATE: 'date',
  CKA_END_DATE: 'date',
  CKA_MODULUS: 'bytes',
  CKA_MODULUS_BITS: 'number',
  CKA_PUBLIC_EXPONENT: 'bytes',
  CKA_PRIVATE_EXPONENT: 'bytes',
  CKA_PRIME_1: 'bytes',
  CKA_PRIME_2: 'bytes',
  CKA_EXPONENT_1: 'bytes',
  CKA_EXPONENT_2: 'bytes',
  CKA_COEFFICIENT: 'bytes',
  CKA_PUBLIC_KEY_INFO: 'bytes',
  CKA_VALUE_LEN: 'number',
  CKA_EXTRACTABLE: 'bool',
  CKA_LOCAL: 'bool',
  CKA_NEVER_EXTRACTABLE: 'bool',
  CKA_ALWAYS_SENSITIVE: 'bool',
  CKA_KEY_GEN_MECHANISM: 'mechanism',
  CKA_MODIFIABLE: 'bool',
  CKA_COPYABLE: 'bool',
  CKA_DESTROYABLE: 'bool',
  CKA_EC_PARAMS: 'bytes',
  CKA_EC_POINT: 'bytes',
  CKA_ALWAYS_AUTHENTICATE: 'bool',
  CKA_WRAP_WITH_TRUSTED: 'bool',
  CKA_MECHANISM_TYPE: 'mechanism',
  CKA_PROFILE_ID: 'number',
  CKA_WRAP_TEMPLATE: 'template',
  CKA_UNWRAP_TEMPLATE: 'template',
  CKA_DERIVE_TEMPLATE: 'template',
  CKA_ALLOWED_MECHANISMS: 'mechanisms',
} as const;

/** Does not compile when an attribute of the table is missing above. */
type Kind = (typeof kinds)[AttributeName];
export type ObjectClass = keyof typeof CKO;
export type KeyType = keyof typeof CKK;
export type MechanismName = keyof typeof CKM;

/** Value types. A number stands for one that the tables do not name (a vendor's, or CK_UNAVAILABLE_INFORMATION as -1). */
interface Values {
  bool: boolean;
  number: number;
  text: string;
  bytes: Uint8Array;
  /** YYYYMMDD, or empty. */
  date: string;
  class: ObjectClass | number;
  keyType: KeyType | number;
  mechanism: MechanismName | number;
  mechanisms: readonly (MechanismName | number)[];
  template: Template;
}

/** A list of attributes. Order is that of the properties. */
export type Template = { readonly [N in AttributeName]?: Values[(typeof kinds)[N]] };

/** What reading the named attributes gives: one that the object lacks, or does not reveal, is undefined. */
export type AttributeValues<N extends AttributeName = AttributeName> = {
  readonly [K in N]: Values[(typeof kinds)[K]] | undefined;
};

const nameOf = <T extends string>(table: Readonly<Record<T, number>>): ReadonlyMap<number, T> =>
  new Map((Object.entries(table) as [T, number][]).map(([name, value]) => [value, name]));

const attributeNames = nameOf(CKA);
const namesByKind = { class: nameOf(CKO), keyType: nameOf(CKK), mechanism: nameOf(CKM) } as const;
const numbersByKind: Readonly<
  Record<'class' | 'keyType' | 'mechanism', Readonly<Record<string, number>>>
> = {
  class: CKO,
  keyType: CKK,
  mechanism: CKM,
};

/** The attribute's number; TypeError for a name that is none. */
export function attributeNumber(name: AttributeName): number {
  if (!Object.hasOwn(CKA, name)) throw new TypeError(`${String(name)} is not an attribute`);
  return CKA[name];
}

/** A mechanism's number from its name or number. */
export function mechanismNumber(mechanism: MechanismName | number): number {
  return named('mechanism', mechanism);
}

/** A mechanism's name, or its number when the table does not hold it. */
export function mechanismName(number: number): MechanismName | number {
  return namesByKind.mechanism.get(number) ?? number;
}

function named(kind: 'class' | 'keyType' | 'mechanism', value: unknown): number {
  const number = typeof value === 'number' ? value : numbersByKind[kind][String(value)];
  if (number === undefined || !Number.isSafeInteger(number))
    throw new TypeError(`${String(value)} is no ${kind}`);
  return number;
}

function ulong(number: number): Uint8Array {
  if (!Number.isSafeInteger(number) || number < -1)
    throw new RangeError(`${number} is no CK_ULONG`);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, BigInt(number)), true);
  return bytes;
}

function number(bytes: Uint8Array, offset = 0): number {
  const value = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(
    offset,
    true,
  );
  return value === 0xffff_ffff_ffff_ffffn ? -1 : Number(value);
}

/** Bytes of an attribute list, as it stands in a frame: count, then type, length and value padded to 4 of each. */
function encodeAttributes(
  list: readonly (readonly [type: number, value: Uint8Array])[],
): Uint8Array {
  const length = list.reduce((sum, [, value]) => sum + 8 + ((value.length + 3) & ~3), 4);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, list.length, true);
  let offset = 4;
  for (const [type, value] of list) {
    view.setUint32(offset, type, true);
    view.setUint32(offset + 4, value.length, true);
    bytes.set(value, offset + 8);
    offset += 8 + ((value.length + 3) & ~3);
  }
  return bytes;
}

function encodeValue(name: AttributeName, value: unknown): Uint8Array {
  const kind: Kind = kinds[name];
  const wrong = (): never => {
    throw new TypeError(`${name} takes another type of value (${kind})`);
  };
  switch (kind) {
    case 'bool':
      return typeof value === 'boolean' ? Uint8Array.of(value ? 1 : 0) : wrong();
    case 'number':
      return typeof value === 'number' ? ulong(value) : wrong();
    case 'text':
      return typeof value === 'string' ? Buffer.from(value, 'utf8') : wrong();
    case 'date':
      return typeof value === 'string' && /^(\d{8})?$/.test(value)
        ? Buffer.from(value, 'latin1')
        : wrong();
    case 'bytes':
      return value instanceof Uint8Array ? value : wrong();
    case 'class':
    case 'keyType':
    case 'mechanism':
      return ulong(named(kind, value));
    case 'mechanisms':
      return Array.isArray(value)
        ? Buffer.concat(value.map((item) => ulong(named('mechanism', item))))
        : wrong();
    case 'template':
      return typeof value === 'object' && value !== null
        ? encodeTemplate(value as Template)
        : wrong();
  }
}

/** Bytes of a template. TypeError or RangeError names the attribute that does not fit; values never enter messages. */
export function encodeTemplate(template: Template): Uint8Array {
  const list: [number, Uint8Array][] = [];
  for (const name of Object.keys(template) as AttributeName[]) {
    const value = template[name];
    if (value === undefined) continue;
    list.push([attributeNumber(name), encodeValue(name, value)]);
  }
  return encodeAttributes(list);
}

/** Turns a list as decodeAttributes gives it into named values; attributes the table does not hold are left out. */
export function decodeTemplate(
  list: readonly (readonly [type: number, value: Uint8Array | undefined])[],
): Template {
  const template: Partial<Record<AttributeName, unknown>> = {};
  for (const [type, bytes] of list) {
    const name = attributeNames.get(type);
    if (name !== undefined && bytes !== undefined) template[name] = decodeValue(kinds[name], bytes);
  }
  return template as Template;
}

function decodeValue(kind: Kind, bytes: Uint8Array): Values[Kind] {
  switch (kind) {
    case 'bool':
      return bytes[0] === 1;
    case 'number':
      return number(bytes);
    case 'text':
    case 'date':
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
    case 'bytes':
      return bytes;
    case 'class':
    case 'keyType':
    case 'mechanism': {
      const value = number(bytes);
      return namesByKind[kind].get(value) ?? value;
    }
    case 'mechanisms':
      return Array.from({ length: bytes.length / 8 }, (_, index) =>
        mechanismName(number(bytes, index * 8)),
      );
    case 'template':
      return decodeTemplate(decodeAttributes(bytes, 0).list);
  }
}

/**
 * Reads an attribute list that starts at `offset`. Values are copies. Lengths come from the wire: RangeError when one
 * points outside.
 */
export function decodeAttributes(
  bytes: Uint8Array,
  offset: number,
): { list: [type: number, value: Uint8Array | undefined][]; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(offset, true);
  const list: [number, Uint8Array | undefined][] = [];
  let at = offset + 4;
  for (let index = 0; index < count; index++) {
    const type = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    at += 8;
    if (length === 0xffff_ffff) {
      list.push([type, undefined]);
      continue;
    }
    const end = at + ((length + 3) & ~3);
    if (length > 0x7fff_ffff || end > bytes.length)
      throw new RangeError('an attribute ends outside its frame');
    // A copy of its own, never from the pool: it may be a key's value.
    list.push([type, new Uint8Array(bytes.subarray(at, at + length))]);
    at = end;
  }
  return { list, end: at };
}
