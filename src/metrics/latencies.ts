/**
 * Latencies: a histogram that is filled several times a request, so counting is an addition; prom-client's own takes
 * microseconds. It is read in prom-client's form.
 */

/** Upper bounds, seconds: from a cached key's HMAC to a prime search behind others. */
const BOUNDS: readonly number[] = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
  2.5, 10,
];

interface Series {
  /** By bound, and what lies beyond the last. */
  readonly counts: Float64Array;
  sumSeconds: number;
}

export class Latencies {
  readonly #name: string;
  readonly #help: string;
  readonly #label: string;
  readonly #series = new Map<string, Series>();

  /** @param label what tells series apart: values from a closed list */
  constructor(name: string, help: string, label: string) {
    this.#name = name;
    this.#help = help;
    this.#label = label;
  }

  count(labelValue: string, durationMs: number): void {
    const seconds = durationMs / 1000;
    let series = this.#series.get(labelValue);
    if (series === undefined) {
      series = { counts: new Float64Array(BOUNDS.length + 1), sumSeconds: 0 };
      this.#series.set(labelValue, series);
    }
    let at = 0;
    while (at < BOUNDS.length && seconds > (BOUNDS[at] as number)) at += 1;
    series.counts[at] = (series.counts[at] as number) + 1;
    series.sumSeconds += seconds;
  }

  /** As prom-client writes a metric down for another thread. */
  read(more: Readonly<Record<string, string>>): object {
    const values: object[] = [];
    for (const [labelValue, { counts, sumSeconds }] of this.#series) {
      const labels = { ...more, [this.#label]: labelValue };
      const metric = (suffix: string): string => `${this.#name}_${suffix}`;
      let total = 0;
      for (const [at, count] of counts.entries()) {
        total += count;
        const le = String(BOUNDS[at] ?? '+Inf');
        values.push({ metricName: metric('bucket'), labels: { le, ...labels }, value: total });
      }
      values.push({ metricName: metric('sum'), labels, value: sumSeconds });
      values.push({ metricName: metric('count'), labels, value: total });
    }
    return { name: this.#name, help: this.#help, type: 'histogram', aggregator: 'sum', values };
  }
}
