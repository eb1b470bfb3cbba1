/**
 * What may be anything at all, and how to look at it: what was thrown, and what JSON was parsed to.
 */

/** What went wrong, for a sentence: an Error's message; of anything else that was thrown its text. */
export function errorText(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** A JSON object, which an array is not. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
