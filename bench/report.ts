/**
 * Prints measurements: the machine, one table a case with medians, spread and ratios, and the goals.
 */
import { cpus } from 'node:os';
import { type Measurement, median, percentile } from './runner.ts';

export function machineLines(): string[] {
  const processors = cpus();
  return [
    `${processors.length} x ${processors[0]?.model.trim() ?? 'unknown processor'}, ${process.platform}-${process.arch}`,
    `Node ${process.version}, OpenSSL ${process.versions.openssl}, ${new Date().toISOString()}`,
  ];
}

/** Ratio of median processor times: how many times cheaper `variant` is than `over`; NaN when one was not measured. */
export function speed(measurements: readonly Measurement[], variant: string, over: string): number {
  const time = (name: string): number =>
    median(
      measurements.find((measurement) => measurement.variant === name)?.processorNanoseconds ?? [],
    );
  return time(over) / time(variant);
}

/**
 * One case: time by the clock, median processor time, and two ratios of the latter: cost as a multiple of the variant
 * `floor`, speed as a multiple of the variant `reference`.
 */
export function caseTable(
  name: string,
  measurements: readonly Measurement[],
  { floor, reference }: { floor: string; reference: string },
): string {
  const rows = measurements.map(({ variant, nanoseconds, processorNanoseconds }) => [
    variant,
    ...[0.5, 0, 0.1, 0.9].map((fraction) => duration(percentile(nanoseconds, fraction))),
    duration(median(processorNanoseconds)),
    times(speed(measurements, floor, variant)),
    times(speed(measurements, variant, reference)),
  ]);
  const head = ['', 'median', 'min', 'p10', 'p90', 'CPU', 'cost', 'speed'];
  const note = `cost: ${floor} = 1; speed: ${reference} = 1`;
  return `${name}  (${note})\n${table([head, ...rows])}`;
}

/** Columns of text, the first to the left and the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart((widths[column] ?? 0) + 2),
      )
      .join('');
  return rows.map((row) => `  ${line(row).trimEnd()}`).join('\n');
}

export function duration(nanoseconds: number): string {
  if (nanoseconds >= 1e6) return `${(nanoseconds / 1e6).toFixed(2)} ms`;
  if (nanoseconds >= 1e4) return `${(nanoseconds / 1e3).toFixed(1)} µs`;
  return `${nanoseconds.toFixed(0)} ns`;
}

export const times = (ratio: number): string => `${ratio.toFixed(2)}x`;

/** A line for one goal; undefined when what it is about was not measured. */
export function goalLine(text: string, ratio: number, atLeast: number): string | undefined {
  if (Number.isNaN(ratio)) return undefined;
  return `${ratio >= atLeast ? 'goal met    ' : 'goal not met'}  ${text}: ${times(ratio)}, goal ${times(atLeast)}`;
}
