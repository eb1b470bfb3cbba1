/**
 * Where results are put: views of larger buffers, since a buffer for each is dear. Secrets have larger buffers of their
 * own, which hold nothing else: whoever wipes a secret wipes its view. Off V8's heap, where nothing is moved and leaves a
 * copy behind.
 */
import { CKR } from './constants.ts';
import { CkrError } from './errors.ts';

const PUBLIC_BYTES = 64 * 1024;
const SECRET_BYTES = 8 * 1024;

// Buffers that callers make of our results, and of requests, are of some KiB: the default of 8 KiB would miss each time.
Buffer.poolSize = PUBLIC_BYTES;

/** Hands out room in a buffer, then in a new one when that is used up. */
export class Pool {
  readonly #size: number;
  readonly #allocate: (length: number) => Uint8Array<ArrayBuffer>;
  #shared: Uint8Array<ArrayBuffer>;
  #used = 0;
  /** Where the room lies that was reserved last. */
  bytes: Uint8Array<ArrayBuffer>;
  #buffer: ArrayBuffer;

  constructor(size: number, allocate: (length: number) => Uint8Array<ArrayBuffer>) {
    this.#size = size;
    this.#allocate = allocate;
    this.#shared = allocate(size);
    this.bytes = this.#shared;
    this.#buffer = this.#shared.buffer;
  }

  /** Reserves `length` bytes in `bytes` and returns their offset. A long result has a buffer to itself. */
  reserve(length: number): number {
    if (length < 0) throw new RangeError('a result cannot have a negative length');
    if (length > this.#size / 4) {
      this.#use(this.#allocate(length));
      return 0;
    }
    let offset = this.#used;
    if (offset + length > this.#size) {
      this.#shared = this.#allocate(this.#size);
      offset = 0;
    }
    this.#used = offset + ((length + 7) & ~7);
    if (this.bytes !== this.#shared) this.#use(this.#shared);
    return offset;
  }

  /** What was reserved last, from `offset` on. */
  view(offset: number, length: number): Uint8Array {
    return new Uint8Array(this.#buffer, offset, length);
  }

  /** Reserves `length` bytes and returns them. */
  take(length: number): Uint8Array {
    return this.view(this.reserve(length), length);
  }

  #use(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.#buffer = bytes.buffer;
  }
}

/** For bytes that are not secret. What was in the memory before may be in a buffer, as in any of Buffer's own. */
export const publicPool: Pool = new Pool(
  PUBLIC_BYTES,
  (length) => new Uint8Array(Buffer.allocUnsafeSlow(length).buffer),
);
/** For secrets, among secrets only. Whoever is given one wipes it. */
export const secretPool: Pool = new Pool(SECRET_BYTES, (length) => new Uint8Array(length));

/** A buffer for bytes that are not secret. */
export const publicBuffer = (length: number): Uint8Array => publicPool.take(length);

/** A buffer for a secret, among secrets only. Its owner wipes it. */
export const secretBuffer = (length: number): Uint8Array => secretPool.take(length);

/** Copies an answer's output to where it belongs and wipes the copy it came in. */
export function place(
  output: Uint8Array,
  into: Uint8Array | undefined,
  allocate: (length: number) => Uint8Array,
): Uint8Array {
  if (into === undefined && allocate === secretBuffer) return output; // decoded into memory of its own already
  const target = into ?? allocate(output.length);
  if (target.length < output.length) {
    output.fill(0);
    throw new CkrError(CKR.CKR_BUFFER_TOO_SMALL, 'into');
  }
  target.set(output);
  output.fill(0);
  return target.length === output.length ? target : target.subarray(0, output.length);
}
