/** The guide's table of key states against the code's: every operation, state and origin, reachable or not. */
import { expect, test } from 'vitest';
import { KmsException } from '../../src/api/exceptions.ts';
import { checkKeyState, keyStateColumns, keyStateTable } from '../../src/api/key-states.ts';
import counts from './counts.json' with { type: 'json' };
import {
  difference,
  origins,
  type StateSubject,
  stateOutcome,
  stateRows,
  states,
} from './expectations.ts';
import { allPairs, differing, swapped } from './swaps.ts';

const arn = 'arn:aws:kms:us-east-1:000000000000:key/k';
const subjects: readonly StateSubject[] = states.flatMap((keyState) =>
  origins.map((origin) => ({ arn, keyState, origin })),
);

function answer(
  operation: string,
  key: StateSubject,
): { code: string; message: string } | undefined {
  try {
    checkKeyState(operation, key);
    return undefined;
  } catch (error) {
    if (!(error instanceof KmsException)) throw error;
    return { code: error.name, message: error.message };
  }
}

/** What the code says otherwise than the guide, of one operation. */
function differences(operation: string): { count: number; found: readonly string[] } {
  let count = 0;
  const found = subjects.flatMap((key) => {
    const expected = stateOutcome(operation, key);
    if (expected === 'silent') return [];
    count += 1;
    const wrong = difference(answer(operation, key), expected);
    return wrong === undefined ? [] : [`${operation}, ${key.keyState}, ${key.origin}: ${wrong}`];
  });
  return { count, found };
}

test('the same operations are in both', () => {
  expect(Object.keys(keyStateTable).sort()).toEqual([...stateRows.keys()].sort());
});

test('every operation says of a key in every state, of every origin, what the guide says', () => {
  const results = [...stateRows.keys()].map(differences);
  expect(results.flatMap(({ found }) => found)).toEqual([]);
  const count = results.reduce((sum, result) => sum + result.count, 0);
  const all = stateRows.size * subjects.length;
  console.log(
    `key states: ${count} cases, ${all - count} of which the guide says nothing, of ${all}`,
  );
  expect(count).toBeGreaterThanOrEqual(counts.keyStates);
});

test('whichever two cells of the table are swapped, it is noticed', () => {
  // Rows are shared between operations: each needs one of its own to change.
  const table = keyStateTable as Record<string, unknown>;
  const rows = Object.fromEntries(
    Object.entries(keyStateTable).map(([operation, row]) => [operation, [...row]]),
  );
  const cells = Object.entries(rows).flatMap(([operation, row]) =>
    row.map((_, column) => ({
      name: `${operation} ${states[column]}`,
      operation,
      at: row as unknown as Record<string, unknown>,
      key: String(column),
    })),
  );
  const unnoticed: string[] = [];
  const originals = { ...keyStateTable };
  Object.assign(table, rows);
  let count = 0;
  try {
    for (const [a, b] of allPairs(cells).filter(differing)) {
      count += 1;
      // The other rows are as they were, and were found right above.
      const isNoticed = swapped(a, b, () =>
        [a, b].some(({ operation }) => differences(operation).found.length > 0),
      );
      if (!isNoticed) unnoticed.push(`${a.name} with ${b.name}`);
    }
  } finally {
    Object.assign(table, originals);
  }
  console.log(`key states: ${count} swaps of two cells, ${unnoticed.length} unnoticed`);
  expect(unnoticed).toEqual([]);
  expect(count).toBeGreaterThanOrEqual(counts.keyStateSwaps);
}, 120_000);

test('whichever two states have their columns swapped, it is noticed', () => {
  const at = keyStateColumns as Record<string, unknown>;
  const cells = Object.keys(at).map((key) => ({ name: key, at, key }));
  const pairs = allPairs(cells).filter(differing);
  const unnoticed = pairs.filter(
    ([a, b]) =>
      !swapped(a, b, () =>
        [...stateRows.keys()].some((name) => differences(name).found.length > 0),
      ),
  );
  expect(unnoticed).toEqual([]);
  // All pairs of the eight, but for the two that share a column.
  expect(pairs.length).toBe(27);
});
