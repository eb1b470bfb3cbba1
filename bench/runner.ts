/**
 * The interleaved runner: every variant of a case is proved to give the same output, then all are timed in turns
 * within one process, so that whatever else the machine does meanwhile hits them alike.
 */

/** One way of doing a case's work. */
export interface Variant {
  readonly name: string;
  /** Other threads do the work, so it is their processor time, too, that counts. */
  readonly elsewhere?: boolean;
  /** Does the work once and returns its output for the proof. */
  proof(): Uint8Array | Promise<Uint8Array>;
  /** Does the work `count` times. */
  run(count: number): void | Promise<void>;
}

/** One implementation's word on an output that is random and yet right or wrong: a signature. */
export interface Verifier {
  readonly name: string;
  verify(output: Uint8Array): boolean | Promise<boolean>;
}

export interface Case {
  readonly name: string;
  readonly variants: readonly Variant[];
  /**
   * `equal`: proofs are byte-equal. `length`: their lengths are (random output). `checked`: a proof has opened what it
   * sealed with an implementation of its own and returns what it recovered, byte-equal. Verifiers: each of them accepts
   * every proof, and refuses it with one bit changed.
   */
  readonly compare: 'equal' | 'length' | 'checked' | readonly Verifier[];
}

export interface Measurement {
  readonly variant: string;
  /** Nanoseconds for one operation by the clock, one entry a round. */
  readonly nanoseconds: readonly number[];
  /** The same in processor time: what ratios are made of, since other programs disturb it least. */
  readonly processorNanoseconds: readonly number[];
}

export interface RunnerOptions {
  readonly rounds: number;
  /** How long one variant runs in one round, ms. */
  readonly sliceMs: number;
  /** Processor time so far, ns. */
  readonly processor: ProcessorClocks;
}

export interface ProcessorClocks {
  /** Of this thread. */
  threadNanoseconds(): number;
  /** Of all threads. */
  processNanoseconds(): number;
}

/** Operations in one slice, at most: a loop that the compiler has emptied must not run for ever. */
const COUNT_MAX = 100_000_000;

/**
 * Proves, calibrates, times, and proves again: a variant that broke under load has not been measured.
 * @throws Error when two variants of the case disagree
 */
export async function measure(benchCase: Case, options: RunnerOptions): Promise<Measurement[]> {
  await prove(benchCase);
  const runs: Run[] = [];
  for (const variant of benchCase.variants) {
    const count = await calibrate(variant, options.sliceMs);
    runs.push({ variant, count, nanoseconds: [], processorNanoseconds: [] });
  }
  for (let round = 0; round < options.rounds; round += 1) {
    // Each round starts with another variant: nobody always follows the same neighbour's garbage.
    for (let turn = 0; turn < runs.length; turn += 1) {
      await time(runs[(turn + round) % runs.length]!, options.processor);
    }
  }
  await prove(benchCase);
  return runs.map(({ variant, nanoseconds, processorNanoseconds }) => {
    return { variant: variant.name, nanoseconds, processorNanoseconds };
  });
}

interface Run {
  readonly variant: Variant;
  readonly count: number;
  readonly nanoseconds: number[];
  readonly processorNanoseconds: number[];
}

async function time(
  { variant, count, nanoseconds, processorNanoseconds }: Run,
  processor: ProcessorClocks,
): Promise<void> {
  const processorNow = (): number =>
    variant.elsewhere ? processor.processNanoseconds() : processor.threadNanoseconds();
  const processorStarted = processorNow();
  const started = process.hrtime.bigint();
  await variant.run(count);
  nanoseconds.push(Number(process.hrtime.bigint() - started) / count);
  processorNanoseconds.push((processorNow() - processorStarted) / count);
}

async function prove({ name, variants, compare }: Case): Promise<void> {
  let first: { name: string; output: Buffer } | undefined;
  for (const variant of variants) {
    const output = Buffer.from(await variant.proof());
    if (output.length === 0) throw new Error(`${name}: '${variant.name}' gives no output`);
    first ??= { name: variant.name, output };
    if (typeof compare !== 'string') {
      await verified(output, compare, `${name}: '${variant.name}'`);
      continue;
    }
    const same =
      compare === 'length' ? output.length === first.output.length : output.equals(first.output);
    if (!same)
      throw new Error(`${name}: '${variant.name}' and '${first.name}' give different output`);
  }
}

async function verified(
  output: Buffer,
  verifiers: readonly Verifier[],
  whose: string,
): Promise<void> {
  const changed = oneBitChanged(output);
  for (const { name, verify } of verifiers) {
    if (!(await verify(output))) throw new Error(`${whose} gives what '${name}' refuses`);
    if (await verify(changed))
      throw new Error(`${whose} gives what '${name}' accepts when changed`);
  }
}

/** A copy that differs in the last byte. */
export function oneBitChanged(bytes: Uint8Array): Buffer {
  const copy = Buffer.from(bytes);
  const last = copy.length - 1;
  copy.writeUInt8(copy.readUInt8(last) ^ 1, last);
  return copy;
}

/** How many operations fill a slice, 1 to COUNT_MAX; finding out is also the warm-up. */
export async function calibrate(variant: Pick<Variant, 'run'>, sliceMs: number): Promise<number> {
  let count = 1;
  for (;;) {
    const started = performance.now();
    await variant.run(count);
    const elapsedMs = performance.now() - started;
    if (elapsedMs >= sliceMs / 2 || count === COUNT_MAX)
      return Math.min(COUNT_MAX, Math.max(1, Math.round((count * sliceMs) / elapsedMs)));
    // A first call may be slow for reasons of its own, so never more than ten times at once.
    const factor = Math.min(10, Math.max(2, sliceMs / Math.max(elapsedMs, 0.01)));
    count = Math.min(COUNT_MAX, Math.ceil(count * factor));
  }
}

/** The sample at `fraction` (0 to 1) of the sorted samples, between two of them in proportion; NaN without samples. */
export function percentile(samples: readonly number[], fraction: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const place = fraction * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

export const median = (samples: readonly number[]): number => percentile(samples, 0.5);
