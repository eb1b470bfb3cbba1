/**
 * Objects of a token as the `hsm` commands name, find and show them.
 */
import type { AttributeValues, ObjectHandle, Session, Template } from '../../hsm/index.ts';
import { oneOf } from '../arguments.ts';
import { CommandError, UsageError } from '../exit.ts';
import { table } from '../output.ts';
import { curveName } from './key-kinds.ts';

/** Objects shown at once; the device names no more in one search. */
export const OBJECTS_MAX = 4096;

export const CLASSES = {
  certificate: 'CKO_CERTIFICATE',
  data: 'CKO_DATA',
  private: 'CKO_PRIVATE_KEY',
  public: 'CKO_PUBLIC_KEY',
  secret: 'CKO_SECRET_KEY',
} as const;
type ClassName = keyof typeof CLASSES;
const CLASS_NAMES = Object.keys(CLASSES) as ClassName[];

export const FILTER_FLAGS = {
  class: { type: 'string' },
  label: { type: 'string' },
  id: { type: 'string' },
} as const;

export const FILTER_HELP: string = `\
  --class CLASS       ${CLASS_NAMES.join(' ')}
  --label TEXT        its CKA_LABEL, whole
  --id HEX            its CKA_ID, two hexadecimal digits a byte
`;

export type FilterValues = { readonly [F in keyof typeof FILTER_FLAGS]?: string | undefined };

/** CKA_ID from the command line. @throws UsageError */
export function idBytes(hex: string): Uint8Array {
  if (!/^([0-9a-fA-F]{2}){1,128}$/.test(hex))
    throw new UsageError(`--id takes two hexadecimal digits for each byte, not '${hex}'`);
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

/** Token objects with these attributes. @throws UsageError */
export function objectFilter({ class: name, label, id }: FilterValues): Template {
  return {
    CKA_TOKEN: true,
    ...(name !== undefined && { CKA_CLASS: CLASSES[oneOf('--class', CLASS_NAMES, name)] }),
    ...(label !== undefined && { CKA_LABEL: label }),
    ...(id !== undefined && { CKA_ID: idBytes(id) }),
  };
}

/** What there is to say of an object. */
const SHOWN = [
  'CKA_CLASS',
  'CKA_KEY_TYPE',
  'CKA_LABEL',
  'CKA_ID',
  'CKA_UNIQUE_ID',
  'CKA_PRIVATE',
  'CKA_MODULUS_BITS',
  'CKA_MODULUS',
  'CKA_VALUE_LEN',
  'CKA_EC_PARAMS',
  'CKA_SUBJECT',
  'CKA_ENCRYPT',
  'CKA_DECRYPT',
  'CKA_SIGN',
  'CKA_VERIFY',
  'CKA_WRAP',
  'CKA_UNWRAP',
  'CKA_DERIVE',
  'CKA_SENSITIVE',
  'CKA_EXTRACTABLE',
  'CKA_TRUSTED',
  'CKA_WRAP_WITH_TRUSTED',
  'CKA_ALWAYS_AUTHENTICATE',
] as const;
export type ShownAttributes = Partial<AttributeValues<(typeof SHOWN)[number]>>;

export interface FoundObject {
  readonly handle: ObjectHandle;
  readonly attributes: ShownAttributes;
}

/** @throws UsageError */
export async function findObjects(session: Session, filter: Template): Promise<FoundObject[]> {
  const handles = await session.findObjects(filter, OBJECTS_MAX);
  const found: FoundObject[] = [];
  for (const handle of handles)
    found.push({ handle, attributes: await session.getAttributes(handle, SHOWN) });
  return found;
}

/** Uses as `--use` names them, with their attribute. */
export const USES = {
  encrypt: 'CKA_ENCRYPT',
  decrypt: 'CKA_DECRYPT',
  sign: 'CKA_SIGN',
  verify: 'CKA_VERIFY',
  wrap: 'CKA_WRAP',
  unwrap: 'CKA_UNWRAP',
  derive: 'CKA_DERIVE',
} as const;
export type Use = keyof typeof USES;
export const USE_NAMES: readonly Use[] = Object.keys(USES) as Use[];

/** What an object does not let happen to it, or says of itself. */
const MARKS = {
  private: 'CKA_PRIVATE',
  sensitive: 'CKA_SENSITIVE',
  extractable: 'CKA_EXTRACTABLE',
  trusted: 'CKA_TRUSTED',
  'wrap-with-trusted': 'CKA_WRAP_WITH_TRUSTED',
  'always-authenticate': 'CKA_ALWAYS_AUTHENTICATE',
} as const;

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');
const number = (value: string | number | undefined, prefix: string): string =>
  typeof value === 'number' ? `0x${value.toString(16)}` : (value ?? '').replace(prefix, '');

/** One object for programs. */
export function objectView({ attributes: has }: Pick<FoundObject, 'attributes'>): {
  readonly uniqueId: string;
  readonly class: string;
  readonly type?: string;
  readonly size?: string;
  readonly id: string;
  readonly label: string;
  readonly uses: readonly string[];
  readonly marks: readonly string[];
} {
  const size = sizeOf(has);
  return {
    uniqueId: has.CKA_UNIQUE_ID ?? '',
    class:
      CLASS_NAMES.find((name) => CLASSES[name] === has.CKA_CLASS) ?? number(has.CKA_CLASS, 'CKO_'),
    ...(has.CKA_KEY_TYPE !== undefined && { type: number(has.CKA_KEY_TYPE, 'CKK_') }),
    ...(size !== '' && { size }),
    id: hex(has.CKA_ID),
    label: has.CKA_LABEL ?? '',
    uses: USE_NAMES.filter((name) => has[USES[name]] === true),
    marks: (Object.keys(MARKS) as (keyof typeof MARKS)[]).filter((name) => has[MARKS[name]]),
  };
}

function sizeOf(has: ShownAttributes): string {
  if (has.CKA_MODULUS !== undefined && has.CKA_MODULUS.length > 0)
    return String(has.CKA_MODULUS_BITS ?? has.CKA_MODULUS.length * 8);
  if (has.CKA_EC_PARAMS !== undefined && has.CKA_EC_PARAMS.length > 0)
    return curveName(has.CKA_EC_PARAMS);
  return has.CKA_VALUE_LEN === undefined ? '' : String(has.CKA_VALUE_LEN * 8);
}

/** For people: one line an object. */
export function objectTable(objects: readonly Pick<FoundObject, 'attributes'>[]): string {
  const rows = objects.map((each) => {
    const {
      uniqueId,
      class: name,
      type = '',
      size = '',
      id,
      label,
      uses,
      marks,
    } = objectView(each);
    return [uniqueId, name, type, size, id, uses.join(' '), marks.join(' '), label];
  });
  return table(['UNIQUE ID', 'CLASS', 'TYPE', 'SIZE', 'ID', 'USES', 'MARKS', 'LABEL'], rows);
}

/**
 * The one object that is meant.
 * @param unique a CKA_UNIQUE_ID, in place of a filter
 * @throws CommandError for none or several
 */
export async function oneObject(
  session: Session,
  unique: string | undefined,
  filter: FilterValues,
): Promise<FoundObject> {
  const wanted =
    unique === undefined ? objectFilter(filter) : { CKA_TOKEN: true, CKA_UNIQUE_ID: unique };
  const found = await findObjects(session, wanted);
  const [first] = found;
  if (first === undefined) throw new CommandError('the token has no such object');
  if (found.length > 1)
    throw new CommandError(
      `${found.length} objects are meant; strongroom hsm objects tells them apart`,
    );
  return first;
}
