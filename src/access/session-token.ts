/**
 * Session tokens: temporary credentials that carry themselves. A token holds the secret access key, the principal and
 * what its session says, sealed under a key that the threads of a server share and a restarted one still has; nothing
 * is looked up.
 *
 * Form, base64: version (1 octet, 1), nonce (12 octets, random), AES-256-GCM ciphertext of JSON, tag (16 octets). The
 * additional data are the version octet.
 */
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { type Credential, credential } from './credential-store.ts';
import { generateAccessKey } from './credentials-file.ts';
import type { AccessKey, Principal, SessionFacts } from './principal.ts';

/** Octets of the key that seals tokens. */
export const sessionKeyLength = 32;

const version = Buffer.from([1]);
const nonceLength = 12;
const tagLength = 16;
/** Characters; a request's headers have room for 16,384. */
const tokenLengthMax = 8192;
/** Opened tokens that are kept; the oldest goes first. */
const openedMax = 1024;

/** Whoever has a session: without its access key, which is made with the token. */
export type SessionPrincipal = {
  [P in Principal as P['type']]: P extends { readonly session?: SessionFacts | undefined }
    ? Omit<P, 'accessKeyId' | 'session'> & { readonly session: SessionFacts }
    : never;
}[Principal['type']];

export interface SessionCredential extends Credential {
  /** wallClock. */
  readonly expiresAtMs: number;
}

export interface TemporaryCredentials extends AccessKey {
  readonly sessionToken: string;
}

/** A token would be longer than the headers of a request hold: too much policy, too many tags. */
export class SessionTooLargeError extends Error {
  override readonly name = 'SessionTooLargeError';
  /** How much of what fits: above 100. */
  readonly percent: number;

  constructor(percent: number) {
    super(`a session of ${percent} % of what a token holds`);
    this.percent = percent;
  }
}

/** What is sealed. */
interface Payload {
  readonly secretAccessKey: string;
  readonly principal: Principal;
}

export class SessionTokens {
  readonly #key: KeyObject;
  readonly #opened = new Map<string, SessionCredential>();

  /** @param key 32 octets; copied */
  constructor(key: Uint8Array) {
    if (key.length !== sessionKeyLength)
      throw new RangeError(`a key of ${sessionKeyLength} octets`);
    this.#key = createSecretKey(key);
  }

  /** Makes credentials. @throws SessionTooLargeError */
  issue(principal: SessionPrincipal): TemporaryCredentials {
    const { accessKeyId: id, secretAccessKey } = generateAccessKey();
    // AWS's prefixes: AKIA of long-term, ASIA of temporary ones.
    const accessKeyId = `ASIA${id.slice(4)}`;
    const payload: Payload = { secretAccessKey, principal: { ...principal, accessKeyId } };
    const nonce = randomBytes(nonceLength);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(version);
    const sealed = [cipher.update(JSON.stringify(payload, mapsAsEntries), 'utf8'), cipher.final()];
    const token = Buffer.concat([version, nonce, ...sealed, cipher.getAuthTag()]);
    const sessionToken = token.toString('base64');
    if (sessionToken.length > tokenLengthMax)
      throw new SessionTooLargeError(Math.ceil((sessionToken.length * 100) / tokenLengthMax));
    return { accessKeyId, secretAccessKey, sessionToken };
  }

  /** @returns undefined for what is no token of this key. Whether it is over its time is for the caller to see */
  open(token: string): SessionCredential | undefined {
    const known = this.#opened.get(token);
    if (known !== undefined) return known;
    const payload = this.#unseal(token);
    if (payload === undefined) return undefined;
    const { principal, secretAccessKey } = payload;
    const { session } = principal;
    if (session === undefined) return undefined;
    const opened = {
      ...credential(principal, secretAccessKey),
      expiresAtMs: session.expiresAtMs,
    };
    if (this.#opened.size >= openedMax) {
      const [oldest] = this.#opened.keys();
      if (oldest !== undefined) this.#opened.delete(oldest);
    }
    this.#opened.set(token, opened);
    return opened;
  }

  #unseal(token: string): Payload | undefined {
    if (token.length > tokenLengthMax) return undefined;
    const octets = Buffer.from(token, 'base64');
    // One text for each token: base64 that is written otherwise is another's doing.
    if (octets.toString('base64') !== token) return undefined;
    if (octets.length <= 1 + nonceLength + tagLength || octets[0] !== version[0]) return undefined;
    const nonce = octets.subarray(1, 1 + nonceLength);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce, {
      authTagLength: tagLength,
    })
      .setAAD(version)
      .setAuthTag(octets.subarray(-tagLength));
    const parts = [decipher.update(octets.subarray(1 + nonceLength, -tagLength))];
    try {
      parts.push(decipher.final());
    } catch {
      return undefined;
    }
    const plaintext = Buffer.concat(parts);
    try {
      return JSON.parse(plaintext.toString('utf8'), entriesAsMaps) as Payload;
    } finally {
      plaintext.fill(0);
      for (const part of parts) part.fill(0);
    }
  }
}

/** The tags of a session are a map, and the only one. */
function mapsAsEntries(_: string, value: unknown): unknown {
  return value instanceof Map ? [...value] : value;
}

function entriesAsMaps(this: unknown, name: string, value: unknown): unknown {
  return name === 'tags' && Array.isArray(value) ? new Map(value as [string, string][]) : value;
}
