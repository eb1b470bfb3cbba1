/** Reads the transcribed expectations: what AWS documents, and was recorded, to say. Nothing of src is asked. */
import type { KeyState, OriginType } from '@aws-sdk/client-kms';
import built from './expectations/built.json' with { type: 'json' };
import idFormsFile from './expectations/id-forms.json' with { type: 'json' };
import keySpecsFile from './expectations/key-specs.json' with { type: 'json' };
import keyStatesFile from './expectations/key-states.json' with { type: 'json' };
import operationsFile from './expectations/operations.json' with { type: 'json' };

/** A refusal as a data file has it. Neither message nor pattern: the text is not known. */
interface Template {
  readonly code: string | readonly string[];
  readonly message?: string;
  readonly pattern?: string;
  readonly sure: boolean;
}

/** A refusal that is expected: one of these codes, and this text. */
export interface Refusal {
  readonly codes: readonly string[];
  readonly message?: string;
  readonly pattern?: RegExp;
}
/** Undefined: success. */
export type Outcome = Refusal | undefined;

type Values = Readonly<Record<string, string | number | undefined>>;

/** Fills `<name>` in; what has no value stays as it is. */
function fill(text: string, values: Values, form = (value: string): string => value): string {
  return text.replace(/<([a-z][a-z ]*)>/gi, (placeholder, name: string) => {
    const value = values[name];
    return value === undefined ? placeholder : form(String(value));
  });
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

function refusal({ code, message, pattern }: Template, values: Values): Refusal {
  return {
    codes: typeof code === 'string' ? [code] : code,
    ...(message !== undefined && { message: fill(message, values) }),
    ...(pattern !== undefined && { pattern: new RegExp(fill(pattern, values, escaped)) }),
  };
}

/** Whether what was answered is what was expected. @returns what is wrong */
export function difference(
  answer: { readonly code: string; readonly message: string } | undefined,
  expected: Outcome,
): string | undefined {
  const text = answer === undefined ? 'success' : `${answer.code}: ${answer.message}`;
  if (expected === undefined) return answer === undefined ? undefined : `${text}, not success`;
  const { codes, message, pattern } = expected;
  const isSame =
    answer !== undefined &&
    codes.includes(answer.code) &&
    (message === undefined || answer.message === message) &&
    (pattern === undefined || pattern.test(answer.message));
  return isSame ? undefined : `${text}, not ${codes.join(' or ')}: ${message ?? pattern ?? '...'}`;
}

// Key states

export const origins: readonly OriginType[] = [
  'AWS_KMS',
  'EXTERNAL',
  'AWS_CLOUDHSM',
  'EXTERNAL_KEY_STORE',
];
export const states: readonly KeyState[] = [
  ...(keyStatesFile.columns as KeyState[]),
  'PendingReplicaDeletion',
];
const stateCodes = keyStatesFile.codes as Readonly<Record<string, Template | null>>;

/** Every operation of the guide's table, with its cells. Null: not applicable. */
export const stateRows: ReadonlyMap<string, readonly (string | null)[]> = new Map(
  keyStatesFile.rows.flatMap(({ operations, cells }) =>
    operations.map((operation) => [operation, cells]),
  ),
);

export interface StateSubject {
  readonly arn: string;
  readonly keyState: KeyState;
  readonly origin: OriginType;
}

/** The code that a cell has for keys of an origin; undefined where it says nothing of them. */
function codeOf(cell: string | null, origin: OriginType): string | undefined {
  if (cell === null) return undefined;
  if (cell === 'E') return origin === 'EXTERNAL' ? cell : undefined;
  if (cell === 'X') return origin === 'EXTERNAL' ? undefined : cell;
  const [code, other] = cell.split('/');
  const isInKeyStore = origin === 'AWS_CLOUDHSM' || origin === 'EXTERNAL_KEY_STORE';
  if ((other === 'S' && isInKeyStore) || (other === 'X' && origin !== 'EXTERNAL')) return other;
  return code;
}

/** What an operation says of a key in a state. `silent`: the guide does not say. */
export function stateOutcome(operation: string, key: StateSubject): Outcome | 'silent' {
  const { arn, keyState, origin } = key;
  const column = keyState === 'PendingReplicaDeletion' ? 'PendingDeletion' : keyState;
  const cell = stateRows.get(operation)?.[keyStatesFile.columns.indexOf(column)];
  if (cell === undefined) throw new Error(`no row for ${operation}, or no column for ${keyState}`);
  let code = codeOf(cell, origin);
  if (code === undefined) return 'silent';
  if (code === 'P' && keyState === 'PendingReplicaDeletion') code = 'PR';
  const template = stateCodes[code];
  if (template === undefined) throw new Error(`no meaning of ${code}`);
  return template === null ? undefined : refusal(template, { arn, origin });
}

// Key specs

export interface SpecFacts {
  readonly algorithms: Readonly<Record<string, readonly string[]>>;
  readonly defaultUsage?: string;
  readonly plaintextLengthMax?: Readonly<Record<string, number>>;
  readonly publicKeyLength?: number;
  readonly signatureLengthMax?: number;
  readonly macLength?: number;
  readonly chinaOnly?: true;
}

export const specs = keySpecsFile.specs as unknown as Readonly<Record<string, SpecFacts>>;
export const { usages, dataKeyPairSpecs, messageLengthMax } = keySpecsFile;

export function specFacts(spec: string): SpecFacts {
  const facts = specs[spec];
  if (facts === undefined) throw new Error(`no facts of ${spec}`);
  return facts;
}

export const specIsBuilt = (spec: string): boolean => !built.specsNotBuilt.includes(spec);
export const usageIsBuilt = (usage: string): boolean => !built.usagesNotBuilt.includes(usage);

/** What can be made: a spec with one of its usages. */
export interface Kind {
  readonly spec: string;
  readonly usage: string;
}
export const kinds: readonly Kind[] = Object.entries(specs).flatMap(([spec, { algorithms }]) =>
  Object.keys(algorithms)
    .filter((usage) => specIsBuilt(spec) && usageIsBuilt(usage))
    .map((usage) => ({ spec, usage })),
);

/** Every algorithm that keys of a usage can have, whatever the spec. */
export const algorithmsFor = (usage: string): readonly string[] => [
  ...new Set(Object.values(specs).flatMap(({ algorithms }) => algorithms[usage] ?? [])),
];

/** An alias moves between keys of one type. */
export function keyType({ spec }: Kind): 'symmetric' | 'asymmetric' | 'HMAC' {
  if (spec === 'SYMMETRIC_DEFAULT') return 'symmetric';
  return spec.startsWith('HMAC_') ? 'HMAC' : 'asymmetric';
}

export const specRefusal = (why: keyof typeof keySpecsFile.refusals, values: Values): Refusal =>
  refusal(keySpecsFile.refusals[why], values);
export const notBuilt: Refusal = { codes: ['UnsupportedOperationException'] };

// Id forms

export type Accepts = 'key or alias' | 'key' | 'alias name';
export type IdForm = keyof typeof idFormsFile.forms;
export const idForms = Object.keys(idFormsFile.forms) as IdForm[];
export const idLengthMax = (accepts: Accepts): number => idFormsFile.lengthMax[accepts];

export function idOutcome(form: IdForm, accepts: Accepts, values: Values): Outcome {
  const name = idFormsFile.forms[form][accepts];
  const template = (idFormsFile.outcomes as Readonly<Record<string, Template | null>>)[name];
  if (template === undefined) throw new Error(`no outcome ${name}`);
  return template === null ? undefined : refusal(template, values);
}

// Operations

/** A member that names a key, of one operation. */
export interface Slot {
  readonly operation: string;
  readonly member: string;
  readonly accepts: Accepts;
  readonly optional?: true;
  readonly usage?: string;
  readonly keys?: 'symmetric' | 'asymmetric';
  readonly anyState?: true;
  readonly action?: string;
  readonly answer?: readonly [path: string, form: 'ARN' | 'id'];
  readonly dryRun?: true;
}
export const slots = operationsFile.slots as unknown as readonly Slot[];
export const { withoutKey } = operationsFile;
export const slotName = ({ operation, member }: Slot): string => `${operation}.${member}`;

export const operationRefusal = (
  why: keyof typeof operationsFile.refusals,
  values: Values,
): Refusal => refusal(operationsFile.refusals[why], values);
