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
 * AWS's own limit, if there is one, is not published. This one is above whatever the AWS Encryption SDK forms (65,535
 * bytes in a denser form), and two contexts of it fit into one frame to the device.
 */
const lengthMax = 128 * 1024;

/**
 * The canonical bytes. Names are unique.
 * @throws ValidationException when they are more than 128 KiB, or a name or value holds a lone surrogate, which has no
 *   UTF-8 form: two such contexts could otherwise share their bytes.
 */
export function canonicalContext(context: Entries | undefined): Uint8Array {
  if (context === undefined || context.length === 0) return none;
  const entries: { name: Buffer; value: Buffer }[] = [];
  let length = 0;
  for (const [name, value] of context) {
    const entry = { name: utf8(name), value: utf8(value) };
    length += 8 + entry.name.length + entry.value.length;
    if (length > lengthMax)
      throw kmsException(
        'ValidationException',
        `EncryptionContext is longer than ${lengthMax} bytes in its canonical form.`,
      );
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
