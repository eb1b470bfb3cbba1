/**
 * Searches bytes for many secrets at once, each in the forms that it could lie about in.
 */
import { aes256Schedule } from './aes-schedule.ts';
import { sha256State, withRoundConstants } from './sha256-state.ts';

export interface Needle {
  readonly secret: string;
  /** `raw`, `hex`, `base64+1 UTF-16` and so on. */
  readonly form: string;
  readonly pattern: Buffer;
}

export interface Found {
  readonly needle: Needle;
  /** Bytes from the start of the haystack. */
  readonly offset: number;
}

/** Shortest pattern: a window of four bytes at each of the four alignments. */
const PATTERN_BYTES_MIN = 7;

/** A secret as it is, in hexadecimal, in base64 at each of its three alignments, and the texts in UTF-16, too. */
export function formsOf(secret: string, value: Uint8Array): Needle[] {
  const raw = Buffer.from(value);
  const hex = raw.toString('hex');
  const texts = new Map([
    ['hex', hex],
    ['HEX', hex.toUpperCase()],
  ]);
  for (let shift = 0; shift < 3; shift += 1) {
    // What is common to every base64 text in which the secret begins `shift` bytes into a group of three.
    const text = Buffer.concat([Buffer.alloc(shift), raw]).toString('base64');
    const begin = Math.ceil((shift * 8) / 6);
    const common = text.slice(begin, Math.floor(((shift + raw.length) * 8) / 6));
    texts.set(`base64+${shift}`, common);
    const url = common.replaceAll('+', '-').replaceAll('/', '_');
    if (url !== common) texts.set(`base64url+${shift}`, url);
  }
  const needles: Needle[] = [{ secret, form: 'raw', pattern: raw }];
  for (const [form, text] of texts) needles.push(...textForms(secret, form, text));
  return needles;
}

/** A text as Latin-1 (the same as UTF-8 here) and as UTF-16. */
export function textForms(secret: string, form: string, text: string): Needle[] {
  return [
    { secret, form, pattern: Buffer.from(text, 'latin1') },
    { secret, form: `${form} UTF-16`, pattern: Buffer.from(text, 'utf16le') },
  ];
}

/**
 * What HMAC-SHA-256 makes of a key of up to 64 bytes on its way into the hash: the two pads, and key and pads as the
 * big-endian words that SHA-256 counts with, which lie byte-reversed in memory, alone or added to the rounds' constants.
 */
export function hmacFormsOf(secret: string, value: Uint8Array): Needle[] {
  const key = Buffer.from(value);
  const pads = new Map([
    ['key', key],
    ['inner pad', Buffer.from(key.map((byte) => byte ^ 0x36))],
    ['outer pad', Buffer.from(key.map((byte) => byte ^ 0x5c))],
  ]);
  return [...pads].flatMap(([form, bytes]) => [
    ...(form === 'key' ? [] : [{ secret, form, pattern: bytes }]),
    { secret, form: `${form}, words`, pattern: Buffer.from(bytes).swap32() },
    { secret, form: `${form}, first sums`, pattern: withRoundConstants(bytes).subarray(0, 16) },
  ]);
}

/** The schedule of an AES-256 key, which begins with the key: a hit of it explains a hit of the raw key at its place. */
export function scheduleOf(secret: string, value: Uint8Array): Needle {
  return { secret, form: 'schedule', pattern: aes256Schedule(value) };
}

/**
 * What a ready HMAC-SHA-256 context holds in place of its key: the hash's state after each pad. Not the key, and the key
 * does not follow from it, but it makes every MAC that the key makes.
 */
export function hmacStatesOf(secret: string, value: Uint8Array): Needle[] {
  return [0x36, 0x5c].map((pad) => {
    const block = Buffer.alloc(64);
    block.set(value);
    return { secret, form: 'HMAC state', pattern: sha256State(block.map((byte) => byte ^ pad)) };
  });
}

/**
 * Finds any of the needles at any offset. It looks at one aligned 32-bit word in four bytes and follows up only those that
 * occur in a needle, so that its time does not depend on how many needles there are.
 */
export class Search {
  readonly patternBytesMax: number;
  readonly #hashes = new Uint8Array(1 << 16);
  readonly #byWord = new Map<number, { needle: Needle; shift: number }[]>();

  constructor(needles: readonly Needle[]) {
    for (const needle of needles) {
      const { pattern } = needle;
      if (pattern.length < PATTERN_BYTES_MIN)
        throw new RangeError(`${needle.secret}: too short to search for`);
      for (let shift = 0; shift < 4; shift += 1) {
        const word = pattern.readUInt32LE(shift);
        this.#hashes[(word ^ (word >>> 16)) & 0xffff] = 1;
        const known = this.#byWord.get(word);
        if (known === undefined) this.#byWord.set(word, [{ needle, shift }]);
        else known.push({ needle, shift });
      }
    }
    this.patternBytesMax = Math.max(...needles.map(({ pattern }) => pattern.length));
  }

  /** @param haystack begins at a multiple of 4 in its buffer */
  in(haystack: Buffer): Found[] {
    const found: Found[] = [];
    const words = new Uint32Array(haystack.buffer, haystack.byteOffset, haystack.length >>> 2);
    const hashes = this.#hashes;
    for (let index = 0; index < words.length; index += 1) {
      const word = words[index] as number;
      if (hashes[(word ^ (word >>> 16)) & 0xffff] === 0) continue;
      for (const { needle, shift } of this.#byWord.get(word) ?? []) {
        const offset = index * 4 - shift;
        const { pattern } = needle;
        if (offset < 0 || offset + pattern.length > haystack.length) continue;
        if (haystack.compare(pattern, 0, pattern.length, offset, offset + pattern.length) === 0)
          found.push({ needle, offset });
      }
    }
    return found;
  }
}
