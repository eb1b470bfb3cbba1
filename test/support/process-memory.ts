/**
 * Searches the memory of another process: every readable mapping, or all but some ranges, or some ranges alone.
 *
 * Pages of anonymous mappings that were never touched hold nothing and are passed over (proc_pid_pagemap(5)): a Node process
 * reserves ten times what it uses. Files are read whole.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import type { Needle, Search } from './needles.ts';

export interface Range {
  readonly start: bigint;
  readonly end: bigint;
}

export interface Mapping extends Range {
  /** A path, `[heap]`, `[stack]`, or empty. */
  readonly name: string;
  readonly isFile: boolean;
}

export interface Hit {
  readonly needle: Needle;
  readonly address: bigint;
  readonly mapping: Mapping;
}

export interface Scan {
  readonly hits: readonly Hit[];
  /** Read and searched. */
  readonly bytes: number;
  readonly mappings: readonly Mapping[];
  /** Pages that hold data and would not be read. None in a stopped process. */
  readonly unread: readonly Range[];
}

const CHUNK_BYTES = 1 << 20;
const PAGE_BYTES = 4096n;
/** How long a process may take to stop, ms. */
const STOP_MS = 5_000;
/** Of the upper half of a pagemap entry: the page is in memory, or in swap. */
const PAGE_HOLDS_DATA = 0xc0000000;
/** Mappings of the kernel that nobody reads through /proc/PID/mem. */
const KERNEL_MAPPINGS = new Set(['[vvar]', '[vvar_vclock]', '[vsyscall]']);

/** The process's readable mappings. */
export function readableMappings(pid: number): Mapping[] {
  const mappings: Mapping[] = [];
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').trimEnd().split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ (\d+)\s*(.*)$/.exec(line);
    if (match === null) continue;
    const [, start, end, inode, name = ''] = match;
    if (KERNEL_MAPPINGS.has(name)) continue;
    mappings.push({
      start: BigInt(`0x${start}`),
      end: BigInt(`0x${end}`),
      name,
      isFile: inode !== '0',
    });
  }
  return mappings;
}

/** Why this process may not read that one's memory; undefined when it may. */
export function unreadableBecause(pid: number): string | undefined {
  try {
    const memory = openSync(`/proc/${pid}/mem`, 'r');
    try {
      const [first] = readableMappings(pid);
      readSync(memory, Buffer.alloc(1), 0, 1, first?.start ?? 0n);
    } finally {
      closeSync(memory);
    }
  } catch (error) {
    return `/proc/PID/mem: ${(error as Error).message}`;
  }
  return undefined;
}

/** @throws Error when the process's memory may not be read */
export function scanProcess(pid: number, search: Search, leaveOut: readonly Range[] = []): Scan {
  return scan(pid, search, (mapping) => without(mapping, leaveOut));
}

/** Searches the ranges alone. */
export function scanRanges(pid: number, search: Search, ranges: readonly Range[]): Scan {
  return scan(pid, search, (mapping) =>
    ranges
      .map(({ start, end }) => ({
        start: start > mapping.start ? start : mapping.start,
        end: end < mapping.end ? end : mapping.end,
      }))
      .filter(({ start, end }) => start < end),
  );
}

function scan(pid: number, search: Search, partsOf: (mapping: Mapping) => Range[]): Scan {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const pageMap = openSync(`/proc/${pid}/pagemap`, 'r');
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  const hits: Hit[] = [];
  const unread: Range[] = [];
  const mappings = readableMappings(pid);
  let bytes = 0;
  try {
    for (const mapping of mappings) {
      const parts = partsOf(mapping).flatMap((part) =>
        mapping.isFile ? [part] : pagesWithData(pageMap, part),
      );
      for (const part of parts) {
        const got = scanPart(memory, buffer, search, part, (needle, address) =>
          hits.push({ needle, address, mapping }),
        );
        bytes += Number(got - part.start);
        // Behind the end of a file there is nothing to read.
        if (got < part.end && !mapping.isFile) unread.push({ start: got, end: part.end });
      }
    }
  } finally {
    closeSync(pageMap);
    closeSync(memory);
  }
  return { hits, bytes, mappings, unread };
}

