/**
 * PINs on their way to the token.
 */

/** PINs given as text are encoded as UTF-8; the copy made here is wiped. */
export async function withPin<T>(
  pin: Uint8Array | string,
  use: (bytes: Uint8Array) => Promise<T>,
): Promise<T> {
  if (typeof pin !== 'string') return use(pin);
  const bytes = new TextEncoder().encode(pin);
  try {
    return await use(bytes);
  } finally {
    bytes.fill(0);
  }
}
