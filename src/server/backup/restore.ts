/**
 * Restore: a data directory from a back-up, complete or not at all. With the device in the back-up on a new machine; or
 * over the device there is, which knows better what was destroyed and how many PINs were tried since.
 */
import { cpSync, createReadStream, existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { basename, dirname, join, normalize, resolve } from 'node:path';
import { lockDataDirectory, makeDirectory, syncDirectory } from '../../store/data-directory.ts';
import { errorText } from '../../values/unknown.ts';
import { dataDirectory, hsmDirectory } from '../data-directory.ts';
import { openHsm } from '../first-boot.ts';
import { onlySlot } from '../token.ts';
import type { BackUpEnd, BackUpEntry, BackUpManifest } from './back-up.ts';
import { BackUpError, openSealed, Pieces } from './sealed-stream.ts';

export interface RestoreOptions {
  readonly file: string;
  readonly secret: Uint8Array;
  /** Not there, or empty. */
  readonly directory: string;
  /** A data directory of the same device, which no server uses: its device is taken, not the back-up's. */
  readonly deviceFrom?: string;
}

export interface RestoreReport extends Omit<BackUpManifest, 'format'> {
  readonly directory: string;
  readonly fileCount: number;
}

const headBytesMax = 4096;

/** @throws BackUpError, DataDirectoryError (deviceFrom's), CkrError, errors of the file system; nothing is left then */
export async function restore(options: RestoreOptions): Promise<RestoreReport> {
  const directory = resolve(options.directory);
  refuseUsed(directory);
  makeDirectory(dirname(directory));
  const draft = join(dirname(directory), `.${basename(directory)}.${process.pid}.restoring`);
  rmSync(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  try {
    const input = createReadStream(options.file, { highWaterMark: 1 << 20 });
    const entries = new Pieces(openSealed(input, options.secret));
    const manifest = (await readHead(entries)) as BackUpManifest;
    if (manifest.format !== 1)
      throw new BackUpError(
        `the back-up's content has format ${manifest.format}; this release reads format 1`,
      );
    const fileCount = await readFiles(entries, draft, options.deviceFrom === undefined);
    if (options.deviceFrom !== undefined)
      await takeDevice(options.deviceFrom, draft, manifest.deviceId);
    syncAll(draft);
    if (existsSync(directory)) rmdirSync(directory);
    await rename(draft, directory);
    syncDirectory(dirname(directory));
    const { createdAt, deviceId } = manifest;
    return { directory, fileCount, createdAt, deviceId };
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error;
  }
}

function refuseUsed(directory: string): void {
  if (!existsSync(directory)) return;
  let count: number;
  try {
    count = readdirSync(directory).length;
  } catch (cause) {
    throw new BackUpError(`${directory} is no directory: ${errorText(cause)}`, { cause });
  }
  if (count > 0)
    throw new BackUpError(`${directory} is not empty: a back-up is restored to a new directory`);
}

/** @returns how many there were */
async function readFiles(entries: Pieces, draft: string, withDevice: boolean): Promise<number> {
  for (let count = 0; ; count += 1) {
    const head = (await readHead(entries)) as BackUpEntry | BackUpEnd;
    if ('end' in head) {
      if (head.fileCount !== count || !(await entries.isAtEnd()))
        throw new BackUpError('the back-up has other files than it says');
      return count;
    }
    const isDevice = head.path.startsWith('hsm/');
    await readFile(entries, head, isDevice && !withDevice ? undefined : target(draft, head.path));
  }
}

/** What was sealed is ours; a path is checked all the same, since it decides where is written. */
function target(draft: string, path: string): string {
  if (path === '' || path.startsWith('/') || normalize(path) !== path || path.startsWith('..'))
    throw new BackUpError('the back-up names a file outside the data directory');
  return join(draft, path);
}

async function readFile(
  entries: Pieces,
  { length }: BackUpEntry,
  path: string | undefined,
): Promise<void> {
  if (path !== undefined) await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const output = path === undefined ? undefined : await open(path, 'wx', 0o600);
  try {
    for (let left = length; left > 0; ) {
      const piece = await entries.take(Math.min(left, 1 << 16));
      if (piece.length === 0) throw new BackUpError('the back-up ends within a file');
      await output?.writeFile(piece);
      piece.fill(0);
      left -= piece.length;
    }
    await output?.sync();
  } finally {
    await output?.close();
  }
}

async function readHead(entries: Pieces): Promise<unknown> {
  const length = await entries.take(4);
  if (length.length < 4 || length.readUInt32BE() > headBytesMax)
    throw new BackUpError('the back-up has other content than it should');
  return JSON.parse((await entries.take(length.readUInt32BE())).toString('utf8'));
}

/** Copies the device of another data directory, if it is the one of the back-up. */
async function takeDevice(from: string, draft: string, deviceId: string): Promise<void> {
  using lock = lockDataDirectory(from);
  const source = dataDirectory(lock.directory).hsm;
  if (!existsSync(source)) throw new BackUpError(`there is no device in ${from}`);
  const hsm = dataDirectory(draft).hsm;
  cpSync(source, hsm, { recursive: true });
  await using device = await openHsm(hsmDirectory(hsm), false);
  const { serialNumber } = await (await onlySlot(device)).tokenInfo();
  if (serialNumber !== deviceId)
    throw new BackUpError(
      `the back-up is of device ${deviceId}, and in ${from} is device ${serialNumber}`,
    );
}

function syncAll(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) syncAll(join(directory, entry.name));
  syncDirectory(directory);
}
