/** LineReader: cuts a byte stream into lines of bounded length, for both ends of the admin plane. */

/** Bytes of the longest request or reply, without its LF. */
const lineLengthMax = 64 * 1024;

export class LineReader {
  /** Bytes of the longest line, without its LF. */
  readonly lengthMax: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(lengthMax: number = lineLengthMax) {
    this.lengthMax = lengthMax;
  }

  /** A line was longer than the limit; nothing after it is read. */
  get overflowed(): boolean {
    return this.#length > this.lengthMax;
  }

  /** @returns the lines that `chunk` completes. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    for (let start = 0; !this.overflowed; ) {
      const end = chunk.indexOf(0x0a, start);
      this.#add(chunk.subarray(start, end < 0 ? undefined : end));
      if (end < 0 || this.overflowed) break;
      lines.push(Buffer.concat(this.#parts).toString('utf8'));
      this.#parts = [];
      this.#length = 0;
      start = end + 1;
    }
    return lines;
  }

  #add(part: Buffer): void {
    this.#length += part.length;
    if (this.overflowed) this.#parts = [];
    else if (part.length > 0) this.#parts.push(part);
  }
}
