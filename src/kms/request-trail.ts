/**
 * What is known of a request so far, for its audit event. A stage writes down what it found out, so a refusal
 * at any stage leaves a record of all that was known then.
 */
import { randomUUID } from 'node:crypto';
import type { Principal } from '../access/principal.ts';
import { lowerCamel } from '../api/member-names.ts';
import { inputs } from '../api/operations.ts';
import type { Entries, Shape } from '../api/shapes.ts';
import type { ServiceRequest } from '../api/transport.ts';
import { type AuditEvent, encodeAuditEvent } from '../audit/audit-log.ts';
import type { Operation } from './operation.ts';

/** How a request ended. Success: neither `errorCode` nor `errorMessage`. */
export interface Outcome {
  readonly responseElements?: Readonly<Record<string, unknown>>;
  readonly errorCode?: string;
  readonly errorMessage?: string;
}

export class RequestTrail {
  readonly requestId: string = randomUUID();
  readonly #request: ServiceRequest;
  readonly #timeMs: number;
  region = '';
  principal: Principal | undefined;
  operation: Operation | undefined;
  /** The parsed request. */
  input: object | undefined;
  /** ARNs. */
  resources: readonly string[] | undefined;
  /** The event went into the store with the change it reports. */
  recorded = false;

  constructor(request: ServiceRequest, timeMs: number) {
    this.#request = request;
    this.#timeMs = timeMs;
  }

  event({ responseElements, errorCode, errorMessage }: Outcome): AuditEvent {
    const { operation, principal, resources } = this;
    const userAgent = this.#request.headers['user-agent'];
    // As in CloudTrail, the record of a denied request does not repeat what the caller sent.
    const parameters = errorCode === 'AccessDenied' ? undefined : this.#parameters();
    return {
      eventId: randomUUID(),
      requestId: this.requestId,
      timeMs: this.#timeMs,
      region: this.region,
      operation: operation?.name,
      readOnly: operation?.audit.readOnly,
      principal,
      sourceAddress: this.#request.sourceAddress,
      userAgent: userAgent?.slice(0, textLengthMax),
      parameters,
      responseElements: responseElements && lowerMembers(responseElements),
      resources,
      errorCode,
      errorMessage: errorMessage?.slice(0, textLengthMax),
    };
  }

  encodeEvent(outcome: Outcome): string {
    return encodeAuditEvent(this.event(outcome));
  }

  /** The members of the input that the operation's audit rule names, in CloudTrail's spelling. */
  #parameters(): Record<string, unknown> | undefined {
    if (this.operation === undefined || this.input === undefined) return undefined;
    const input = this.input as Readonly<Record<string, unknown>>;
    const parameters: Record<string, unknown> = {};
    let isEmpty = true;
    for (const name of this.operation.audit.parameters) {
      const value = input[name];
      if (value === undefined) continue;
      const member = inputs[this.operation.name].members[name];
      parameters[lowerCamel(name)] = member === undefined ? value : recorded(value, member.shape);
      isEmpty = false;
    }
    return isEmpty ? undefined : parameters;
  }
}

const textLengthMax = 1024;

/** A parsed value as CloudTrail writes it. */
function recorded(value: unknown, shape: Shape): unknown {
  switch (shape.type) {
    case 'map':
      // fromEntries defines properties of the object's own, whatever they are called.
      return Object.fromEntries(value as Entries);
    case 'list':
      return (value as readonly unknown[]).map((member) => recorded(member, shape.member));
    case 'structure':
      return lowerMembers(value as Readonly<Record<string, unknown>>);
    default:
      return value;
  }
}

/** Structures all the way down; dates and octets are values. */
function lowerMembers(structure: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(structure).map(([name, value]) => [
      lowerCamel(name),
      Object.getPrototypeOf(value) === Object.prototype
        ? lowerMembers(value as Readonly<Record<string, unknown>>)
        : value,
    ]),
  );
}
