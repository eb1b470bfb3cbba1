/**
 * Back-up of a running service: device, store, audit log and what else its data directory keeps, as they are at one moment,
 * sealed for the recovery secret. Requests wait for the moment, which is milliseconds, and go on while it is written.
 */
import { randomUUID } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { dataFiles, syncDirectory } from '../../store/data-directory.ts';
import type { StoreWriter } from '../../store/store-writer.ts';
import { errorText } from '../../values/unknown.ts';
import type { DataDirectory } from '../data-directory.ts';
import { hsmDirectory } from '../data-directory.ts';
import { isInside } from '../so-pin.ts';
import { parsePublicKey } from './recovery-key.ts';
import { BackUpError, SealedWriter } from './sealed-stream.ts';

/** First of a back-up's entries: what it is. */
export interface BackUpManifest {
  readonly format: 1;
  /** ISO 8601, wall clock. */
  readonly createdAt: string;
  /** Serial number of the device. */
  readonly deviceId: string;
}

/** One file of the data directory; its bytes follow. */
export interface BackUpEntry {
  /** Relative to the data directory, with `/`. */
  readonly path: string;
  readonly length: number;
}

/** Last of the entries. */
export interface BackUpEnd {
  readonly end: true;
  readonly fileCount: number;
}

export interface BackUpOptions {
  readonly directory: DataDirectory;
  readonly deviceId: string;
  readonly writer: StoreWriter;
  /** Made whole or not at all; nothing may be there. */
  readonly file: string;
}

export interface BackUpReport {
  readonly file: string;
  readonly bytes: number;
  readonly fileCount: number;
  /** How long requests that change something, or are recorded, had to wait. */
  readonly heldMs: number;
}

/** Where the public half of the recovery secret lies in a data directory. */
export const recoveryKeyFile = 'recovery-key';

/** A device that is written to is read anew; it is written to seldom. */
const attemptsMax = 20;
const pieceBytes = 1 << 20;

/** Not in a back-up: locks and sockets, what is made anew, and what the moment gives in another way. */
const leftOut: readonly RegExp[] = [
  /^(lock|holder\.json(\.next)?|admin\.sock|store\.head|audit\.jsonl|so-pin\.partial)$/,
  /^store\.sqlite/,
  /^hsm\.partial(\/|$)/,
  /^hsm\/(flash|root)\/.*lock$/,
  /^back-up\./,
];

/** @throws BackUpError, errors of the file system */
export async function backUp(options: BackUpOptions): Promise<BackUpReport> {
  const { directory, writer, deviceId } = options;
  const file = resolve(options.file);
  if (isInside(directory.root, file))
    throw new BackUpError('a back-up has to be outside the data directory');
  if (lstatSync(file, { throwIfNoEntry: false }) !== undefined)
    throw new BackUpError(`${file} is there already`);
  const publicKey = readRecoveryKey(directory.root);
  const draft = `${file}.${process.pid}.next`;
  const copy = join(directory.root, `back-up.${randomUUID()}.sqlite`);
  const output = await open(draft, 'wx', 0o600);
  let moment: Moment | undefined;
  try {
    const startedMs = performance.now();
    moment = await writer.hold((auditLength) => takeMoment(directory, auditLength));
    const heldMs = Math.round(performance.now() - startedMs);
    await backup(moment.database, copy, { rate: 256 });
    moment.database.close();
    const createdAt = new Date().toISOString();
    const { fileCount, bytes } = await writeAll(output, publicKey, moment, copy, directory, {
      format: 1,
      createdAt,
      deviceId,
    });
    await output.sync();
    await output.close();
    await rename(draft, file);
    syncDirectory(dirname(file));
    return { file, bytes, fileCount, heldMs };
  } finally {
    for (const { bytes } of moment?.files ?? []) bytes.fill(0);
    if (moment?.database.isOpen) moment.database.close();
    await output.close().catch(() => undefined);
    await rm(draft, { force: true });
    for (const tail of ['', '-wal', '-shm', '-journal']) await rm(copy + tail, { force: true });
  }
}

/** @throws BackUpError when there is none */
function readRecoveryKey(root: string): Uint8Array {
  try {
    return parsePublicKey(readFileSync(join(root, recoveryKeyFile), 'utf8'));
  } catch (cause) {
    throw new BackUpError(
      `there is no recovery key (${errorText(cause)}): make one with strongroom recovery create`,
      { cause },
    );
  }
}

/** What is taken while the store stands still. */
interface Moment {
  /** Small files, the device's among them, whose bytes are wiped afterwards. */
  readonly files: readonly { readonly path: string; readonly bytes: Buffer }[];
  /** A connection that sees the store as it was. */
  readonly database: DatabaseSync;
  readonly auditLength: number;
}

function takeMoment(directory: DataDirectory, auditLength: number): Moment {
  const database = new DatabaseSync(join(directory.root, dataFiles.database), {
    readOnly: true,
    timeout: 5000,
  });
  try {
    database.exec('BEGIN');
    database.prepare('SELECT count(*) FROM directory').get();
    return { files: readStill(directory), database, auditLength };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The files, with a device that nothing was written to meanwhile: its anchor moves with every change. */
function readStill(directory: DataDirectory): Moment['files'] {
  const anchor = join(hsmDirectory(directory.hsm).root, 'anchor');
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const before = readFileSync(anchor);
    const files = readFiles(directory.root);
    if (before.equals(readFileSync(anchor))) return files;
    for (const { bytes } of files) bytes.fill(0);
  }
  throw new BackUpError('the device is written to all the time: try again');
}

function readFiles(root: string): Moment['files'] {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  return names
    .filter((path) => !leftOut.some((pattern) => pattern.test(path)))
    .filter((path) => lstatSync(join(root, path)).isFile())
    .map((path) => ({ path, bytes: readFileSync(join(root, path)) }));
}

async function writeAll(
  output: FileHandle,
  publicKey: Uint8Array,
  moment: Moment,
  copy: string,
  directory: DataDirectory,
  manifest: BackUpManifest,
): Promise<{ fileCount: number; bytes: number }> {
  let bytes = 0;
  const sealed = new SealedWriter(publicKey, async (piece) => {
    await output.writeFile(piece);
    bytes += piece.length;
  });
  await sealed.push(encodeHead(manifest));
  for (const { path, bytes: content } of moment.files) {
    await sealed.push(encodeHead({ path, length: content.length } satisfies BackUpEntry));
    await sealed.push(content);
  }
  const audit = join(directory.root, dataFiles.audit);
  await pushFile(sealed, copy, dataFiles.database, lstatSync(copy).size);
  await pushFile(sealed, audit, relative(directory.root, audit), moment.auditLength);
  const fileCount = moment.files.length + 2;
  await sealed.push(encodeHead({ end: true, fileCount } satisfies BackUpEnd));
  await sealed.end();
  return { fileCount, bytes };
}

async function pushFile(
  sealed: SealedWriter,
  file: string,
  path: string,
  length: number,
): Promise<void> {
  await sealed.push(encodeHead({ path, length } satisfies BackUpEntry));
  const input = await open(file, 'r');
  try {
    const piece = Buffer.alloc(pieceBytes);
    for (let left = length; left > 0; ) {
      const { bytesRead } = await input.read(piece, 0, Math.min(piece.length, left));
      if (bytesRead === 0) throw new BackUpError(`${path} became shorter while it was read`);
      await sealed.push(piece.subarray(0, bytesRead));
      left -= bytesRead;
    }
  } finally {
    await input.close();
  }
}

function encodeHead(head: BackUpManifest | BackUpEntry | BackUpEnd): Buffer {
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text]);
}
