/**
 * The constraints of the model, checked as AWS does: all members, in the model's order, every violation in one
 * ValidationException.
 */
import { kmsException } from './exceptions.ts';
import { lowerCamel } from './member-names.ts';
import type {
  Entries,
  InputShape,
  ListShape,
  Range,
  Shape,
  StringShape,
  StructureShape,
} from './shapes.ts';

/** Longer values are cut in messages, so that no reply or audit record grows with its request. */
const printedLengthMax = 4096;

/** Violations are all counted; those beyond this many characters are not printed, for the same reason. */
const messageLengthMax = 65_536;

/** Unicode characters; a surrogate pair is one. */
function characterCount(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xdc00) count--;
  }
  return count;
}

/**
 * What is wrong, for one message. A body of a megabyte can break a rule some 700,000 times: all are counted, and those are
 * made into text that fit, and at least the first.
 */
class Violations {
  readonly #texts: string[] = [];
  #length = 0;
  count = 0;

  add(text: () => string): void {
    this.count += 1;
    if (this.#length > messageLengthMax) return;
    const made = text();
    this.#length += made.length + 2;
    if (this.#length <= messageLengthMax || this.count === 1) this.#texts.push(made);
  }

  message(): string {
    const errors = `${this.count} validation error${this.count === 1 ? '' : 's'}`;
    return `${errors} detected: ${this.#texts.join('; ')}`;
  }
}

/** Takes one violated rule. */
type Report = (rule: string) => void;

function checkRange(value: number, range: Range | undefined, what: string, report: Report): void {
  if (range?.max !== undefined && value > range.max) {
    report(`Member must have ${what} less than or equal to ${range.max}`);
  }
  if (range?.min !== undefined && value < range.min) {
    report(`Member must have ${what} greater than or equal to ${range.min}`);
  }
}

/** AWS prints the set in no stable order; here it is the model's. */
function enumRule(values: readonly string[]): string {
  return `Member must satisfy enum value set: [${values.join(', ')}]`;
}

function patternRule(pattern: RegExp): string {
  return `Member must satisfy regular expression pattern: ${pattern.source}`;
}

/** All rules of a string shape, kept or not: what AWS prints for a member of a list. */
function rulesOf(shape: StringShape): string {
  const rules: string[] = [];
  if (shape.length?.max !== undefined) {
    rules.push(`Member must have length less than or equal to ${shape.length.max}`);
  }
  if (shape.length?.min !== undefined) {
    rules.push(`Member must have length greater than or equal to ${shape.length.min}`);
  }
  if (shape.pattern) rules.push(patternRule(shape.pattern));
  if (shape.values) rules.push(enumRule(shape.values));
  return rules.join(', ');
}

/** Reports the rules that a present value breaks. */
function checkRules(value: unknown, shape: Shape, report: Report): void {
  switch (shape.type) {
    case 'string': {
      const text = value as string;
      if (shape.length) checkRange(characterCount(text), shape.length, 'length', report);
      if (shape.pattern && !shape.pattern.test(text)) report(patternRule(shape.pattern));
      if (shape.values && !shape.values.includes(text)) report(enumRule(shape.values));
      return;
    }
    case 'blob':
    case 'list':
    case 'map':
      checkRange((value as { length: number }).length, shape.length, 'length', report);
      return;
    case 'integer':
      checkRange(value as number, shape.range, 'value', report);
      return;
    case 'boolean':
    case 'timestamp':
    case 'structure':
      return;
  }
}

function cut(text: string): string {
  return text.length <= printedLengthMax ? text : `${text.slice(0, printedLengthMax)}...`;
}

function printed(value: unknown, shape: Shape): string {
  if (shape.sensitive || shape.type === 'blob' || shape.type === 'structure') return 'Value';
  if (shape.type === 'list') {
    const { member } = shape;
    if (member.sensitive || member.type !== 'string') return 'Value';
    return `Value '${cut(`[${(value as readonly string[]).join(', ')}]`)}'`;
  }
  if (shape.type === 'map') {
    const pairs = (value as Entries).map(([key, member]) => `${key}=${member}`);
    return `Value '${cut(`{${pairs.join(', ')}}`)}'`;
  }
  return `Value '${cut(String(value))}'`;
}

/** A list of plain strings is told of as a whole, with all rules of its members. */
function checkStrings(
  members: readonly (string | null)[],
  list: ListShape,
  member: StringShape,
  path: string,
  violations: Violations,
): void {
  let isBroken = false;
  for (const [i, text] of members.entries()) {
    if (text === null) check(text, member, `${path}.${i + 1}.member`, violations);
    else {
      checkRules(text, member, () => {
        isBroken = true;
      });
    }
  }
  if (isBroken) {
    violations.add(
      () =>
        `${printed(members, list)} at '${path}' failed to satisfy constraint: Member must satisfy constraint: [${rulesOf(member)}]`,
    );
  }
}

function checkMembers(value: unknown, shape: Shape, path: string, violations: Violations): void {
  if (shape.type === 'structure') {
    checkStructure(value as Members, shape, `${path}.`, violations);
  } else if (shape.type === 'map') {
    for (const [key, member] of value as Entries) {
      check(member, shape.value, `${path}.${cut(key)}.member`, violations);
    }
  } else if (shape.type === 'list') {
    const { member: memberShape } = shape;
    if (memberShape.type === 'string') {
      checkStrings(value as (string | null)[], shape, memberShape, path, violations);
      return;
    }
    for (const [i, member] of (value as unknown[]).entries()) {
      check(member, memberShape, `${path}.${i + 1}.member`, violations);
    }
  }
}

/** A value that has to be there: null breaks the first rule of all. */
function check(value: unknown, shape: Shape, path: string, violations: Violations): void {
  if (value === null || value === undefined) {
    violations.add(
      () => `Value null at '${path}' failed to satisfy constraint: Member must not be null`,
    );
    return;
  }
  checkRules(value, shape, (rule) => {
    violations.add(
      () => `${printed(value, shape)} at '${path}' failed to satisfy constraint: ${rule}`,
    );
  });
  checkMembers(value, shape, path, violations);
}

type Members = Readonly<Record<string, unknown>>;

function checkStructure(
  value: Members,
  shape: StructureShape,
  prefix: string,
  violations: Violations,
): void {
  for (const name in shape.members) {
    const { shape: memberShape, required } = shape.members[name]!;
    if (required || value[name] !== undefined) {
      check(value[name], memberShape, prefix + lowerCamel(name), violations);
    }
  }
}

/**
 * Checks a parsed input against its shape.
 * @throws KmsException ValidationException, `N validation error(s) detected: ...; ...`
 */
export function validate<T>(shape: InputShape<T>, input: T): void {
  const violations = new Violations();
  checkStructure(input as Members, shape, '', violations);
  if (violations.count > 0) throw kmsException('ValidationException', violations.message());
}
