/** Where a request's time went: one entry per stage, for the Server-Timing header (W3C Server Timing). */

export class StageTimer {
  #lastMs = performance.now();
  readonly #entries: string[] = [];

  /** The stage that began when the one before it ended has ended now. */
  ended(stage: string): void {
    const nowMs = performance.now();
    this.#entries.push(`${stage};dur=${(nowMs - this.#lastMs).toFixed(4)}`);
    this.#lastMs = nowMs;
  }

  header(): string {
    return this.#entries.join(', ');
  }
}
