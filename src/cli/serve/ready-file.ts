/**
 * The ready file: how a program in any language finds a server it started. It appears whole, when the port answers,
 * and goes when the server ends. docs/operations.md lists its fields.
 */
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorText } from '../../values/unknown.ts';
import { CommandError, EXIT } from '../exit.ts';

/** What the ready line says, which everybody may read. */
export interface ReadyLine {
  readonly event: 'ready';
  readonly endpoint: string;
  readonly port: number;
  readonly pid: number;
  /** The first of `regions`. */
  readonly region: string;
  readonly regions: readonly string[];
  readonly accountId: string;
  /** Nothing outlives the server. */
  readonly ephemeral: boolean;
  /** Absent when ephemeral. */
  readonly dataDirectory?: string;
  /** Absent when ephemeral, and with `--dev`. */
  readonly credentialsFile?: string;
  /** With TLS by a local authority: its certificate, which clients have to trust. */
  readonly caFile?: string;
}

/** What the ready file, and a parent process that asks for it, are told. */
export interface ReadyInfo extends ReadyLine {
  /** The account root's. With `--dev` any others do as well. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** One line of JSON without a secret: it ends up in logs. */
export function readyLine({ credentials: _, ...line }: ReadyInfo): string {
  return JSON.stringify(line satisfies ReadyLine);
}

export class ReadyFile implements Disposable {
  readonly #file: string;
  readonly #draft: string;

  /**
   * Finds out, before anything is started, whether the file could be written; takes away what a server that was killed
   * left there, so that nobody takes its word.
   * @throws CommandError; nothing was changed then
   */
  constructor(file: string) {
    this.#file = file;
    this.#draft = `${file}.${process.pid}.next`;
    const folder = statSync(dirname(file), { throwIfNoEntry: false });
    if (folder === undefined) throw cannotWrite(`there is no directory ${dirname(file)}`);
    if (!folder.isDirectory()) throw cannotWrite(`${dirname(file)} is no directory`);
    const holder = readHolder(file);
    if (holder === 'foreign') throw cannotWrite(`${file} is there, and is no ready file`);
    if (holder !== undefined && !isRunning(holder)) rmSync(file, { force: true });
  }

  /** All of it at once, for this user only (0600). @throws CommandError */
  publish(info: ReadyInfo): void {
    try {
      rmSync(this.#draft, { force: true });
      writeFileSync(this.#draft, `${JSON.stringify(info)}\n`, { mode: 0o600, flag: 'wx' });
      renameSync(this.#draft, this.#file);
    } catch (cause) {
      rmSync(this.#draft, { force: true });
      throw cannotWrite(errorText(cause), cause);
    }
  }

  /** Takes the file away, if it is still this server's. */
  [Symbol.dispose](): void {
    if (readHolder(this.#file) === process.pid) rmSync(this.#file, { force: true });
  }
}

/** Process id of the server a ready file is of; 0 for an empty file. */
function readHolder(file: string): number | 'foreign' | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : 'foreign';
  }
  if (text === '') return 0;
  try {
    const { event, pid } = JSON.parse(text) as Partial<ReadyLine>;
    return event === 'ready' && Number.isSafeInteger(pid) ? (pid as number) : 'foreign';
  } catch {
    return 'foreign';
  }
}

function isRunning(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function cannotWrite(reason: string, cause?: unknown): CommandError {
  return new CommandError(`the ready file cannot be written: ${reason}`, EXIT.failure, { cause });
}