/** @returns the address up to which the part was read */
function scanPart(
  memory: number,
  buffer: Buffer,
  search: Search,
  { start, end }: Range,
  report: (needle: Needle, address: bigint) => void,
): bigint {
  // Chunks overlap by what a pattern cut in two needs, and begin where words do.
  const overlap = (search.patternBytesMax + 3) & ~3;
  let seenUpTo = 0;
  for (let at = start; ; ) {
    const left = end - at;
    const wanted = left < BigInt(CHUNK_BYTES) ? Number(left) : CHUNK_BYTES;
    const got = readAt(memory, buffer, wanted, at);
    for (const { needle, offset } of search.in(buffer.subarray(0, got))) {
      // What ends in the overlap was found in the chunk before.
      if (offset + needle.pattern.length > seenUpTo) report(needle, at + BigInt(offset));
    }
    if (got < wanted || at + BigInt(got) === end) return at + BigInt(got);
    at += BigInt(got - overlap);
    seenUpTo = overlap;
  }
}

function readAt(memory: number, buffer: Buffer, length: number, position: bigint): number {
  try {
    return readSync(memory, buffer, 0, length, position);
  } catch {
    // Behind the end of a truncated file, or unmapped since the list was read.
    return 0;
  }
}

/** The runs of pages in a part, which begins and ends at a page, that are in memory or in swap. */
function pagesWithData(pageMap: number, { start, end }: Range): Range[] {
  const entries = Buffer.alloc(Number((end - start) / PAGE_BYTES) * 8);
  const got = readSync(pageMap, entries, 0, entries.length, (start / PAGE_BYTES) * 8n);
  const runs: Range[] = [];
  let runStart: bigint | undefined;
  for (let index = 0; index <= entries.length / 8; index += 1) {
    const isEnd = index === entries.length / 8;
    // An entry that could not be read says nothing: its page is read.
    const holdsData =
      !isEnd && (index * 8 >= got || (entries.readUInt32LE(index * 8 + 4) & PAGE_HOLDS_DATA) !== 0);
    const address = start + BigInt(index) * PAGE_BYTES;
    if (holdsData) runStart ??= address;
    else if (runStart !== undefined) {
      runs.push({ start: runStart, end: address });
      runStart = undefined;
    }
  }
  return runs;
}

function without(range: Range, holes: readonly Range[]): Range[] {
  let parts: Range[] = [range];
  for (const hole of holes) {
    parts = parts.flatMap(({ start, end }) => {
      if (hole.end <= start || hole.start >= end) return [{ start, end }];
      const rest: Range[] = [];
      if (hole.start > start) rest.push({ start, end: hole.start });
      if (hole.end < end) rest.push({ start: hole.end, end });
      return rest;
    });
  }
  return parts;
}

/** Runs `work` while no thread of the process does. */
export function whileStopped<T>(pid: number, work: () => T): T {
  process.kill(pid, 'SIGSTOP');
  try {
    const deadline = performance.now() + STOP_MS;
    while (
      threads(pid).some(
        (thread) => !/^\S+ \(.*\) [Tt] /s.test(readFileSync(`${thread}/stat`, 'utf8')),
      )
    ) {
      if (performance.now() > deadline) throw new Error(`process ${pid} does not stop`);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
    return work();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

/** Stack pointers of all threads of a stopped process (proc_pid_syscall(5)). */
export function stackPointers(pid: number): bigint[] {
  return threads(pid).map((thread) => {
    const pointer = readFileSync(`${thread}/syscall`, 'utf8').trim().split(' ').at(-2);
    if (pointer === undefined) throw new Error(`process ${pid} has a thread that runs`);
    return BigInt(pointer);
  });
}

const threads = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`);

/** Why a process cannot read the memory of its own child here; undefined if it can. */
export async function memoryUnavailable(): Promise<string | undefined> {
  if (process.platform !== 'linux')
    return `/proc/PID/mem is Linux's, and this is ${process.platform}`;
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const reason = unreadableBecause(child.pid as number);
  child.kill('SIGKILL');
  await once(child, 'exit');
  return reason;
}

/** Hits by secret, form and place, with how many of each. */
export function summary(hits: readonly Hit[]): string[] {
  const counts = new Map<string, number>();
  for (const { needle, mapping } of hits) {
    const what = `${needle.secret}, ${needle.form}, in ${mapping.name || 'anonymous memory'}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts].map(([what, count]) => `${what}: ${count}`).sort();
}
