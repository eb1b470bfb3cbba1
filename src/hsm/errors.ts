/**
 * What goes wrong below the session line: a return value of the token, with its name from the CKR table.
 */
import { CKR, CKR_ENDS, type CkrName } from './constants.ts';

const names: ReadonlyMap<number, CkrName> = new Map(
  (Object.entries(CKR) as [CkrName, number][]).map(([name, code]) => [code, name]),
);

/** The name of a return value. Values outside the table are some vendor's: CKR_VENDOR_DEFINED. */
export function ckrName(code: number): CkrName | 'CKR_VENDOR_DEFINED' {
  return names.get(code) ?? 'CKR_VENDOR_DEFINED';
}

/** A return value other than CKR_OK. The message holds names only, never data. */
export class CkrError extends Error {
  override readonly name: string = 'CkrError';
  /** Name in the CKR table. */
  readonly ckr: CkrName | 'CKR_VENDOR_DEFINED';
  /** The number the token answered. */
  readonly code: number;
  /** The frame command, or the set-up call, that was refused. */
  readonly command: string;

  constructor(code: number, command: string, options?: ErrorOptions) {
    const ckr = ckrName(code);
    super(`${command}: ${ckr === 'CKR_VENDOR_DEFINED' ? `0x${code.toString(16)}` : ckr}`, options);
    this.ckr = ckr;
    this.code = code;
    this.command = command;
  }

  /** What is dead after this answer: the session it came from, the whole device, or nothing. */
  get ends(): 'session' | 'device' | undefined {
    return this.ckr === 'CKR_VENDOR_DEFINED' ? undefined : CKR_ENDS[this.ckr];
  }
}
