/**
 * Where PINs come from: a file, the environment, or the person at the terminal. Never from the command line, which every
 * process of the machine may read; and none is ever printed.
 */
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { errorText } from '../../values/unknown.ts';
import { CommandError, UsageError } from '../exit.ts';
import type { Environment } from './place.ts';

/** PINs a command may ask for. */
export interface PinSource {
  readonly flag: keyof typeof PIN_FLAGS;
  readonly variable: string;
  /** In a sentence. */
  readonly name: string;
  /** A new one is typed twice. */
  readonly isNew: boolean;
}

export const PIN_FLAGS = {
  'pin-file': { type: 'string' },
  'so-pin-file': { type: 'string' },
  'new-pin-file': { type: 'string' },
} as const;

export type PinValues = { readonly [F in keyof typeof PIN_FLAGS]?: string | undefined };

export const PINS = {
  user: { flag: 'pin-file', variable: 'STRONGROOM_PIN', name: 'user PIN', isNew: false },
  so: { flag: 'so-pin-file', variable: 'STRONGROOM_SO_PIN', name: 'SO PIN', isNew: false },
  firstSo: { flag: 'so-pin-file', variable: 'STRONGROOM_SO_PIN', name: 'SO PIN', isNew: true },
  newUser: {
    flag: 'new-pin-file',
    variable: 'STRONGROOM_NEW_PIN',
    name: 'new user PIN',
    isNew: true,
  },
  newSo: { flag: 'new-pin-file', variable: 'STRONGROOM_NEW_PIN', name: 'new SO PIN', isNew: true },
} as const;

export const PIN_HELP = {
  user: `\
  --pin-file FILE     the user PIN                               (STRONGROOM_PIN, else it is asked for)
`,
  so: `\
  --so-pin-file FILE  the SO PIN                                 (STRONGROOM_SO_PIN, else it is asked for)
`,
  fresh: `\
  --new-pin-file FILE the new PIN                                (STRONGROOM_NEW_PIN, else it is asked for)
`,
} as const;

/** A PIN's bytes, for one block: they are wiped when it is left. */
export class Pin implements Disposable {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  [Symbol.dispose](): void {
    this.bytes.fill(0);
  }
}

/** Standard input and error, as far as a prompt needs them. */
export interface Terminal {
  readonly input: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly output: { write(text: string): unknown };
}

/** A file that is longer holds no PIN. */
const FILE_BYTES_MAX = 1024;

/** Is there a PIN without asking? */
export function hasPin(
  source: PinSource,
  values: PinValues,
  environment: Environment = process.env,
): boolean {
  return values[source.flag] !== undefined || environment[source.variable] !== undefined;
}

/** @throws CommandError (the file), UsageError (no terminal to ask at) */
export async function readPin(
  source: PinSource,
  values: PinValues,
  environment: Environment = process.env,
  terminal: Terminal = { input: process.stdin, output: process.stderr },
): Promise<Pin> {
  const file = values[source.flag];
  if (file !== undefined) return new Pin(readPinFile(file));
  const variable = environment[source.variable];
  if (variable !== undefined) return new Pin(new TextEncoder().encode(variable));
  if (terminal.input.isTTY !== true) {
    throw new UsageError(
      `where is the ${source.name}? --${source.flag} FILE, ${source.variable}, or a terminal to ask at`,
    );
  }
  const pin = new Pin(await prompt(`${source.name}: `, terminal));
  if (!source.isNew) return pin;
  using again = new Pin(await prompt(`${source.name} again: `, terminal));
  if (Buffer.compare(pin.bytes, again.bytes) === 0) return pin;
  pin[Symbol.dispose]();
  throw new CommandError('the two are not the same; nothing was changed');
}

/** The file's first line. */
function readPinFile(file: string): Uint8Array {
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch (cause) {
    throw new CommandError(`no PIN was read: ${errorText(cause)}`, undefined, { cause });
  }
  try {
    if (content.length > FILE_BYTES_MAX) throw new CommandError(`${file} is too long for a PIN`);
    const end = content.indexOf('\n');
    const line = end < 0 ? content : content.subarray(0, end);
    return Uint8Array.from(line.at(-1) === 0x0d ? line.subarray(0, -1) : line);
  } finally {
    content.fill(0);
  }
}

const KEYS = {
  interrupt: 0x03,
  endOfFile: 0x04,
  backspace: 0x08,
  erase: 0x15,
  delete: 0x7f,
} as const;

/** What is typed until Return; nothing of it is shown. @throws CommandError when Control-C or Control-D end it */
async function prompt(question: string, { input, output }: Terminal): Promise<Uint8Array> {
  output.write(question);
  input.setRawMode?.(true);
  const typed = Buffer.alloc(FILE_BYTES_MAX);
  let length = 0;
  try {
    for await (const chunk of input.iterator({ destroyOnReturn: false })) {
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
      try {
        for (const byte of bytes) {
          if (byte === 0x0d || byte === 0x0a) return Uint8Array.from(typed.subarray(0, length));
          if (byte === KEYS.interrupt || byte === KEYS.endOfFile)
            throw new CommandError('given up');
          if (byte === KEYS.erase) length = 0;
          else if (byte === KEYS.backspace || byte === KEYS.delete)
            length = withoutLastCharacter(typed, length);
          else if (length === typed.length) throw new CommandError('that is too long for a PIN');
          else typed[length++] = byte;
        }
      } finally {
        bytes.fill(0);
      }
    }
    throw new CommandError('standard input ended before the PIN did');
  } finally {
    typed.fill(0);
    input.setRawMode?.(false);
    input.pause();
    output.write('\n');
  }
}

/** Length of UTF-8 text without its last character. */
function withoutLastCharacter(text: Uint8Array, length: number): number {
  let end = length - 1;
  while (end > 0 && ((text[end] ?? 0) & 0xc0) === 0x80) end--;
  return Math.max(end, 0);
}
