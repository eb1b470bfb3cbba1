/**
 * Every operation that names a key x every kind of key x every state the API reaches x every form of naming a key,
 * through the whole pipeline, against the transcribed expectations; and whether these notice when the code's own
 * tables are wrong.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { keySpecs } from '../../src/api/key-specs.ts';
import { operations } from '../../src/kms/operations/index.ts';
import { projectFiles, readText } from '../support/files.ts';
import {
  algorithmCases,
  aliasMoveCase,
  type Case,
  dryRunCases,
  idCases,
  lengthCases,
  runAll,
} from './cases.ts';
import counts from './counts.json' with { type: 'json' };
import {
  dataKeyPairSpecs,
  difference,
  idForms,
  type Kind,
  kinds,
  notBuilt,
  type Outcome,
  operationRefusal,
  slotName,
  slots,
  specFacts,
  specIsBuilt,
  specRefusal,
  specs,
  usageIsBuilt,
  usages,
  withoutKey,
} from './expectations.ts';
import { allPairs, type Cell, differing, swapped } from './swaps.ts';
import { reachableStates, type TestKey, World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await World.with(kinds, reachableStates);
});

const keysIn = (state: string): TestKey[] => world.keys.filter((key) => key.state === state);

/** Runs cases, prints how many there were, and expects nothing wrong and no fewer than there once were. */
async function expectAll(name: keyof typeof counts, cases: readonly Case[]): Promise<void> {
  const { count, wrong } = await runAll(cases, world);
  const successes = cases.filter(({ expected }) => expected === undefined).length;
  console.log(
    `${name}: ${count} cases, ${wrong.length} wrong (${successes} succeed, ${cases.length - successes} are refused)`,
  );
  expect(wrong).toEqual([]);
  expect(count, 'cases').toBeGreaterThanOrEqual(counts[name]);
}

test('the expectations are about all operations of the dispatch table, and about no others', () => {
  const named = new Set([...slots.map(({ operation }) => operation), ...withoutKey]);
  expect([...named].sort()).toEqual([...operations.keys()].sort());
});

