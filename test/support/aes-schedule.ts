/**
 * The key schedule of AES-256 (FIPS 197, 5.2), which node:crypto does not show: the form in which a cipher context holds its
 * key. It begins with the key itself.
 */

/** Multiplies by x in GF(2^8). */
const double = (byte: number): number => ((byte << 1) ^ (byte & 0x80 ? 0x11b : 0)) & 0xff;

/** FIPS 197, 5.1.1: inverse in GF(2^8), then an affine map. Walks all powers of the generator 3 and of its inverse. */
function makeSBox(): Uint8Array {
  const box = new Uint8Array(256);
  let power = 1;
  let inverse = 1;
  do {
    power ^= double(power);
    inverse ^= inverse << 1;
    inverse ^= inverse << 2;
    inverse ^= inverse << 4;
    inverse &= 0xff;
    if (inverse & 0x80) inverse ^= 0x09;
    const turned = [1, 2, 3, 4].map((bits) => (inverse << bits) | (inverse >> (8 - bits)));
    box[power] = turned.reduce((sum, byte) => sum ^ byte, inverse ^ 0x63);
  } while (power !== 1);
  box[0] = 0x63;
  return box;
}

const S_BOX = makeSBox();
const KEY_WORDS = 8;
const SCHEDULE_WORDS = 60;

/** 240 bytes: fifteen round keys. @param key 32 bytes */
export function aes256Schedule(key: Uint8Array): Buffer {
  const schedule = Buffer.alloc(SCHEDULE_WORDS * 4);
  schedule.set(key);
  let roundConstant = 1;
  for (let word = KEY_WORDS; word < SCHEDULE_WORDS; word += 1) {
    let last = [...schedule.subarray(word * 4 - 4, word * 4)];
    if (word % KEY_WORDS === 0) last = [...last.slice(1), ...last.slice(0, 1)];
    if (word % 4 === 0) last = last.map((byte) => S_BOX[byte] as number);
    if (word % KEY_WORDS === 0) {
      last[0] = (last[0] as number) ^ roundConstant;
      roundConstant = double(roundConstant);
    }
    for (const [index, byte] of last.entries())
      schedule[word * 4 + index] = byte ^ (schedule[(word - KEY_WORDS) * 4 + index] as number);
  }
  return schedule;
}
