/**
 * What one look of `strongroom doctor` came to.
 */

export interface Finding {
  /** What was looked at: one or two words. */
  readonly check: string;
  /** A failure keeps the service from starting or from being trusted; a warning does not. */
  readonly status: 'ok' | 'warning' | 'failure' | 'skipped';
  readonly message: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** What the checks look at. */
export interface Patient {
  /** Absolute. */
  readonly dataDirectory: string;
  readonly host: string;
  readonly port: number;
}

/** Findings of one check; it says of which. */
export class Report {
  readonly findings: Finding[] = [];
  readonly #check: string;

  constructor(check: string) {
    this.#check = check;
  }

  ok(message: string): void {
    this.findings.push({ check: this.#check, status: 'ok', message });
  }

  warning(message: string, advice?: string): void {
    this.#add('warning', message, advice);
  }

  failure(message: string, advice?: string): void {
    this.#add('failure', message, advice);
  }

  /** Could not be looked at, for a reason that is no trouble. */
  skipped(message: string): void {
    this.findings.push({ check: this.#check, status: 'skipped', message });
  }

  #add(status: 'warning' | 'failure', message: string, advice: string | undefined): void {
    const finding = { check: this.#check, status, message };
    this.findings.push(advice === undefined ? finding : { ...finding, advice });
  }
}
