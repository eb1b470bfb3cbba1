/**
 * Output for people and for programs. What came from elsewhere is shown without control characters: a description
 * must not steer the terminal.
 */

/** Longest description and the like in a table, characters. */
const CELL_LENGTH_MAX = 40;

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function print(text: string): void {
  process.stdout.write(text);
}

/** One line of text without control or formatting characters. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}

/** Rows under their titles, each column as wide as it must be; the last one is cut. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const last = titles.length - 1;
  const cells = rows.map((row) =>
    row.map((text, column) => (column === last ? cut(plain(text)) : plain(text))),
  );
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  return [titles, ...cells]
    .map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

/** `name: value` lines, the values below each other. */
export function fields(values: readonly (readonly [string, string])[]): string {
  const width = Math.max(...values.map(([name]) => name.length)) + 1;
  return values
    .map(([name, value]) => `${`${name}:`.padEnd(width)} ${plain(value)}`.trimEnd())
    .map((line) => `${line}\n`)
    .join('');
}

function cut(text: string): string {
  const characters = [...text];
  return characters.length <= CELL_LENGTH_MAX
    ? text
    : `${characters.slice(0, CELL_LENGTH_MAX - 1).join('')}…`;
}

/** As one word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
