/** Where a request's time went: one entry a stage, for metrics and the Server-Timing header (W3C Server Timing). */

export class StageTimer {
  #lastMs = performance.now();
  /** Stage and its time, ms, in order. */
  readonly stages: (readonly [stage: string, durationMs: number])[] = [];

  /** The stage that began when the one before it ended has ended now. */
  ended(stage: string): void {
    const nowMs = performance.now();
    this.stages.push([stage, nowMs - this.#lastMs]);
    this.#lastMs = nowMs;
  }

  header(): string {
    return this.stages.map(([stage, ms]) => `${stage};dur=${ms.toFixed(4)}`).join(', ');
  }
}
