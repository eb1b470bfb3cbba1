/**
 * Sequencer: gives audit records their numbers and chains them. One line is
 * `{"sequence":n,"previous":"<hex>","event":{...}}`, where `previous` is the SHA-256 of the line before it
 * without its LF, and 64 zeros in record 1. docs/formats/store.md has the form byte by byte.
 */

/** Hex SHA-256 of a text's UTF-8 bytes. */
export type Hasher = (text: string) => string;

/** The last record of a log: its number and the hash of its line. */
export interface Position {
  readonly sequence: number;
  readonly digest: string;
}

/** Position of a log without records. */
export const logStart: Position = { sequence: 0, digest: '0'.repeat(64) };

/** The log on disk is not what was written there; the message names the place. */
export class AuditDamageError extends Error {
  override readonly name = 'AuditDamageError';
}

export class Sequencer {
  readonly #hash: Hasher;
  #position: Position;

  constructor(hash: Hasher, position: Position) {
    this.#hash = hash;
    this.#position = position;
  }

  get position(): Position {
    return this.#position;
  }

  /** The next line, without LF. @param event one JSON object without line breaks. */
  next(event: string): string {
    const sequence = this.#position.sequence + 1;
    const line = `{"sequence":${sequence},"previous":"${this.#position.digest}","event":${event}}`;
    this.#position = { sequence, digest: this.#hash(line) };
    return line;
  }

  /** Takes back every line made after `position`: they were not written anywhere. */
  reset(position: Position): void {
    this.#position = position;
  }
}

/** A stored line's own number and link. @throws AuditDamageError */
export function parseLine(line: string): { sequence: number; previous: string } {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch (cause) {
    throw new AuditDamageError('a line is not JSON', { cause });
  }
  const { sequence, previous, event } = (record ?? {}) as Record<string, unknown>;
  if (
    !Number.isSafeInteger(sequence) ||
    typeof previous !== 'string' ||
    !/^[0-9a-f]{64}$/.test(previous) ||
    typeof event !== 'object' ||
    event === null
  ) {
    throw new AuditDamageError('a line is not an audit record');
  }
  return { sequence: sequence as number, previous };
}

/** Position after `line`, which must follow `before`. @throws AuditDamageError */
export function follow(before: Position, line: string, hash: Hasher): Position {
  const { sequence, previous } = parseLine(line);
  if (sequence !== before.sequence + 1) {
    throw new AuditDamageError(`record ${sequence} follows record ${before.sequence}`);
  }
  if (previous !== before.digest) {
    throw new AuditDamageError(`record ${sequence} does not continue record ${before.sequence}`);
  }
  return { sequence, digest: hash(line) };
}
