/**
 * Patterns with `*` (any run of characters, also none) and `?` (one character).
 *
 * Only the last `*` is ever tried again, so the steps are the product of the two lengths at most: a pattern is its
 * sender's choice, and one made for a regular expression to take for ever costs no more than another.
 */

/** UTF-16 code units, or one of the two wildcards, which no text has: substituted text stays literal. */
export type Glob = readonly number[];

const STAR = -1;
const ONE = -2;

/** @param literal `*` and `?` are themselves */
export function globOf(pattern: string, literal = false): number[] {
  const glob: number[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const unit = pattern[i];
    if (!literal && unit === '*') {
      if (glob.at(-1) !== STAR) glob.push(STAR);
    } else glob.push(!literal && unit === '?' ? ONE : pattern.charCodeAt(i));
  }
  return glob;
}

/** Units of the character at a place: two of a surrogate pair. */
function width(text: string, at: number): number {
  const isHigh = (text.charCodeAt(at) & 0xfc00) === 0xd800;
  return isHigh && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00 ? 2 : 1;
}

/** Steps of the last match: what the bound is tested by. */
export const steps: { last: number } = { last: 0 };

export function globMatches(glob: Glob, text: string): boolean {
  let at = 0;
  let afterStar = -1;
  let retryFrom = 0;
  let count = 0;
  let i = 0;
  while (i < text.length) {
    count += 1;
    const unit = glob[at];
    if (unit === STAR) {
      at += 1;
      afterStar = at;
      retryFrom = i;
      // Nothing follows: whatever is left is covered.
      if (at === glob.length) break;
    } else if (unit === text.charCodeAt(i)) {
      at += 1;
      i += 1;
    } else if (unit === ONE) {
      at += 1;
      i += width(text, i);
    } else if (afterStar >= 0) {
      at = afterStar;
      retryFrom += 1;
      i = retryFrom;
    } else {
      steps.last = count;
      return false;
    }
  }
  steps.last = count;
  while (glob[at] === STAR) at += 1;
  return at === glob.length;
}

/** Parts of an ARN: six, of which the last keeps its colons; undefined when there are fewer. */
export function arnParts(glob: Glob): readonly Glob[] | undefined {
  const parts: Glob[] = [];
  let rest = glob;
  while (parts.length < 5) {
    const colon = rest.indexOf(0x3a);
    if (colon < 0) return undefined;
    parts.push(rest.slice(0, colon));
    rest = rest.slice(colon + 1);
  }
  return [...parts, rest];
}
