/**
 * AuditLog: one line per request, refusals too. A single sequencer numbers all records of a data directory,
 * whichever thread made them; `sequence` has no gaps and never goes back.
 */

/**
 * What the pipeline knows of one request when it ends, or what the service or its operator did without one; the record
 * lacks the members that are undefined. Never holds plaintext, ciphertext or key material.
 */
export interface AuditEvent {
  /** UUID of the record. */
  readonly eventId: string;
  /** Absent: a request. The service's own doing has the name that CloudTrail gives it; the operator's is ours. */
  readonly eventType?: 'AwsServiceEvent' | 'OperatorEvent' | undefined;
  /** The reply's x-amzn-RequestId; of requests. */
  readonly requestId?: string | undefined;
  /** Milliseconds since the epoch, wallClock. */
  readonly timeMs: number;
  /** When the service's own doing was due: domainClock. */
  readonly dueAtMs?: number | undefined;
  readonly region: string;
  /** KMS operation; absent when the target was not understood. */
  readonly operation?: string | undefined;
  readonly principal?:
    | {
        readonly type: string;
        readonly arn: string;
        readonly accountId: string;
        readonly accessKeyId: string;
      }
    /** The service itself, for this account. */
    | { readonly accountId: string; readonly invokedBy: 'AWS Internal' }
    | undefined;
  readonly sourceAddress?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly readOnly?: boolean | undefined;
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
  readonly serviceEventDetails?: Readonly<Record<string, unknown>> | undefined;
  readonly responseElements?: Readonly<Record<string, unknown>> | undefined;
  /** ARNs of the keys concerned. */
  readonly resources?: readonly string[] | undefined;
  readonly errorCode?: string | undefined;
  readonly errorMessage?: string | undefined;
}

/** The record could not be written (disk full, I/O error, log closed): whoever asked must fail closed. */
export class AuditUnavailableError extends Error {
  override readonly name = 'AuditUnavailableError';
}

export interface AuditLog {
  /**
   * Resolves when the record is in the log (written to the file; fsync by the log's own schedule).
   * @throws AuditUnavailableError
   */
  append(event: AuditEvent): Promise<void>;
}

/** The text that rides in a store transaction (Transaction.audit): the event as one JSON object. */
export function encodeAuditEvent(event: AuditEvent): string {
  return JSON.stringify(event);
}
