/** Tags of a request, and how they join those of a key. */
import { kmsException } from '../../api/exceptions.ts';
import type { Input } from '../../api/operations.ts';
import type { Tag } from '../keys/key-record.ts';

const tagCountMax = 50;

/**
 * Reads the tags of a request.
 * @throws TagException
 */
export function readTags(tags: Input<'TagResource'>['Tags']): readonly Tag[] {
  const read = tags.map(({ TagKey: key = '', TagValue: value = '' }): Tag => [key, value]);
  if (read.some(([key]) => key.toLowerCase().startsWith('aws:')))
    throw kmsException('TagException', 'Tags beginning with aws: are reserved');
  if (new Set(read.map(([key]) => key)).size < read.length)
    throw kmsException('TagException', 'Duplicate tag keys');
  return joinTags([], read);
}

/**
 * The tags of a key with more, which replace those of the same keys; in order of their keys.
 * @throws TagException
 */
export function joinTags(present: readonly Tag[], more: readonly Tag[]): readonly Tag[] {
  const joined = [...new Map([...present, ...more])].sort(([a], [b]) => (a < b ? -1 : 1));
  if (joined.length > tagCountMax) throw kmsException('TagException', 'Too many tags');
  return joined;
}
