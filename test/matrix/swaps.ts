/** Mutations of tables: two cells change places, something is tried, and they change back. */

/** A place in a table that can be written. */
export interface Cell {
  readonly name: string;
  readonly at: Record<string, unknown>;
  readonly key: string;
}

export function allPairs<T>(items: readonly T[]): [T, T][] {
  return items.flatMap((a, i) => items.slice(i + 1).map((b): [T, T] => [a, b]));
}

/** A rule is itself alone; data are what they say. */
function identity(value: unknown): unknown {
  return typeof value === 'function' ? value : (JSON.stringify(value) ?? 'absent');
}

export const differing = ([a, b]: readonly [Cell, Cell]): boolean =>
  identity(a.at[a.key]) !== identity(b.at[b.key]);

function put({ at, key }: Cell, value: unknown): void {
  if (value === undefined) delete at[key];
  else at[key] = value;
}

/** Runs `attempt` while two cells have each other's values. */
export function swapped<T>(a: Cell, b: Cell, attempt: () => T): T {
  const values = [a.at[a.key], b.at[b.key]];
  const restore = (): void => {
    put(a, values[0]);
    put(b, values[1]);
  };
  put(a, values[1]);
  put(b, values[0]);
  let result: T;
  try {
    result = attempt();
  } catch (error) {
    restore();
    throw error;
  }
  if (!(result instanceof Promise)) {
    restore();
    return result;
  }
  return result.finally(restore) as T;
}
