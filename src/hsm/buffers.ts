/**
 * Where results are put. Ciphertexts and MACs come from Node's pool: a larger pool makes that several times cheaper for
 * results of some KiB. Secrets never do: a pool's memory is shared with unrelated data, and whoever wipes a secret must
 * be able to say which bytes those are.
 */
Buffer.poolSize = 64 * 1024;

/** An uninitialised buffer for bytes that are not secret. */
export function publicBuffer(length: number): Uint8Array {
  return Buffer.allocUnsafe(length);
}

/** A buffer of its own for a secret. Its owner wipes it. */
export function secretBuffer(length: number): Uint8Array {
  return Buffer.allocUnsafeSlow(length);
}
