/** The matrix: every member that names a key x the keys x what the member holds, each with its expected outcome. */

import { base64 } from '../support/kms-harness.ts';
import {
  algorithmsFor,
  difference,
  type IdForm,
  idForms,
  idLengthMax,
  idOutcome,
  keyType,
  messageLengthMax,
  type Outcome,
  operationRefusal,
  type Slot,
  slotName,
  specFacts,
  specRefusal,
  stateOutcome,
} from './expectations.ts';
import {
  algorithmOf,
  idOf,
  isOthersBlob,
  membersBeside,
  takesAlgorithm,
  takesCiphertext,
} from './requests.ts';
import type { TestKey, World } from './world.ts';

export interface Case {
  readonly name: string;
  readonly operation: string;
  readonly input: object;
  readonly expected: Outcome;
  readonly key: TestKey;
  /** Where a success names the key, and how. */
  readonly answer?: readonly [path: string, value: string];
}

interface Request {
  readonly slot: Slot;
  readonly key: TestKey;
  readonly form: IdForm;
  readonly algorithm: string | undefined;
  readonly dryRun?: true;
}

/** What the transcribed tables say of a request, in the order in which things are looked at. */
function outcomeOf(request: Request, world: World): Outcome {
  const { slot, key, form, algorithm, dryRun } = request;
  const { operation, accepts, member } = slot;
  const { arn, spec, usage, state: keyState } = key;
  if (!(form === 'absent' && slot.optional)) {
    const { value, nameArn, region } = idOf(form, key, world, slot);
    const refusal = idOutcome(form, accepts, {
      value,
      region,
      'name arn': nameArn,
      path: `${member.charAt(0).toLowerCase()}${member.slice(1)}`,
      action: slot.action ?? `kms:${operation}`,
      max: idLengthMax(accepts),
    });
    if (refusal !== undefined) return refusal;
  }
  if (takesCiphertext(slot) && isOthersBlob(key, algorithm))
    return operationRefusal('ciphertext of another key', {});
  if (!slot.anyState) {
    const refusal = stateOutcome(operation, { arn, keyState, origin: 'AWS_KMS' });
    if (refusal === 'silent') throw new Error(`the guide does not say: ${operation}, ${keyState}`);
    if (refusal !== undefined) return refusal;
  }
  if (slot.usage !== undefined && slot.usage !== usage)
    return operationRefusal('usage', { arn, usage, operation });
  if (slot.keys !== undefined && slot.keys !== keyType(key))
    return operationRefusal(`${slot.keys} keys only`, {});
  if (takesAlgorithm(slot) && !specFacts(spec).algorithms[usage]?.includes(algorithm ?? ''))
    return specRefusal('algorithm not of the spec', { algorithm, spec });
  return dryRun ? operationRefusal('dry run', {}) : undefined;
}

function caseOf(request: Request, world: World): Case {
  const { slot, key, form, algorithm, dryRun } = request;
  const { operation, member, answer } = slot;
  const by = takesAlgorithm(slot) ? `, ${algorithm}` : '';
  const name = `${slotName(slot)}, ${key.spec} ${key.usage} ${key.state}, ${form}${by}`;
  return {
    name: dryRun ? `${name}, dry run` : name,
    operation,
    key,
    expected: outcomeOf(request, world),
    input: {
      ...membersBeside(slot, key, world, algorithm),
      [member]: idOf(form, key, world, slot).value,
      ...(dryRun && { DryRun: true }),
    },
    ...(answer && { answer: [answer[0], answer[1] === 'id' ? key.keyId : key.arn] as const }),
  };
}

/** Without the member, and without a ciphertext that names the key, there is nothing to expect of this key. */
const isSaid = (slot: Slot, key: TestKey, form: IdForm): boolean =>
  !(form === 'absent' && takesCiphertext(slot) && key.spec !== 'SYMMETRIC_DEFAULT');

export const idCases = (
  slot: Slot,
  key: TestKey,
  world: World,
  forms: readonly IdForm[] = idForms,
): Case[] =>
  forms
    .filter((form) => isSaid(slot, key, form))
    .map((form) => caseOf({ slot, key, form, algorithm: algorithmOf(slot, key) }, world));

/** Every algorithm there is for the slot's usage, its own or not. */
export const algorithmCases = (slot: Slot, key: TestKey, world: World): Case[] =>
  !takesAlgorithm(slot)
    ? []
    : algorithmsFor(slot.usage ?? '').map((algorithm) =>
        caseOf({ slot, key, form: 'key ARN', algorithm }, world),
      );

