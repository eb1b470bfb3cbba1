/**
 * The small interface between a transport (HTTP server, in-process handler) and the services behind it.
 */

export interface ServiceRequest {
  readonly method: string;
  /** Path and query exactly as received. */
  readonly url: string;
  /** Lower-case names; duplicates joined as node:http does. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Names and values as received, alternating: what a signature may have to see. */
  readonly rawHeaders: readonly string[];
  readonly body: Uint8Array;
  readonly sourceAddress: string;
  /** Whether nobody waits for the answer any more; absent: somebody always does. */
  readonly isAbandoned?: () => boolean;
}

export interface ServiceResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** May hold secrets: the transport does not keep it. */
  readonly body: string;
}

/** As on every reply of AWS KMS, refusals too. */
export const replyHeaders: Readonly<Record<string, string>> = {
  'Content-Type': 'application/x-amz-json-1.1',
  'Cache-Control': 'no-cache, no-store, must-revalidate, private',
  Expires: '0',
  Pragma: 'no-cache',
};

export type ServiceHandler = (request: ServiceRequest) => Promise<ServiceResponse>;
