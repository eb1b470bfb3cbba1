/**
 * Policy variables: `${key}` in Resource and in conditions on strings and ARNs, of Version 2012-10-17.
 * A `${` that begins no variable is plain text.
 * Source: AWS IAM User Guide, "IAM policy elements: Variables and tags".
 */
import { type Glob, globOf } from './glob.ts';
import type { ConditionContext } from './request.ts';

interface Variable {
  /** Lower-case. */
  readonly key: string;
  readonly fallback: string | undefined;
}

/** Text around variables, in order. */
export interface Template {
  readonly parts: readonly (Glob | Variable)[];
}

const variable = /\$\{(?:([*?$])|\s*([^{}'*?$,\s][^{}',]*?)\s*(?:,\s*'([^']*)'\s*)?)\}/g;

/**
 * @param isPlain `*` and `?` outside of variables are themselves
 * @returns a glob when there is nothing to fill in
 */
export function templateOf(
  pattern: string,
  hasVariables: boolean,
  isPlain: boolean,
): Glob | Template {
  if (!hasVariables || !pattern.includes('${')) return globOf(pattern, isPlain);
  const parts: (Glob | Variable)[] = [];
  let end = 0;
  for (const match of pattern.matchAll(variable)) {
    const [text, escaped, key = '', fallback] = match;
    if (match.index > end) parts.push(globOf(pattern.slice(end, match.index), isPlain));
    parts.push(
      escaped === undefined ? { key: key.toLowerCase(), fallback } : globOf(escaped, true),
    );
    end = match.index + text.length;
  }
  parts.push(globOf(pattern.slice(end), isPlain));
  return parts.some((part) => 'key' in part) ? { parts } : (parts as Glob[]).flat();
}

/** Variables stand only after the fifth colon of a Resource. */
export function resourceTemplateOf(pattern: string, hasVariables: boolean): Glob | Template {
  let at = 0;
  for (let colons = 0; colons < 5; colons++) {
    at = pattern.indexOf(':', at) + 1;
    if (at === 0) return globOf(pattern);
  }
  const head = globOf(pattern.slice(0, at));
  const tail = templateOf(pattern.slice(at), hasVariables, false);
  return 'parts' in tail ? { parts: [head, ...tail.parts] } : [...head, ...tail];
}

/** @returns undefined when a variable has no (single) value: the pattern matches nothing */
export function fill(pattern: Glob | Template, context: ConditionContext): Glob | undefined {
  if (!('parts' in pattern)) return pattern;
  const glob: number[] = [];
  for (const part of pattern.parts) {
    if (!('key' in part)) {
      for (const unit of part) glob.push(unit);
      continue;
    }
    const value = context.get(part.key) ?? part.fallback;
    if (typeof value !== 'string') return undefined;
    for (let i = 0; i < value.length; i++) glob.push(value.charCodeAt(i));
  }
  return glob;
}
