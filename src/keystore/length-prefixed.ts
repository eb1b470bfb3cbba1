/**
 * Unambiguous bytes for what a MAC or an authenticated wrap covers: each field as a 4-byte big-endian byte
 * length and its bytes. Two different lists of fields never give the same bytes.
 */

/** Strings are taken as UTF-8; they must be well formed. */
export function lengthPrefixed(fields: readonly (string | Uint8Array)[]): Uint8Array {
  let length = 0;
  for (const field of fields)
    length += 4 + (typeof field === 'string' ? Buffer.byteLength(field) : field.length);
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const field of fields) {
    const fieldLength =
      typeof field === 'string' ? bytes.write(field, at + 4) : copyInto(bytes, field, at + 4);
    bytes.writeUInt32BE(fieldLength, at);
    at += 4 + fieldLength;
  }
  return bytes;
}

function copyInto(bytes: Buffer, field: Uint8Array, at: number): number {
  bytes.set(field, at);
  return field.length;
}
