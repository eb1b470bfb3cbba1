/**
 * What a disk may hold after a power cut, made from a recording (recorder.c). The rules: a file's writes and truncations are
 * durable after the file's sync, a directory's names after the directory's. Of everything since, an image keeps a random
 * part: each is lost or done, writes also torn (at sectors, which a disk writes whole), and whatever was done later may be there while what came before
 * is not. A rename is atomic.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const HEAD_BYTES = 17;
const SECTOR_BYTES = 512;

export interface Operation {
  readonly kind: 'C' | 'O' | 'W' | 'T' | 'S' | 'D' | 'R' | 'U' | 'M';
  readonly file: number;
  /** Offset of a write, length of a truncation. */
  readonly at: number;
  readonly bytes: Buffer;
}

/** A record at the end may be cut. */
export function readTrace(trace: Buffer): Operation[] {
  const operations: Operation[] = [];
  for (let at = 0; at + HEAD_BYTES <= trace.length; ) {
    const length = trace.readUInt32LE(at + 13);
    const end = at + HEAD_BYTES + length;
    if (end > trace.length) break;
    operations.push({
      kind: String.fromCharCode(trace[at] ?? 0) as Operation['kind'],
      file: trace.readUInt32LE(at + 1),
      at: Number(trace.readBigUInt64LE(at + 5)),
      bytes: trace.subarray(at + HEAD_BYTES, end),
    });
    at = end;
  }
  return operations;
}

/** A change of a directory's names. */
type NameChange =
  | { readonly kind: 'made'; readonly path: string; readonly file: number }
  | { readonly kind: 'removed'; readonly path: string }
  | { readonly kind: 'renamed'; readonly from: string; readonly to: string };

interface FileState {
  durable: Buffer;
  /** Writes and truncations since the last sync. */
  pending: Operation[];
}

/** 0 to 1. */
export type Random = () => number;

export class Disk {
  readonly #files = new Map<number, FileState>();
  readonly #directories = new Set<string>();
  /** Durable names. */
  readonly #names = new Map<string, number>();
  #pendingNames: NameChange[] = [];

  apply(operation: Operation): void {
    const { kind, file, bytes } = operation;
    const path = bytes.toString('utf8');
    switch (kind) {
      case 'M':
        // Directories are made once, at the very start, and are no subject here.
        this.#directories.add(path);
        break;
      case 'C':
        this.#files.set(file, { durable: Buffer.alloc(0), pending: [] });
        this.#pendingNames.push({ kind: 'made', path, file });
        break;
      case 'O':
        throw new Error(`${path} was there before the recording began`);
      case 'W':
      case 'T':
        this.#files.get(file)?.pending.push(operation);
        break;
      case 'S': {
        const state = this.#files.get(file);
        if (state === undefined) break;
        for (const each of state.pending) state.durable = done(state.durable, each);
        state.pending = [];
        break;
      }
      case 'D':
        this.#syncNames(path);
        break;
      case 'U':
        this.#pendingNames.push({ kind: 'removed', path });
        break;
      case 'R': {
        const [from = '', to = ''] = path.split('\0');
        this.#pendingNames.push({ kind: 'renamed', from, to });
        break;
      }
    }
  }

  /** Writes an image below `target`, `root` standing for it. */
  image(root: string, target: string, random: Random): void {
    const names = new Map(this.#names);
    for (const change of this.#pendingNames) if (random() < 0.5) applyName(names, change);
    for (const directory of this.#directories)
      mkdirSync(join(target, relative(root, directory)), { recursive: true, mode: 0o700 });
    for (const [path, file] of names) {
      const state = this.#files.get(file);
      if (state === undefined) continue;
      let content = state.durable;
      for (const each of state.pending) {
        const fate = random();
        if (fate < 0.4) content = done(content, each);
        else if (fate < 0.7) content = torn(content, each, random);
      }
      const at = join(target, relative(root, path));
      mkdirSync(dirname(at), { recursive: true, mode: 0o700 });
      writeFileSync(at, content, { mode: 0o600 });
    }
  }

  #syncNames(directory: string): void {
    const here = (path: string): boolean => dirname(path) === directory;
    const later: NameChange[] = [];
    for (const change of this.#pendingNames) {
      const paths = change.kind === 'renamed' ? [change.from, change.to] : [change.path];
      if (paths.some(here)) applyName(this.#names, change);
      else later.push(change);
    }
    this.#pendingNames = later;
  }
}

function applyName(names: Map<string, number>, change: NameChange): void {
  if (change.kind === 'made') names.set(change.path, change.file);
  else if (change.kind === 'removed') names.delete(change.path);
  else {
    // A directory takes along what is in it.
    for (const [path, file] of [...names]) {
      if (path !== change.from && !path.startsWith(`${change.from}/`)) continue;
      names.delete(path);
      names.set(`${change.to}${path.slice(change.from.length)}`, file);
    }
  }
}

function done(content: Buffer, { kind, at, bytes }: Operation): Buffer {
  const length = kind === 'T' ? at : Math.max(content.length, at + bytes.length);
  const next = content.length === length ? Buffer.from(content) : Buffer.alloc(length);
  if (next.length !== content.length) content.copy(next, 0, 0, Math.min(content.length, length));
  if (kind === 'W') bytes.copy(next, at);
  return next;
}

/** A write of which some sectors came through, or only its beginning. */
function torn(content: Buffer, operation: Operation, random: Random): Buffer {
  if (operation.kind === 'T') return content;
  if (random() < 0.5) {
    const cut = operation.at + Math.floor(random() * operation.bytes.length);
    // What was there before changes by whole sectors; what is added may end anywhere.
    const end = cut < content.length ? Math.floor(cut / SECTOR_BYTES) * SECTOR_BYTES : cut;
    const bytes = operation.bytes.subarray(0, Math.max(0, end - operation.at));
    return bytes.length === 0 ? content : done(content, { ...operation, bytes });
  }
  let next = content;
  const end = operation.at + operation.bytes.length;
  for (let at = operation.at; at < end; ) {
    const sectorEnd = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    const bytes = operation.bytes.subarray(at - operation.at, sectorEnd - operation.at);
    if (random() < 0.5) next = done(next, { ...operation, at, bytes });
    at = sectorEnd;
  }
  return next;
}
