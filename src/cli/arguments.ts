/**
 * Command lines: flags and arguments as node:util reads them, with refusals in one sentence.
 */
import { resolve } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { errorText } from '../values/unknown.ts';
import { UsageError } from './exit.ts';

/** @throws UsageError */
export function parseCommandLine<T extends ParseArgsConfig>(
  argv: readonly string[],
  config: T,
): ReturnType<typeof parseArgs<T & { args: string[]; strict: true }>> {
  try {
    return parseArgs({ ...config, args: [...argv], strict: true });
  } catch (error) {
    const text = errorText(error);
    // What follows is advice on arguments that begin with a dash.
    throw new UsageError(text.split('. To specify')[0] ?? text);
  }
}

/** A flag that takes one of a few words. @throws UsageError that lists them */
export function oneOf<T extends string>(flag: string, words: readonly T[], value: string): T {
  const word = words.find((each) => each === value);
  if (word !== undefined) return word;
  throw new UsageError(`${flag} takes ${words.join(', ')}: not '${value}'`);
}

/** The data directory that `--data-dir` names, absolute. */
export function dataDirectoryPath(named: string | undefined): string {
  return resolve(named ?? 'strongroom-data');
}

/** @throws UsageError unless it is a whole number from `min` to `max` */
export function integer(flag: string, text: string, min: number, max: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`${flag} takes a whole number from ${min} to ${max}, not '${text}'`);
}
