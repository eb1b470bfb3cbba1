/**
 * Signing keys of Signature Version 4: derived from a secret for one day, Region and service, and used for
 * HMAC-SHA-256 over short texts.
 *
 * HMAC is written out as its two hashes (RFC 2104), each one call of node's one-shot `hash`, with the padded
 * key blocks kept ready: a third of the time of createHmac, which sets up a key and an object each time.
 */
import { createHmac, hash } from 'node:crypto';
import type { Credential } from './credential-store.ts';

const blockLength = 64;
const digestLength = 32;
/** Room for the text of a MAC; a string to sign has at most about 170 characters. */
const textLengthMax = 512;

export class SigningKey {
  /** K xor ipad, then the text. */
  readonly #inner = Buffer.alloc(blockLength + textLengthMax, 0x36);
  /** K xor opad, then the inner digest. */
  readonly #outer = Buffer.alloc(blockLength + digestLength, 0x5c);

  /** @param key at most 64 bytes; copied */
  constructor(key: Uint8Array) {
    for (const [i, octet] of key.entries()) {
      this.#inner[i]! ^= octet;
      this.#outer[i]! ^= octet;
    }
  }

  /**
   * HMAC-SHA-256 in hex.
   * @param text one octet for each character, at most 512
   */
  mac(text: string): string {
    if (text.length > textLengthMax) throw new RangeError('text is longer than 512 characters');
    const length = this.#inner.write(text, blockLength, 'latin1');
    const digest = hash('sha256', this.#inner.subarray(0, blockLength + length), 'binary');
    this.#outer.write(digest, blockLength, 'latin1');
    return hash('sha256', this.#outer, 'hex');
  }
}

/** @param scope `<yyyymmdd>/<region>/<service>/aws4_request` */
export function deriveSigningKey(
  credential: Pick<Credential, 'derivationKey'>,
  scope: string,
): SigningKey {
  const steps: Buffer[] = [];
  for (const part of scope.split('/')) {
    const key = steps.at(-1) ?? credential.derivationKey;
    steps.push(createHmac('sha256', key).update(part, 'latin1').digest());
  }
  const signingKey = new SigningKey(steps.at(-1)!);
  for (const step of steps) step.fill(0);
  return signingKey;
}

/** Of one access key, for days and Regions in use; the oldest goes first. */
const cachedMax = 1024;

/** Derived keys of known access keys, so that a request costs two hashes and not five HMACs more. */
export class SigningKeyCache {
  /** By scope. An access key that the store replaces is another credential, and the old one's keys go with it. */
  readonly #signingKeys = new WeakMap<Credential, Map<string, SigningKey>>();

  get(credential: Credential, scope: string): SigningKey {
    let ofCredential = this.#signingKeys.get(credential);
    if (ofCredential === undefined) {
      ofCredential = new Map();
      this.#signingKeys.set(credential, ofCredential);
    }
    const cached = ofCredential.get(scope);
    if (cached !== undefined) return cached;
    const signingKey = deriveSigningKey(credential, scope);
    if (ofCredential.size >= cachedMax) {
      const [oldest] = ofCredential.keys();
      if (oldest !== undefined) ofCredential.delete(oldest);
    }
    ofCredential.set(scope, signingKey);
    return signingKey;
  }

  /** Keys kept for an access key. */
  count(credential: Credential): number {
    return this.#signingKeys.get(credential)?.size ?? 0;
  }
}
