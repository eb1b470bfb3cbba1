/**
 * The security officer's PIN: made at first boot, handed to the operator once in a file outside the data directory, and
 * read again at the moment a ceremony asks for it. Between those the service does not have it.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { CkrError } from '../hsm/index.ts';
import { makeDirectory, syncDirectory } from '../store/data-directory.ts';
import { errorText } from '../values/unknown.ts';
import { StartError } from './start-error.ts';

/** No PIN of a token is longer; docs/formats/token-objects.md. */
const PIN_BYTES_MAX = 255;

/** Where the PIN goes and comes from when nobody says otherwise: beside the data directory. */
export function soPinFileDefault(dataDirectory: string): string {
  return `${resolve(dataDirectory)}.so-pin`;
}

/** Is `file` the directory or in it, also by way of symbolic links? */
export function isInside(directory: string, file: string): boolean {
  const way = relative(realPath(directory), realPath(file));
  return way === '' || !(way === '..' || way.startsWith('../'));
}

/** Of what is there; the rest of the path as it is written. */
function realPath(path: string): string {
  const absolute = resolve(path);
  if (existsSync(absolute)) return realpathSync(absolute);
  const parent = dirname(absolute);
  return parent === absolute ? absolute : join(realPath(parent), basename(absolute));
}

/** @throws StartError for a place where the service would keep the PIN */
export function refuseKeptSoPin(dataDirectory: string, file: string): void {
  if (!isInside(dataDirectory, file)) return;
  throw new StartError(
    `${file} is in the data directory: the security officer's PIN has to be kept elsewhere, see --so-pin-file`,
    'CONFLICT',
  );
}

/**
 * Writes the PIN of a device in the making, to a file that nobody had there before (0600). The mark, durable before the file
 * is made, names the file of a first boot that was cut off: the next one takes that away, if it holds a PIN of ours or a
 * part of one, and nothing else.
 */
export class SoPinHandOver {
  readonly #file: string;
  readonly #mark: string;

  /**
   * Before anything is made.
   * @param mark path of a file in the data directory
   * @throws StartError when the PIN's file is there, and is not one of a first boot that was cut off
   */
  constructor(file: string, mark: string) {
    this.#file = resolve(file);
    this.#mark = mark;
    if (existsSync(this.#file)) {
      if (readMark(mark) !== this.#way() || !isPinOrPart(this.#file)) {
        throw new StartError(
          `${file} is there already, and the PIN of a new device never takes another's place: move it away, or name another file with --so-pin-file`,
          'FAILED',
        );
      }
      rmSync(this.#file);
    }
    rmSync(mark, { force: true });
  }

  /** Durable when it returns. @throws StartError */
  write(pin: Uint8Array): void {
    try {
      makeDirectory(dirname(this.#file));
      if (existsSync(this.#file)) throw new Error(`${this.#file} has come to be there`);
      writeFileSync(this.#mark, this.#way(), { mode: 0o600, flush: true });
      syncDirectory(dirname(this.#mark));
      const fd = openSync(this.#file, 'wx', 0o600);
      try {
        writeSync(fd, pin);
        writeSync(fd, '\n');
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      syncDirectory(dirname(this.#file));
    } catch (cause) {
      throw new StartError(
        `the security officer's PIN cannot be written: ${errorText(cause)}`,
        'FAILED',
        { cause },
      );
    }
  }

  /** To the file from the mark: the same when both are moved together. */
  #way(): string {
    return relative(dirname(resolve(this.#mark)), this.#file);
  }

  /** The device is complete: the file is the operator's from now on. */
  done(): void {
    rmSync(this.#mark, { force: true });
  }
}

const readMark = (mark: string): string | undefined =>
  existsSync(mark) ? readFileSync(mark, 'utf8') : undefined;

/** As token.ts makes PINs: whole, cut short, or zeros where a power cut took what was written. */
const isPinOrPart = (file: string): boolean =>
  statSync(file).isFile() &&
  statSync(file).size <= PIN_BYTES_MAX &&
  /^[\d\0]*\n?$/.test(readFileSync(file, 'latin1'));

/**
 * Reads the PIN for one ceremony, and wipes it when that is over. A wrong PIN is a try.
 * @param what asks for it, for the message when it is not there
 * @throws StartError; what `ceremony` throws
 */
export async function withSoPin<T>(
  file: string,
  what: string,
  ceremony: (pin: Uint8Array) => Promise<T>,
): Promise<T> {
  const room = Buffer.alloc(PIN_BYTES_MAX + 2);
  try {
    return await ceremony(readPinInto(room, file, what));
  } catch (error) {
    const trouble = error instanceof CkrError ? PIN_TROUBLE[error.ckr] : undefined;
    if (trouble === undefined) throw error;
    throw new StartError(`the PIN in ${file} ${trouble}`, 'FAILED', { cause: error });
  } finally {
    room.fill(0);
  }
}

const PIN_TROUBLE: Readonly<Record<string, string>> = {
  CKR_PIN_INCORRECT: "is not the security officer's; this was one of the tries there are",
  CKR_PIN_LOCKED: 'was not looked at: the security officer is locked out after too many tries',
  CKR_PIN_LEN_RANGE: "is not the security officer's; no PIN has that length",
};

/** @returns a view of `room` */
function readPinInto(room: Buffer, file: string, what: string): Uint8Array {
  let length: number;
  try {
    length = readInto(room, file);
  } catch (cause) {
    throw new StartError(
      `${what} needs the security officer, whose PIN is not in ${file} (${errorText(cause)}); name its file with --so-pin-file`,
      'FAILED',
      { cause },
    );
  }
  while (length > 0 && isBlank(room[length - 1])) length -= 1;
  if (length === 0) throw new StartError(`${file} holds no PIN`, 'FAILED');
  if (length > PIN_BYTES_MAX) throw new StartError(`${file} holds more than a PIN`, 'FAILED');
  return room.subarray(0, length);
}

/** Straight into the caller's buffer: what `readFileSync` makes on its way stays behind. @returns bytes read */
function readInto(room: Buffer, file: string): number {
  const fd = openSync(file, 'r');
  try {
    let length = 0;
    for (;;) {
      const count = readSync(fd, room, length, room.length - length, null);
      length += count;
      if (count === 0 || length === room.length) return length;
    }
  } finally {
    closeSync(fd);
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x0a || byte === 0x0d || byte === 0x20 || byte === 0x09;
}
