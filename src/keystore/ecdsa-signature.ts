/**
 * The two forms of an ECDSA signature: r || s, as a token makes it (PKCS#11 v3.2 section 6.3.1), and
 * Ecdsa-Sig-Value in DER (RFC 3279 section 2.2.3), as AWS KMS answers it.
 */
import { derTag, readDerUnsigned, readWholeDer, writeDer, writeDerUnsigned } from './der.ts';

/** @param signature r || s, both of the same length */
export function ecdsaToDer(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2;
  const [r, s] = [signature.subarray(0, half), signature.subarray(half)];
  return writeDer(derTag.sequence, writeDerUnsigned(r), writeDerUnsigned(s));
}

/**
 * @param fieldLength bytes of r and of s
 * @returns undefined for what is no such signature: not DER, something left over, a number too long
 */
export function ecdsaFromDer(signature: Uint8Array, fieldLength: number): Uint8Array | undefined {
  const content = readWholeDer(signature, derTag.sequence);
  const r = content && readDerUnsigned(content);
  const s = r && readDerUnsigned(r.rest);
  if (r === undefined || s === undefined || s.rest.length > 0) return undefined;
  if (r.value.length > fieldLength || s.value.length > fieldLength) return undefined;
  const numbers = new Uint8Array(2 * fieldLength);
  numbers.set(r.value, fieldLength - r.value.length);
  numbers.set(s.value, 2 * fieldLength - s.value.length);
  return numbers;
}
