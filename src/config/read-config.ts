/**
 * Reads the declarative file: YAML 1.2 or JSON (which is YAML), against the schema, then what a schema does not say:
 * names that lead nowhere, access keys and accounts that are there twice, policies that are none or too long. Every
 * problem has its place.
 */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { type Document, isMap, isPair, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { errorText } from '../values/unknown.ts';
import { checkReferences, type Report } from './check-references.ts';
import type { ConfigDocument } from './document.ts';
import { configSchema } from './schema.ts';

/** Bytes; YAML in a few lines can mean much more. */
const textLengthMax = 8 * 1024 * 1024;
const aliasCountMax = 100;

export interface ConfigProblem {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Never holds a value of the file, which may be a secret. */
  readonly message: string;
}

export type ConfigReading =
  | { readonly config: ConfigDocument; readonly problems: readonly [] }
  | { readonly config: undefined; readonly problems: readonly ConfigProblem[] };

type Path = readonly (string | number)[];

let validator: ValidateFunction | undefined;

/** Compiled at first use: a server without a file does without it. */
function validate(value: unknown): readonly ErrorObject[] {
  validator ??= new Ajv2020({
    allErrors: true,
    // For the schema's own words on what a value is.
    verbose: true,
    allowUnionTypes: true,
    strictTuples: false,
  }).compile(configSchema);
  return validator(value) ? [] : (validator.errors ?? []);
}

/** Reads a whole file's text. Never throws for what stands in it. */
export function readConfig(text: string): ConfigReading {
  if (text.length > textLengthMax)
    return refused([{ line: 1, column: 1, message: `longer than ${textLengthMax} characters` }]);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    uniqueKeys: true,
    prettyErrors: false,
  });
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const syntax = [...document.errors, ...document.warnings];
  if (syntax.length > 0)
    return refused(syntax.map(({ pos, message }) => ({ ...at(pos[0]), message })));
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: aliasCountMax });
  } catch (error) {
    return refused([{ line: 1, column: 1, message: errorText(error) }]);
  }
  const problems: ConfigProblem[] = [];
  const report: Report = (path, message, onName = false) =>
    void problems.push({
      ...at(offsetOf(document, path, onName)),
      message: `${name(path)}: ${message}`,
    });
  for (const { path, message, onName } of summarized(validate(value)))
    report(path, message, onName);
  // What follows relies on the form.
  if (problems.length === 0) checkReferences(value as ConfigDocument, report);
  if (problems.length === 0) return { config: value as ConfigDocument, problems: [] };
  return refused(problems);
}

function refused(problems: readonly ConfigProblem[]): ConfigReading {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  return { config: undefined, problems: sorted };
}

const name = (path: Path): string => (path.length === 0 ? 'the file' : path.join('.'));

interface Told {
  readonly path: Path;
  readonly message: string;
  readonly onName: boolean;
}

/** The schema's errors in our words. */
function summarized(errors: readonly ErrorObject[]): Told[] {
  return errors.flatMap((error): Told[] => {
    const { instancePath, keyword, params, propertyName, parentSchema } = error;
    const path = instancePath
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    const message = error.message ?? keyword;
    // The error of the name itself says why.
    if (keyword === 'propertyNames') return [];
    if (keyword === 'additionalProperties') {
      const extra = String((params as { readonly additionalProperty: unknown }).additionalProperty);
      return [{ path: [...path, extra], message: 'there is no such member', onName: true }];
    }
    if (propertyName !== undefined)
      return [{ path: [...path, propertyName], message: `the name ${message}`, onName: true }];
    const hint = (parentSchema as { readonly description?: string } | undefined)?.description;
    return [
      { path, message: hint === undefined ? message : `${message} (${hint})`, onName: false },
    ];
  });
}

/** Where a path's value, or its name, begins; the nearest thing above it that has a place if it has none. */
function offsetOf(document: Document.Parsed, path: Path, onName: boolean): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const [depth, part] of path.entries()) {
    const start = rangeStart(node);
    if (start !== undefined) offset = start;
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(part),
      );
      const key = rangeStart(pair?.key);
      if (key !== undefined) offset = key;
      if (onName && depth === path.length - 1) return offset;
      next = pair?.value;
    } else if (isSeq(node)) next = node.items[Number(part)];
    node = next;
  }
  return rangeStart(node) ?? offset;
}

function rangeStart(node: unknown): number | undefined {
  const { range } = (node ?? {}) as { readonly range?: readonly number[] | null };
  return range?.[0];
}