test('nothing that ships knows the expectations', () => {
  const shipped = projectFiles().filter((path) => /^(src|bin|native)\//.test(path));
  expect(shipped.length).toBeGreaterThan(100);
  expect(shipped.filter((path) => /test\/matrix|\/expectations/.test(readText(path)))).toEqual([]);
});

test('every selector of the dispatch table has its expectation', () => {
  const selectors = [...operations].flatMap(([name, { key, destination }]) =>
    [key, destination].flatMap((selector) =>
      selector === undefined ? [] : [`${name}.${selector.member ?? 'KeyId'}`],
    ),
  );
  expect(selectors.sort()).toEqual(slots.map(slotName).sort());
});

test('operation x key x state x form of naming it', async () => {
  const perState = slots.length * kinds.length * idForms.length;
  console.log(
    `${slots.length} members of ${new Set(slots.map((s) => s.operation)).size} operations x ${kinds.length} kinds of keys x ${reachableStates.length} states x ${idForms.length} forms = ${perState * reachableStates.length}`,
  );
  const cases = world.keys.flatMap((key) => slots.flatMap((slot) => idCases(slot, key, world)));
  await expectAll('ids', cases);
});

test('operation x key x state, in a dry run', async () => {
  const cases = world.keys.flatMap((key) => slots.flatMap((slot) => dryRunCases(slot, key, world)));
  await expectAll('dryRuns', cases);
});

test('operation x key x algorithm', async () => {
  const cases = keysIn('Enabled').flatMap((key) =>
    slots.flatMap((slot) => algorithmCases(slot, key, world)),
  );
  await expectAll('algorithms', cases);
});

test('key x algorithm x length', () =>
  expectAll('lengths', keysIn('Enabled').flatMap(lengthCases)));

test('an alias from every key to every other', async () => {
  const keys = keysIn('Enabled');
  await expectAll(
    'aliasMoves',
    keys.flatMap((from) => keys.filter((to) => to !== from).map((to) => aliasMoveCase(from, to))),
  );
});

test('CreateKey: spec x usage', async () => {
  const wrong: string[] = [];
  let count = 0;
  for (const [spec, { algorithms, defaultUsage }] of Object.entries(specs))
    for (const asked of [undefined, ...usages]) {
      const usage = asked ?? defaultUsage;
      let expected: Outcome;
      if (usage === undefined) expected = specRefusal('usage absent', {});
      else if (algorithms[usage] === undefined)
        expected = specRefusal('usage not of the spec', { usage, spec });
      else if (!specIsBuilt(spec) || !usageIsBuilt(usage)) expected = notBuilt;
      for (const member of spec === 'SYMMETRIC_DEFAULT'
        ? ['KeySpec', 'CustomerMasterKeySpec']
        : ['KeySpec']) {
        const before = world.mark();
        const { response, body } = await world.kms.call('CreateKey', {
          [member]: spec,
          ...(asked && { KeyUsage: asked }),
        });
        const isSuccess = response.status === 200;
        const said = isSuccess ? undefined : { code: body.__type, message: body.message };
        const found = difference(said, expected);
        if (found !== undefined) wrong.push(`${spec} ${asked}: ${found}`);
        if (isSuccess)
          expect(body.KeyMetadata).toMatchObject({
            KeySpec: spec,
            KeyUsage: usage,
            KeyState: 'Enabled',
          });
        else expect(world.mark()).toBe(before);
        count += 1;
      }
    }
  console.log(`createKeys: ${count} cases, ${wrong.length} wrong`);
  expect(wrong).toEqual([]);
  expect(count).toBeGreaterThanOrEqual(counts.createKeys);
});

test.each(['GenerateDataKeyPair', 'GenerateDataKeyPairWithoutPlaintext'])(
  '%s: every spec of a pair',
  async (operation) => {
    const key = keysIn('Enabled').find(({ spec }) => spec === 'SYMMETRIC_DEFAULT');
    for (const KeyPairSpec of dataKeyPairSpecs) {
      // A dry run: making pairs of RSA takes long.
      const input = { KeyId: key?.keyId, KeyPairSpec, DryRun: true };
      const { body } = await world.kms.call(operation, input);
      const expected = specIsBuilt(KeyPairSpec) ? operationRefusal('dry run', {}) : notBuilt;
      expect(difference({ code: body.__type, message: body.message }, expected)).toBeUndefined();
    }
  },
);

describe('a wrong table is noticed', () => {
  /** Kinds that differ in all that selectors look at, and small ones. */
  const someKinds: readonly Kind[] = [
    { spec: 'SYMMETRIC_DEFAULT', usage: 'ENCRYPT_DECRYPT' },
    { spec: 'RSA_2048', usage: 'ENCRYPT_DECRYPT' },
    { spec: 'ECC_NIST_P256', usage: 'SIGN_VERIFY' },
    { spec: 'HMAC_256', usage: 'GENERATE_VERIFY_MAC' },
  ];
  let small: World;
  beforeAll(async () => {
    small = await World.with(someKinds, ['Enabled', 'PendingDeletion']);
  });

  const isEnough = (wrong: readonly string[]): boolean => wrong.length > 0;

  /** Whether a run finds anything wrong. One that cannot go on has. */
  async function notices(cases: readonly Case[], of: World): Promise<boolean> {
    try {
      return (await runAll(cases, of, isEnough)).wrong.length > 0;
    } catch {
      return true;
    }
  }

  /** Swaps each pair of differing cells and expects that the cases of the two find it. */
  async function expectNoticed(
    name: keyof typeof counts,
    columns: readonly (readonly Cell[])[],
    of: World,
    casesOf: (cell: Cell) => readonly Case[],
  ): Promise<void> {
    const unnoticed: string[] = [];
    let count = 0;
    for (const [a, b] of columns.flatMap(allPairs).filter(differing)) {
      count += 1;
      const cases = [...casesOf(a), ...casesOf(b)];
      const sequence = of.kms.store.sequence();
      if (!(await swapped(a, b, () => notices(cases, of))))
        unnoticed.push(`${a.name} with ${b.name}`);
      if (of.kms.store.sequence() !== sequence) for (const key of of.keys) await of.settle(key);
    }
    console.log(`${name}: ${count} swaps of two cells, ${unnoticed.length} unnoticed`);
    expect(unnoticed).toEqual([]);
    expect(count).toBeGreaterThanOrEqual(counts[name]);
  }

  test('what operations demand of their keys', async () => {
    const cells = new Map<string, Case[]>();
    const columns = ['alias', 'usage', 'member', 'optional', 'anyState', 'action'].map((key) =>
      slots.map((slot): Cell => {
        const { key: first, destination } = operations.get(slot.operation) ?? {};
        const at = [first, destination].find((s) => s && (s.member ?? 'KeyId') === slot.member);
        const name = slotName(slot);
        cells.set(
          `${name} ${key}`,
          small.keys.flatMap((testKey) => idCases(slot, testKey, small)),
        );
        return { name: `${name} ${key}`, at: at as unknown as Record<string, unknown>, key };
      }),
    );
    const all = slots.flatMap((slot) => small.keys.flatMap((key) => idCases(slot, key, small)));
    expect((await runAll(all, small)).wrong, 'nothing is swapped').toEqual([]);
    await expectNoticed('selectorSwaps', columns, small, ({ name }) => cells.get(name) ?? []);
    expect((await runAll(all, small)).wrong, 'all was put back').toEqual([]);
  }, 240_000);

  test('what key specs can do', async () => {
    const keys = keysIn('Enabled');
    const casesOf = (spec: string): Case[] =>
      keys
        .filter((key) => key.spec === spec)
        .flatMap((key) => [
          ...slots.flatMap((slot) => algorithmCases(slot, key, world)),
          ...lengthCases(key),
        ]);
    const built = Object.keys(specs).filter(specIsBuilt);
    const column = (member: 'algorithms' | 'plaintextLengthMax', key: string): Cell[] =>
      built.flatMap((spec) => {
        const at = keySpecs[spec as 'RSA_2048'][member] as Record<string, unknown> | undefined;
        const isUsed = member === 'algorithms' || key in (specFacts(spec).plaintextLengthMax ?? {});
        return at === undefined || !isUsed ? [] : [{ name: spec, at, key }];
      });
    const columns = [
      ...usages.filter(usageIsBuilt).map((usage) => column('algorithms', usage)),
      column('plaintextLengthMax', 'RSAES_OAEP_SHA_1'),
      column('plaintextLengthMax', 'RSAES_OAEP_SHA_256'),
    ];
    await expectNoticed('specSwaps', columns, world, ({ name }) => casesOf(name));
  }, 240_000);
});
