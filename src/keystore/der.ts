/**
 * As much DER (ITU-T X.690, clauses 8 and 10) as signatures, public keys and certificates need: elements with
 * one-byte tags and definite, shortest lengths. What is written any other way is refused, so a value has one
 * form.
 */

export const derTag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  sequence: 0x30,
} as const;

export interface DerElement {
  readonly content: Uint8Array;
  /** What follows the element. */
  readonly rest: Uint8Array;
}

/** The element that `bytes` begin with, as views; undefined unless it is one of this tag. */
export function readDer(bytes: Uint8Array, tag: number): DerElement | undefined {
  const [first, short] = bytes;
  if (first !== tag || short === undefined) return undefined;
  let at = 2;
  let length = short;
  if (short >= 0x80) {
    // Two bytes of length are enough for everything here: 65,535 bytes.
    const lengthBytes = short - 0x80;
    if (lengthBytes < 1 || lengthBytes > 2 || bytes.length < 2 + lengthBytes) return undefined;
    length = bytes.subarray(2, 2 + lengthBytes).reduce((sum, byte) => sum * 256 + byte, 0);
    if (length < (lengthBytes === 1 ? 0x80 : 0x100)) return undefined;
    at += lengthBytes;
  }
  const end = at + length;
  if (end > bytes.length) return undefined;
  return { content: bytes.subarray(at, end), rest: bytes.subarray(end) };
}

/** The element that is all of `bytes`: its content. Undefined also when something follows. */
export function readWholeDer(bytes: Uint8Array, tag: number): Uint8Array | undefined {
  const read = readDer(bytes, tag);
  return read?.rest.length === 0 ? read.content : undefined;
}

/** An INTEGER that is not negative, as its bytes without leading zeros (zero: none), and what follows it. */
export function readDerUnsigned(
  bytes: Uint8Array,
): { readonly value: Uint8Array; readonly rest: Uint8Array } | undefined {
  const read = readDer(bytes, derTag.integer);
  const first = read?.content[0];
  if (read === undefined || first === undefined || first >= 0x80) return undefined;
  const { content, rest } = read;
  if (first !== 0) return { value: content, rest };
  // A leading zero is there only where the next bit would say that the number is negative.
  if (content.length > 1 && (content[1] as number) < 0x80) return undefined;
  return { value: content.subarray(1), rest };
}

/** @param parts the content, up to 65,535 bytes */
export function writeDer(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length > 0xffff) throw new RangeError('content longer than 65,535 bytes');
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), ...parts]);
}

/** @param number big-endian, not negative, with any leading zeros */
export function writeDerUnsigned(number: Uint8Array): Uint8Array {
  let at = 0;
  while (at < number.length - 1 && number[at] === 0) at += 1;
  const digits = number.subarray(at);
  const sign = digits.length === 0 || (digits[0] as number) >= 0x80 ? Buffer.of(0) : Buffer.of();
  return writeDer(derTag.integer, sign, digits);
}
