/**
 * SHA-256 after one block (FIPS 180-4, 6.2.2), which node:crypto does not show: what an HMAC context holds in place of its
 * key.
 */

const mod = (value: number): number => value >>> 0;
const rotate = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits));

/** The first 32 bits of the fractional parts of a root of the first primes: FIPS 180-4, 4.2.2 and 5.3.3. */
function fractions(count: number, root: (prime: bigint) => bigint): number[] {
  const primes: bigint[] = [];
  for (let number = 2n; primes.length < count; number += 1n)
    if (primes.every((prime) => number % prime !== 0n)) primes.push(number);
  return primes.map((prime) => Number(root(prime) & 0xffff_ffffn));
}

/** floor(value ^ (1 / power)) */
function integerRoot(value: bigint, power: bigint): bigint {
  let [low, high] = [0n, 1n << 64n];
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** power <= value) low = middle;
    else high = middle;
  }
  return low;
}

const START = fractions(8, (prime) => integerRoot(prime << 64n, 2n));
const ROUND = fractions(64, (prime) => integerRoot(prime << 96n, 3n));

/** Words of a block, each added to its round's constant: how SHA-256 without a processor's help writes them to the stack. */
export function withRoundConstants(words: Uint8Array): Buffer {
  const sums = Buffer.from(words);
  for (let at = 0; at < sums.length; at += 4)
    sums.writeUInt32LE(mod(sums.readUInt32BE(at) + (ROUND[at / 4] as number)), at);
  return sums;
}

/** The eight words of the state after one block of 64 bytes, as a little-endian machine keeps them. */
export function sha256State(block: Uint8Array): Buffer {
  const words = Array.from({ length: 16 }, (_, index) =>
    Buffer.from(block).readUInt32BE(index * 4),
  );
  const at = (index: number): number => words[index] as number;
  for (let t = 16; t < 64; t += 1) {
    const s0 = rotate(at(t - 15), 7) ^ rotate(at(t - 15), 18) ^ (at(t - 15) >>> 3);
    const s1 = rotate(at(t - 2), 17) ^ rotate(at(t - 2), 19) ^ (at(t - 2) >>> 10);
    words.push(mod(s1 + at(t - 7) + s0 + at(t - 16)));
  }
  let [a, b, c, d, e, f, g, h] = START as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  for (let t = 0; t < 64; t += 1) {
    const sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const t1 = h + sum1 + ((e & f) ^ (~e & g)) + (ROUND[t] as number) + at(t);
    const sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const t2 = sum0 + ((a & b) ^ (a & c) ^ (b & c));
    [h, g, f, e, d, c, b, a] = [g, f, e, mod(d + t1), c, b, a, mod(t1 + t2)];
  }
  const state = Buffer.alloc(32);
  for (const [index, word] of [a, b, c, d, e, f, g, h].entries())
    state.writeUInt32LE(mod(word + (START[index] as number)), index * 4);
  return state;
}
