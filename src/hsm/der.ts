/**
 * DER (X.690), as far as keys and certificates are read here.
 */

export const TAG = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  sequence: 0x30,
  /** [0], constructed. */
  context0: 0xa0,
} as const;

/** Takes DER values from the front of a buffer; definite lengths of up to two octets. */
export class DerReader {
  #rest: Uint8Array;
  readonly #malformed: () => Error;

  /** @param malformed what to throw where the bytes are not what was expected */
  constructor(bytes: Uint8Array, malformed: () => Error) {
    this.#rest = bytes;
    this.#malformed = malformed;
  }

  /** Does a value with this tag come next? */
  isNext(tag: number): boolean {
    return this.#rest[0] === tag;
  }

  /** The next value's content, and the whole value with its header. */
  take(tag: number): { content: Uint8Array; whole: Uint8Array } {
    const rest = this.#rest;
    const first = rest[1] ?? 0x80;
    const octets = first < 0x80 ? 0 : first - 0x80;
    if (rest[0] !== tag || first === 0x80 || octets > 2) throw this.#malformed();
    const start = 2 + octets;
    const length =
      octets === 0 ? first : Number(`0x${Buffer.from(rest.subarray(2, start)).toString('hex')}`);
    if (rest.length < start + length) throw this.#malformed();
    this.#rest = rest.subarray(start + length);
    return {
      content: rest.subarray(start, start + length),
      whole: rest.subarray(0, start + length),
    };
  }

  /** A reader of the next value's content. */
  enter(tag: number): DerReader {
    return new DerReader(this.take(tag).content, this.#malformed);
  }

  end(): void {
    if (this.#rest.length !== 0) throw this.#malformed();
  }
}
