/**
 * Encryption context: the canonical bytes that every ciphertext blob authenticates.
 *
 * Canonical form: for each entry, sorted by the UTF-8 bytes of its name, the name and then the value, each
 * as a 4-byte big-endian byte length followed by UTF-8. An empty context and an absent one are both the
 * empty string of bytes. Two contexts have equal bytes only if they hold equal entries.
 *
 * The context is a list of pairs, never a plain object: `__proto__` is a name like any other.
 */
import { kmsException } from '../api/exceptions.ts';
import type { Entries } from '../api/shapes.ts';

const none: Uint8Array = Buffer.alloc(0);

/**
 * The canonical bytes. Names are unique.
 * @throws ValidationException when a name or value holds a lone surrogate, which has no UTF-8 form: two such
 *   contexts could otherwise share their bytes.
 */
export function canonicalContext(context: Entries | undefined): Uint8Array {
  if (context === undefined || context.length === 0) return none;
  const entries: { name: Buffer; value: Buffer }[] = [];
  let length = 0;
  for (const [name, value] of context) {
    const entry = { name: utf8(name), value: utf8(value) };
    length += 8 + entry.name.length + entry.value.length;
    entries.push(entry);
  }
  // By bytes, not by code units: the two orders differ above U+FFFF, and bytes are what other languages see.
  if (entries.length > 1) entries.sort((a, b) => Buffer.compare(a.name, b.name));
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const { name, value } of entries) {
    at = bytes.writeUInt32BE(name.length, at);
    at += name.copy(bytes, at);
    at = bytes.writeUInt32BE(value.length, at);
    at += value.copy(bytes, at);
  }
  return bytes;
}

function utf8(text: string): Buffer {
  if (!text.isWellFormed())
    throw kmsException(
      'ValidationException',
      'EncryptionContext must be valid Unicode: it contains an unpaired surrogate.',
    );
  return Buffer.from(text, 'utf8');
}
