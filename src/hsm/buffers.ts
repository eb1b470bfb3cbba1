/**
 * Where results are put: views of larger buffers, since a buffer for each is dear. Secrets have larger buffers of their
 * own, which hold nothing else: whoever wipes a secret wipes its view. Off V8's heap, where nothing is moved and leaves a
 * copy behind.
 */
const PUBLIC_BYTES = 64 * 1024;
const SECRET_BYTES = 8 * 1024;

// Buffers that callers make of our results, and of requests, are of some KiB: the default of 8 KiB would miss each time.
Buffer.poolSize = PUBLIC_BYTES;

/** Where the newest buffer lies. Asking the buffer itself costs a call. */
export const newest: { buffer: ArrayBuffer; offset: number } = {
  buffer: new ArrayBuffer(0),
  offset: 0,
};

class Pool {
  readonly #size: number;
  #buffer: ArrayBuffer;
  #used = 0;

  constructor(size: number) {
    this.#size = size;
    this.#buffer = new ArrayBuffer(size);
  }

  take(length: number): Uint8Array {
    if (length > this.#size / 4) {
      newest.buffer = new ArrayBuffer(length);
      newest.offset = 0;
      return new Uint8Array(newest.buffer);
    }
    let offset = this.#used;
    if (offset + length > this.#size) {
      this.#buffer = new ArrayBuffer(this.#size);
      offset = 0;
    }
    this.#used = offset + ((length + 7) & ~7);
    newest.buffer = this.#buffer;
    newest.offset = offset;
    return new Uint8Array(this.#buffer, offset, length);
  }
}

const publicPool = new Pool(PUBLIC_BYTES);
const secretPool = new Pool(SECRET_BYTES);

/** A buffer for bytes that are not secret. */
export function publicBuffer(length: number): Uint8Array {
  return publicPool.take(length);
}

/** A buffer for a secret, among secrets only. Its owner wipes it. */
export function secretBuffer(length: number): Uint8Array {
  return secretPool.take(length);
}
