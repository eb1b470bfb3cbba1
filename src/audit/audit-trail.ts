/**
 * AuditTrail: the one writer of a data directory's audit log. A record reaches it by one of two ways.
 *
 * - append(): records of requests that changed nothing in the store; in the file when it returns.
 * - prepare(), stage(), export(): records of mutations. stage() numbers one, the caller makes its line durable
 *   in the mutation's own transaction, and export() puts it into the file. A line that cannot be exported
 *   is owed: nothing else enters the file before it, so that the file has every record in order.
 */
import type { AuditFile } from './audit-file.ts';
import { AuditUnavailableError } from './audit-log.ts';
import type { Position, Sequencer } from './sequencer.ts';

export class AuditTrail {
  readonly #sequencer: Sequencer;
  readonly #file: AuditFile;
  #owed: string[] = [];
  #durable: number;
  /** The file has records that are durable neither in it nor in a transaction. */
  #unguarded = false;

  /** @param file durable up to the sequencer's position. */
  constructor(sequencer: Sequencer, file: AuditFile) {
    this.#sequencer = sequencer;
    this.#file = file;
    this.#durable = sequencer.position.sequence;
  }

  /** The newest record: appended, staged or owed. */
  get position(): Position {
    return this.#sequencer.position;
  }

  /** Every record up to this number is durable in the file. */
  get durable(): number {
    return this.#durable;
  }

  /** Appends all events or none. @param events JSON objects. @throws AuditUnavailableError */
  append(events: readonly string[]): void {
    this.settle();
    const before = this.#sequencer.position;
    try {
      this.#file.append(events.map((event) => this.#sequencer.next(event)));
    } catch (error) {
      this.#sequencer.reset(before);
      throw error;
    }
    this.#unguarded = true;
  }

  /** Writes what is owed; after it the file holds every record. @throws AuditUnavailableError */
  settle(): void {
    if (this.#owed.length === 0) return;
    this.#file.append(this.#owed);
    this.#owed = [];
  }

  /** Settles and makes the file durable. @throws AuditUnavailableError */
  sync(): void {
    this.settle();
    this.#file.sync();
    this.#durable = this.position.sequence;
    this.#unguarded = false;
  }

  /** Makes durable what staged records will continue. @throws AuditUnavailableError */
  prepare(): void {
    this.settle();
    if (this.#unguarded) this.sync();
  }

  /** Numbers a mutation's record. @returns its line, which the mutation's transaction must hold. */
  stage(event: string): string {
    return this.#sequencer.next(event);
  }

  /** Takes back what was staged after `position`. */
  unstage(position: Position): void {
    this.#sequencer.reset(position);
  }

  /** Puts staged lines, now committed, into the file; if that fails they stay owed. */
  export(lines: readonly string[]): void {
    this.#owed.push(...lines);
    try {
      this.settle();
    } catch (error) {
      // The records are durable in the transaction; whoever needs the file next meets the error.
      if (!(error instanceof AuditUnavailableError)) throw error;
    }
  }

  close(): void {
    this.#file.close();
  }
}
