/**
 * The KMS as a transport sees it: a request in, a response out. Runs the pipeline, then the last stage, audit:
 * no answer leaves before its record is in the log, and without a record there is no answer but a fault.
 */
import type { Authenticator } from '../access/principal.ts';
import { encodeException, type KmsException } from '../api/exceptions.ts';
import { encodeOutput } from '../api/json.ts';
import {
  replyHeaders,
  type ServiceHandler,
  type ServiceRequest,
  type ServiceResponse,
} from '../api/transport.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { type Clock, wallClock } from '../clock/clock.ts';
import { abandonment } from '../keystore/slow-lanes.ts';
import { operations } from './operations/index.ts';
import { Pipeline } from './pipeline.ts';
import { auditErrorCode, refusalOf } from './refusal.ts';
import type { RegionService } from './region-service.ts';
import { type Outcome, RequestTrail } from './request-trail.ts';
import { StageTimer } from './stage-timer.ts';

/** A fault of the service, for whoever operates it. Never holds plaintext, ciphertext or key material. */
export interface Fault {
  readonly requestId: string;
  readonly operation: string | undefined;
  readonly error: unknown;
}

export interface KmsServiceOptions {
  readonly authenticate: Authenticator;
  /** By Region name; the authenticator lets no other Region through. */
  readonly regions: ReadonlyMap<string, RegionService>;
  readonly audit: AuditLog;
  /** Audit times. Default: the machine's clock. */
  readonly wallClock?: Clock;
  /** Dates of keys. Default: the machine's clock. */
  readonly domainClock?: Clock;
  /** Answers carry a Server-Timing header with the time of each stage. Default: no. */
  readonly serverTiming?: boolean;
  readonly onFault?: (fault: Fault) => void;
  /** Told of each request when its answer is about to leave. */
  readonly onAnswer?: (answer: Answered) => void;
}

/** How a request went. */
export interface Answered {
  /** Undefined: it did not get as far as being one. */
  readonly operation: string | undefined;
  /** The exception's name; undefined: it succeeded. */
  readonly exception: string | undefined;
  /** Stage and its time, ms, in order. */
  readonly stages: StageTimer['stages'];
}

export function createKmsService(options: KmsServiceOptions): ServiceHandler {
  const { authenticate, audit, wallClock: wall = wallClock, domainClock = wall } = options;
  const { serverTiming = false, onFault = () => undefined, onAnswer } = options;
  const { regions } = options;
  const pipeline = new Pipeline({ authenticate, regions, operations, domainClock });

  function refuse(error: unknown, trail: RequestTrail): KmsException {
    const { exception, fault } = refusalOf(error);
    if (fault !== undefined) {
      const { requestId, operation } = trail;
      onFault({ requestId, operation: operation?.name, error: fault });
    }
    return exception;
  }

  return async (request: ServiceRequest): Promise<ServiceResponse> => {
    const timer = serverTiming || onAnswer ? new StageTimer() : undefined;
    const trail = new RequestTrail(request, wall.nowMs());
    let output: object | undefined;
    let refusal: KmsException | undefined;
    try {
      const { isAbandoned } = request;
      const process = () => pipeline.process(request, trail, timer);
      const done = isAbandoned === undefined ? process() : abandonment.run(isAbandoned, process);
      output = done instanceof Promise ? await done : done;
    } catch (error) {
      refusal = refuse(error, trail);
    }
    try {
      if (!trail.recorded) await audit.append(trail.event(outcomeOf(refusal)));
    } catch (error) {
      refusal = refuse(error, trail);
    }
    if (timer) {
      timer.ended('audit');
      const operation = trail.operation?.name;
      onAnswer?.({ operation, exception: refusal?.name, stages: timer.stages });
    }
    const responseHeaders = {
      ...replyHeaders,
      'x-amzn-RequestId': trail.requestId,
      ...(serverTiming && timer && { 'Server-Timing': timer.header() }),
    };
    try {
      if (refusal !== undefined)
        return {
          status: refusal.httpStatus,
          headers: responseHeaders,
          body: encodeException(refusal),
        };
      return { status: 200, headers: responseHeaders, body: encodeOutput(output) };
    } finally {
      wipe(trail.operation?.secrets, trail.input);
      wipe(trail.operation?.secrets, output);
    }
  };
}

function outcomeOf(refusal: KmsException | undefined): Outcome {
  if (refusal === undefined) return {};
  return { errorCode: auditErrorCode(refusal), errorMessage: refusal.message };
}

/** Overwrites the named members, where they are octets. */
function wipe(names: readonly string[] = [], holder: object = {}): void {
  for (const name of names) {
    const value = (holder as Readonly<Record<string, unknown>>)[name];
    if (value instanceof Uint8Array) value.fill(0);
  }
}