export const dryRunCases = (slot: Slot, key: TestKey, world: World): Case[] =>
  slot.dryRun
    ? [
        caseOf(
          { slot, key, form: 'key ARN', algorithm: algorithmOf(slot, key), dryRun: true },
          world,
        ),
      ]
    : [];

/** The longest that can be encrypted, signed or authenticated, and one byte more. */
export function lengthCases(key: TestKey): Case[] {
  const { spec, usage, arn } = key;
  const [operation, member, algorithmMember] = (
    {
      ENCRYPT_DECRYPT: ['Encrypt', 'Plaintext', 'EncryptionAlgorithm'],
      SIGN_VERIFY: ['Sign', 'Message', 'SigningAlgorithm'],
      GENERATE_VERIFY_MAC: ['GenerateMac', 'Message', 'MacAlgorithm'],
    } as Readonly<Record<string, readonly [string, string, string]>>
  )[usage] ?? ['', '', ''];
  const { algorithms, plaintextLengthMax } = specFacts(spec);
  return (algorithms[usage] ?? []).flatMap((algorithm) => {
    const max = plaintextLengthMax?.[algorithm] ?? messageLengthMax;
    const beyond =
      member === 'Message'
        ? "message beyond the API's limit"
        : max === messageLengthMax
          ? "plaintext beyond the API's limit"
          : 'plaintext too long';
    return [max, max + 1].map((length) => ({
      name: `${operation}, ${spec} ${usage}, ${algorithm}, ${length} bytes`,
      operation,
      key,
      input: { KeyId: arn, [member]: base64(Buffer.alloc(length)), [algorithmMember]: algorithm },
      expected: length > max ? specRefusal(beyond, { algorithm, spec, max }) : undefined,
      answer: ['KeyId', arn] as const,
    }));
  });
}

/** An alias from one key to another: of the same type and usage, or not at all. */
export function aliasMoveCase(from: TestKey, to: TestKey): Case {
  const { aliasName } = from;
  const values = { 'alias name': aliasName, usage: from.usage, 'new usage': to.usage };
  let expected: Outcome;
  if (from.usage !== to.usage) expected = operationRefusal('alias to another usage', values);
  else if (keyType(from) !== keyType(to)) expected = operationRefusal('alias to another type', {});
  return {
    name: `UpdateAlias, from ${from.spec} ${from.usage} to ${to.spec} ${to.usage}`,
    operation: 'UpdateAlias',
    key: from,
    input: { AliasName: aliasName, TargetKeyId: to.keyId },
    expected,
  };
}

const at = (body: unknown, path: string): unknown =>
  path.split('.').reduce((value, name) => (value as Record<string, unknown>)?.[name], body);

/**
 * Runs a case through the whole pipeline. The key may have to be settled afterwards.
 * @returns what is wrong
 */
export async function run(
  { name, operation, input, expected, answer }: Case,
  world: World,
): Promise<string | undefined> {
  const before = world.mark();
  const { response, body } = await world.kms.call(operation, input);
  const isSuccess = response.status === 200;
  const said = isSuccess ? undefined : { code: body.__type, message: body.message ?? '' };
  let wrong = difference(said, expected);
  if (!isSuccess && response.status !== 400) wrong = `${wrong}, status ${response.status}`;
  if (wrong === undefined && !isSuccess && world.mark() !== before)
    wrong = `refused, and yet: ${before} before, ${world.mark()} after`;
  if (wrong === undefined && isSuccess && answer !== undefined && at(body, answer[0]) !== answer[1])
    wrong = `answers ${answer[0]} ${at(body, answer[0])}, not ${answer[1]}`;
  return wrong === undefined ? undefined : `${name}: ${wrong}`;
}

/**
 * Runs cases, each with its key as it was before all of them.
 * @param isEnough stops before the next case when it says so
 */
export async function runAll(
  cases: Iterable<Case>,
  world: World,
  isEnough: (wrong: readonly string[]) => boolean = () => false,
): Promise<{ readonly count: number; readonly wrong: readonly string[] }> {
  const wrong: string[] = [];
  let count = 0;
  for (const one of cases) {
    const before = world.kms.store.sequence();
    const found = await run(one, world);
    count += 1;
    if (found !== undefined) wrong.push(found);
    if (isEnough(wrong)) break;
    if (world.kms.store.sequence() !== before) await world.settle(one.key);
  }
  return { count, wrong };
}
