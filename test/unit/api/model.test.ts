/**
 * Compares our data with the published model of AWS KMS (Smithy JSON AST), which is not part of the project:
 * the environment variable STRONGROOM_SHARED names the folder that has it as aws/kms.smithy.json.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exceptionNames } from '../../../src/api/exceptions.ts';
import { keySpecs } from '../../../src/api/key-specs.ts';
import { inputs } from '../../../src/api/operations.ts';
import type { Shape } from '../../../src/api/shapes.ts';

interface Target {
  readonly target: string;
  readonly traits?: Readonly<Record<string, unknown>>;
}
interface ModelShape {
  readonly type: string;
  readonly members?: Readonly<Record<string, Target>>;
  readonly member?: Target;
  readonly key?: Target;
  readonly value?: Target;
  readonly input?: Target;
  readonly traits?: Readonly<Record<string, unknown>>;
}

const folder = process.env.STRONGROOM_SHARED;
const file = folder === undefined ? undefined : join(folder, 'aws', 'kms.smithy.json');
// Named but absent is a failure: the file is read below.
const isThere = file !== undefined;
const why = 'no --shared DIR with aws/kms.smithy.json';
if (!isThere) process.stdout.write(`the published model is not compared: ${why}\n`);
const prefix = 'com.amazonaws.kms#';

/** A shape of the model in the form of ours. */
function convert(model: Readonly<Record<string, ModelShape>>, name: string): unknown {
  const shape = model[name];
  if (shape === undefined) {
    if (name === `${prefix}none` || name === 'smithy.api#Unit') return undefined;
    throw new Error(`no shape ${name}`);
  }
  const trait = (id: string): unknown => shape.traits?.[`smithy.api#${id}`];
  const sensitive = trait('sensitive') === undefined ? {} : { sensitive: true };
  const length = trait('length') === undefined ? {} : { length: trait('length') };
  const range = trait('range') === undefined ? {} : { range: trait('range') };
  switch (shape.type) {
    case 'enum':
      return {
        type: 'string',
        ...sensitive,
        values: Object.values(shape.members ?? {}).map(
          (member) => member.traits?.['smithy.api#enumValue'],
        ),
      };
    case 'string':
    case 'blob':
    case 'boolean':
    case 'integer':
    case 'timestamp': {
      const pattern = trait('pattern') === undefined ? {} : { pattern: trait('pattern') };
      return { type: shape.type, ...sensitive, ...length, ...range, ...pattern };
    }
    case 'list':
      return {
        type: 'list',
        ...sensitive,
        ...length,
        member: convert(model, shape.member!.target),
      };
    case 'map':
      expect(convert(model, shape.key!.target)).toEqual({ type: 'string' });
      return { type: 'map', ...sensitive, ...length, value: convert(model, shape.value!.target) };
    case 'structure':
      return {
        type: 'structure',
        ...sensitive,
        members: Object.entries(shape.members ?? {}).map(([member, { target, traits }]) => [
          member,
          {
            shape: convert(model, target),
            ...(traits?.['smithy.api#required'] === undefined ? {} : { required: true }),
          },
        ]),
      };
    default:
      throw new Error(`no rule for ${shape.type}`);
  }
}

/** Ours with patterns as text and members as a list, so that their order counts. */
function plain(shape: Shape): unknown {
  if (shape.type === 'string' && shape.pattern) return { ...shape, pattern: shape.pattern.source };
  if (shape.type === 'list') return { ...shape, member: plain(shape.member) };
  if (shape.type === 'map') return { ...shape, value: plain(shape.value) };
  if (shape.type === 'structure') {
    return {
      ...shape,
      members: Object.entries(shape.members).map(([name, member]) => [
        name,
        { ...member, shape: plain(member.shape) },
      ]),
    };
  }
  return shape;
}

describe.skipIf(!isThere)(`against the model${isThere ? '' : ` (skipped: ${why})`}`, () => {
  const model = isThere
    ? (JSON.parse(readFileSync(file, 'utf8')) as { shapes: Record<string, ModelShape> }).shapes
    : {};

  test.each(Object.entries(inputs))('input of %s', (operation, shape) => {
    const input = model[prefix + operation]?.input?.target ?? '';
    expect(plain(shape)).toEqual(convert(model, input));
  });

  test('every exception of the model is in the table', () => {
    const errors = Object.entries(model)
      .filter(([, shape]) => shape.traits?.['smithy.api#error'] !== undefined)
      .map(([name]) => name.slice(prefix.length));
    expect(errors.length).toBe(48);
    expect(errors.filter((name) => !(exceptionNames as readonly string[]).includes(name))).toEqual(
      [],
    );
  });

  test('every key spec, and every algorithm of one, is in the table', () => {
    const values = (name: string): Set<unknown> =>
      new Set((convert(model, prefix + name) as { values: string[] }).values);
    const algorithms = (
      usage:
        | 'ENCRYPT_DECRYPT'
        | 'SIGN_VERIFY'
        | 'GENERATE_VERIFY_MAC'
        | 'KEY_AGREEMENT'
        | 'ENCAPSULATE_DECAPSULATE',
    ): Set<unknown> =>
      new Set(Object.values(keySpecs).flatMap((row) => row.algorithms[usage] ?? []));
    expect(new Set(Object.keys(keySpecs))).toEqual(values('KeySpec'));
    expect(algorithms('ENCRYPT_DECRYPT')).toEqual(values('EncryptionAlgorithmSpec'));
    expect(algorithms('SIGN_VERIFY')).toEqual(values('SigningAlgorithmSpec'));
    expect(algorithms('GENERATE_VERIFY_MAC')).toEqual(values('MacAlgorithmSpec'));
    expect(algorithms('KEY_AGREEMENT')).toEqual(values('KeyAgreementAlgorithmSpec'));
    expect(algorithms('ENCAPSULATE_DECAPSULATE')).toEqual(values('EncapsulationAlgorithmSpec'));
  });
});
