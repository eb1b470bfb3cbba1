/**
 * A back-up's bytes: a header, then AES-256-GCM in chunks, each bound to its place and the last one marked as such, so that
 * no chunk can be altered, moved, left out or be taken for the end. Format: docs/formats/back-up.md.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { keyBytes, openingKey, publicKeyOf, sealingKey } from './recovery-key.ts';

const magic = Buffer.from('SRBACKUP', 'latin1');
const version = 1;
const versionAt = magic.length;
const recipientAt = versionAt + 4;
const ephemeralAt = recipientAt + keyBytes;
const headerBytes = ephemeralAt + keyBytes;
const chunkBytes = 64 * 1024;
const tagBytes = 16;

/** A back-up that cannot be opened; the message says why. Nothing was written. */
export class BackUpError extends Error {
  override readonly name = 'BackUpError';
}

/** Seals what is pushed; `write` gets every piece of the file, in order. */
export class SealedWriter {
  readonly #write: (bytes: Uint8Array) => Promise<void>;
  readonly #publicKey: Uint8Array;
  readonly #pending = Buffer.alloc(chunkBytes);
  #pendingLength = 0;
  #key: Uint8Array | undefined;
  #count = 0n;

  constructor(publicKey: Uint8Array, write: (bytes: Uint8Array) => Promise<void>) {
    this.#publicKey = publicKey;
    this.#write = write;
  }

  async push(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      // A full chunk is not the last one as soon as there is more.
      if (this.#pendingLength === chunkBytes) await this.#seal(false);
      const piece = bytes.subarray(at, at + chunkBytes - this.#pendingLength);
      this.#pending.set(piece, this.#pendingLength);
      this.#pendingLength += piece.length;
      at += piece.length;
    }
  }

  async end(): Promise<void> {
    await this.#seal(true);
    this.#key?.fill(0);
  }

  async #seal(isLast: boolean): Promise<void> {
    this.#key ??= await this.#begin();
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce(this.#count, isLast));
    this.#count += 1n;
    const plaintext = this.#pending.subarray(0, this.#pendingLength);
    const sealed = cipher.update(plaintext);
    cipher.final();
    plaintext.fill(0);
    this.#pendingLength = 0;
    await this.#write(Buffer.concat([sealed, cipher.getAuthTag()]));
  }

  async #begin(): Promise<Uint8Array> {
    let header = Buffer.alloc(0);
    const { key } = sealingKey(this.#publicKey, (ephemeral) => {
      const number = Buffer.alloc(4);
      number.writeUInt32BE(version);
      header = Buffer.concat([magic, number, this.#publicKey, ephemeral]);
      return header;
    });
    await this.#write(header);
    return key;
  }
}

/** The plaintext of a back-up, chunk by chunk, each checked before it is given. @throws BackUpError */
export async function* openSealed(
  file: AsyncIterable<Uint8Array>,
  secret: Uint8Array,
): AsyncGenerator<Buffer> {
  const pieces = new Pieces(file);
  const header = await pieces.take(headerBytes);
  if (!header.subarray(0, magic.length).equals(magic.subarray(0, header.length)))
    throw new BackUpError('this is no back-up of Strongroom');
  if (header.length < headerBytes) throw new BackUpError('the back-up is cut off in its header');
  const found = header.readUInt32BE(versionAt);
  if (found !== version) {
    throw new BackUpError(
      `the back-up has format version ${found}; this release reads version ${version}`,
    );
  }
  const recipient = header.subarray(recipientAt, ephemeralAt);
  if (!recipient.equals(publicKeyOf(secret)))
    throw new BackUpError('this is not the recovery secret that the back-up was made for');
  const key = openingKey(secret, header.subarray(ephemeralAt), header);
  try {
    for (let count = 0n; ; count += 1n) {
      const chunk = await pieces.take(chunkBytes + tagBytes);
      const isLast = await pieces.isAtEnd();
      yield opened(key, nonce(count, isLast), chunk);
      if (isLast) return;
    }
  } finally {
    key.fill(0);
  }
}

function opened(key: Uint8Array, iv: Uint8Array, chunk: Buffer): Buffer {
  if (chunk.length < tagBytes) throw new BackUpError('the back-up is cut off');
  const decipher = createDecipheriv('aes-256-gcm', key, iv);
  decipher.setAuthTag(chunk.subarray(chunk.length - tagBytes));
  const plaintext = decipher.update(chunk.subarray(0, chunk.length - tagBytes));
  try {
    decipher.final();
  } catch (cause) {
    throw new BackUpError('the back-up is cut off or was altered', { cause });
  }
  return plaintext;
}

/** Number of the chunk, big-endian, and 1 for the last one. Each key is of one back-up. */
function nonce(count: bigint, isLast: boolean): Uint8Array {
  const bytes = Buffer.alloc(12);
  bytes.writeBigUInt64BE(count, 3);
  bytes[11] = isLast ? 1 : 0;
  return bytes;
}

/** Cuts a stream into pieces of wanted lengths. */
export class Pieces {
  readonly #source: AsyncIterator<Uint8Array>;
  #have: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** As many bytes; fewer at the end. */
  async take(length: number): Promise<Buffer> {
    await this.#fill(length);
    const piece = this.#have.subarray(0, length);
    this.#have = this.#have.subarray(piece.length);
    return piece;
  }

  async isAtEnd(): Promise<boolean> {
    await this.#fill(1);
    return this.#have.length === 0;
  }

  async #fill(length: number): Promise<void> {
    while (!this.#ended && this.#have.length < length) {
      const { value, done } = await this.#source.next();
      if (done === true) this.#ended = true;
      else this.#have = Buffer.concat([this.#have, value]);
    }
  }
}
