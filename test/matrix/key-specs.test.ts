/** The documented facts about key specs against the code's table of them. */
import { expect, test } from 'vitest';
import { keySpecs } from '../../src/api/key-specs.ts';
import counts from './counts.json' with { type: 'json' };
import { messageLengthMax, type SpecFacts, specIsBuilt, specs } from './expectations.ts';
import { allPairs, type Cell, differing, swapped } from './swaps.ts';

/** The facts of a spec in the form of the code's row. */
function row(keySpec: string, facts: SpecFacts): Readonly<Record<string, unknown>> {
  const { algorithms } = facts;
  const takesMessages = 'SIGN_VERIFY' in algorithms || 'GENERATE_VERIFY_MAC' in algorithms;
  return {
    keySpec,
    built: specIsBuilt(keySpec),
    ...facts,
    ...(takesMessages && { messageLengthMax }),
  };
}
const expected = Object.fromEntries(
  Object.entries(specs).map(([spec, facts]) => [spec, row(spec, facts)]),
);
const text = JSON.stringify;
const sorted = (value: unknown): unknown =>
  value === null || typeof value !== 'object' || Array.isArray(value)
    ? value
    : Object.fromEntries(
        Object.entries(value)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, member]) => [name, sorted(member)]),
      );
const isAsDocumented = (): boolean => text(sorted(keySpecs)) === text(sorted(expected));

test('every spec is as documented', () => {
  expect(keySpecs).toEqual(expected);
  expect(isAsDocumented()).toBe(true);
});

test('whichever two cells are swapped, it is noticed', () => {
  const columns = [
    ...['keySpec', 'built', 'defaultUsage', 'publicKeyLength', 'signatureLengthMax'],
    ...['macLength', 'messageLengthMax', 'chinaOnly', 'algorithms', 'plaintextLengthMax'],
  ];
  const parts = (spec: string, member: string, at: object | undefined): Cell[] =>
    Object.keys(at ?? {}).map((key) => ({
      name: `${spec} ${member} ${key}`,
      at: at as never,
      key,
    }));
  const cells = Object.entries(keySpecs).flatMap(([spec, facts]): Cell[] => [
    ...columns.map((key) => ({ name: `${spec} ${key}`, at: facts as never, key })),
    ...parts(spec, 'algorithms', facts.algorithms),
    ...parts(spec, 'plaintextLengthMax', facts.plaintextLengthMax),
  ]);
  // A part cannot change places with what it is a part of.
  const isPossible = ([a, b]: readonly [Cell, Cell]): boolean =>
    a.at[a.key] !== b.at && b.at[b.key] !== a.at;
  const pairs = allPairs(cells).filter(isPossible).filter(differing);
  const unnoticed = pairs.filter(([a, b]) => swapped(a, b, isAsDocumented));
  console.log(`key specs: ${pairs.length} swaps of two cells, ${unnoticed.length} unnoticed`);
  expect(unnoticed.map(([a, b]) => `${a.name} with ${b.name}`)).toEqual([]);
  expect(pairs.length).toBeGreaterThanOrEqual(counts.keySpecSwaps);
  expect(isAsDocumented(), 'all was put back').toBe(true);
});
