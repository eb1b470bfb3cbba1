/** verifyAuditFile: reads a whole audit log and checks each number and each link of the chain. */
import { createReadStream } from 'node:fs';
import { errorText } from '../values/unknown.ts';
import { AuditDamageError, follow, type Hasher, logStart, type Position } from './sequencer.ts';

/**
 * Calls `visit` with each line in order, once it is checked. Splits at LF only: JSON text may hold other
 * line separators.
 * @returns the last record's position.
 * @throws AuditDamageError naming the first bad line; an incomplete last line is one.
 */
export async function verifyAuditFile(
  path: string,
  hash: Hasher,
  visit: (line: string) => void = () => {},
): Promise<Position> {
  let position = logStart;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
      const line = bytes.toString('utf8', start, end);
      try {
        position = follow(position, line, hash);
      } catch (cause) {
        throw new AuditDamageError(`line ${position.sequence + 1}: ${errorText(cause)}`, { cause });
      }
      visit(line);
      start = end + 1;
    }
    rest = bytes.subarray(start);
  }
  if (rest.length > 0) {
    throw new AuditDamageError(`line ${position.sequence + 1}: ${rest.length} bytes without an LF`);
  }
  return position;
}
