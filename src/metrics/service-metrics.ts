/**
 * What a thread of the service counts, for whoever operates it: OpenMetrics by prom-client. A thread has one ServiceMetrics;
 * mergeMetrics() makes one text of all threads'. Labels are names from closed lists, never what a caller sent.
 */
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { Latencies } from './latencies.ts';

/** How a request went. */
export interface RequestMetrics {
  /** Undefined: it did not get as far as being one. */
  readonly operation: string | undefined;
  /** The exception's name; undefined: it succeeded. */
  readonly exception: string | undefined;
  /** Stage and its time, ms, in order. */
  readonly stages: readonly (readonly [stage: string, durationMs: number])[];
}

/** What is read when somebody asks. */
export interface Readings {
  /** Commands sent to the device so far. */
  readonly hsmCommands: number;
  /** Uses of keys that were found unwrapped, and that were not. */
  readonly keyCacheHits: number;
  readonly keyCacheMisses: number;
  /** Keys that are unwrapped now. */
  readonly cachedKeys: number;
  /** By the name of the queue. */
  readonly waiting: Readonly<Record<string, number>>;
}

/** Of the whole service; one of its threads says so. */
export interface ServiceReadings {
  readonly device: {
    readonly sessions: number;
    readonly sessionObjects: number;
    readonly tokenObjects: number;
    readonly flashBytes: number;
  };
  readonly due: {
    /** Items that are due and not done. */
    readonly waiting: number;
    /** How long the first of them has been due, by the domain clock. */
    readonly oldestSeconds: number;
    /** Tries so far. */
    readonly done: readonly {
      readonly kind: string;
      readonly outcome: 'success' | 'failure';
      readonly count: number;
    }[];
  };
}

/** A thread's metrics as they travel to another thread. */
export type MetricsSnapshot = object[];

export class ServiceMetrics {
  readonly #registry = new Registry();
  readonly #thread: string;
  /** By operation, then by outcome. */
  readonly #requests = new Map<string, Map<string, number>>();
  readonly #durations = new Latencies(
    'strongroom_request_duration_seconds',
    'From the parsed HTTP request to the answer, by operation.',
    'operation',
  );
  readonly #stages = new Latencies(
    'strongroom_stage_duration_seconds',
    'Time in each station of the way of a request.',
    'stage',
  );

  readonly #readings: () => Promise<Readings & Partial<ServiceReadings>>;

  /** @param thread its name, a label of everything */
  constructor(thread: string, readings: () => Promise<Readings & Partial<ServiceReadings>>) {
    this.#thread = thread;
    this.#readings = readings;
    this.#registry.setDefaultLabels({ thread });
    // Event-loop delay, heap and garbage collection, each of this thread.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 10 });
  }

  count({ operation = 'unknown', exception = 'success', stages }: RequestMetrics): void {
    let outcomes = this.#requests.get(operation);
    if (outcomes === undefined) {
      outcomes = new Map();
      this.#requests.set(operation, outcomes);
    }
    outcomes.set(exception, (outcomes.get(exception) ?? 0) + 1);
    let totalMs = 0;
    for (const [stage, durationMs] of stages) {
      totalMs += durationMs;
      this.#stages.count(stage, durationMs);
    }
    this.#durations.count(operation, totalMs);
  }

  async snapshot(): Promise<MetricsSnapshot> {
    this.#show(await this.#readings());
    const labels = { thread: this.#thread };
    const latencies = [this.#durations.read(labels), this.#stages.read(labels)];
    return [...(await this.#registry.getMetricsAsJSON()), ...latencies];
  }

  #show(now: Readings & Partial<ServiceReadings>): void {
    const requests = this.#counter('strongroom_requests', 'Requests answered.', [
      'operation',
      'outcome',
    ]);
    for (const [operation, outcomes] of this.#requests)
      for (const [outcome, count] of outcomes) requests.inc({ operation, outcome }, count);
    const { hsmCommands, keyCacheHits, keyCacheMisses, cachedKeys, waiting, device, due } = now;
    this.#counter('strongroom_hsm_commands', 'Commands sent to the device.').inc(hsmCommands);
    this.#counter('strongroom_key_cache_hits', 'Uses of a key that was unwrapped already.').inc(
      keyCacheHits,
    );
    this.#counter('strongroom_key_cache_misses', 'Uses of a key that had to be unwrapped.').inc(
      keyCacheMisses,
    );
    this.#gauge('strongroom_key_cache_keys', 'Keys that are unwrapped now.').set(cachedKeys);
    const queues = this.#gauge('strongroom_waiting', 'What waits now, by queue.', ['queue']);
    for (const [queue, count] of Object.entries(waiting)) queues.set({ queue }, count);
    if (due !== undefined) {
      this.#gauge('strongroom_due_items', 'Due work that is not done.').set(due.waiting);
      this.#gauge(
        'strongroom_due_overdue_seconds',
        'How long the first of it has been due, by the domain clock.',
      ).set(due.oldestSeconds);
      const tries = this.#counter('strongroom_due_tries', 'Tries at due work.', [
        'kind',
        'outcome',
      ]);
      for (const { kind, outcome, count } of due.done) tries.inc({ kind, outcome }, count);
    }
    if (device === undefined) return;
    const { sessions, sessionObjects, tokenObjects, flashBytes } = device;
    this.#gauge('strongroom_hsm_sessions', 'Sessions open on the device.').set(sessions);
    this.#gauge('strongroom_hsm_session_objects', 'Its session objects.').set(sessionObjects);
    this.#gauge('strongroom_hsm_token_objects', 'Its token objects.').set(tokenObjects);
    this.#gauge('strongroom_hsm_flash_bytes', 'Bytes of its journal.').set(flashBytes);
  }

  // Both made anew for each reading: what they show was counted elsewhere.
  #counter<T extends string>(name: string, help: string, labelNames: T[] = []): Counter<T> {
    this.#registry.removeSingleMetric(name);
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #gauge<T extends string>(name: string, help: string, labelNames: T[] = []): Gauge<T> {
    this.#registry.removeSingleMetric(name);
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }
}

/** One text for all threads, in the OpenMetrics format. */
export async function mergeMetrics(snapshots: readonly MetricsSnapshot[]): Promise<string> {
  const merged = AggregatorRegistry.aggregate([...snapshots]);
  merged.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return merged.metrics();
}
