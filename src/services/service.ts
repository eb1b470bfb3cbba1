/**
 * STS and IAM on the endpoint of the KMS: what is a form and names an Action is theirs, by the service that it was signed
 * for. Every request leaves an audit record, or is answered as a fault.
 */
import { randomUUID } from 'node:crypto';
import type { Directory } from '../access/directory.ts';
import type { Authenticator, Principal } from '../access/principal.ts';
import type { SessionTokens } from '../access/session-token.ts';
import { KmsException } from '../api/exceptions.ts';
import type { ServiceHandler, ServiceRequest, ServiceResponse } from '../api/transport.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Clock } from '../clock/clock.ts';
import type { QueryService } from './action.ts';
import { iam } from './iam.ts';
import {
  asQueryError,
  encodeError,
  encodeResult,
  lowerFirst,
  Parameters,
  QueryError,
} from './query.ts';
import { sts } from './sts.ts';

export interface QueryServiceOptions {
  readonly authenticate: Authenticator;
  /** As it is now; undefined: there is none. */
  readonly directory: () => Directory | undefined;
  readonly sessions: SessionTokens;
  readonly audit: AuditLog;
  readonly wallClock: Clock;
  readonly onFault: (fault: {
    readonly requestId: string;
    readonly operation: string | undefined;
    readonly error: unknown;
  }) => void;
}

/** What the credential scope says, in a header or in the query string. STS where it says nothing known. */
function signedFor({ headers, url }: ServiceRequest): QueryService {
  const credential = headers.authorization ?? url;
  return /(?:\/|%2F)iam(?:\/|%2F)aws4_request/i.test(credential) ? iam : sts;
}

/** Longest text of a caller's in an audit record, characters. */
const textLengthMax = 1024;

/** @param kms serves every other request */
export function withQueryServices(
  kms: ServiceHandler,
  { authenticate, directory, sessions, audit, wallClock, onFault }: QueryServiceOptions,
): ServiceHandler {
  async function answer(request: ServiceRequest): Promise<ServiceResponse> {
    const requestId = randomUUID();
    const timeMs = wallClock.nowMs();
    const service = signedFor(request);
    const { namespace } = service;
    let principal: Principal | undefined;
    let region = '';
    let action: string | undefined;
    let audited: Record<string, string> | undefined;
    let readOnly: boolean | undefined;
    let response: ServiceResponse;
    let refusal: QueryError | undefined;
    try {
      const parameters = new Parameters(request);
      const name = parameters.required('Action');
      const found = service.actions.get(name);
      if (found === undefined) throw unknownAction(name, parameters.get('Version'));
      action = name;
      readOnly = found.readOnly;
      ({ principal, region } = authenticate(request, service.name));
      const said = found.audited.map((each) => [lowerFirst(each), parameters.get(each)] as const);
      audited = Object.fromEntries(
        said.filter(([, value]) => value !== undefined),
      ) as typeof audited;
      const result = found.run({
        principal,
        parameters,
        directory: directory(),
        sessions,
        nowMs: timeMs,
        region,
        sourceAddress: request.sourceAddress,
        userAgent: request.headers['user-agent'],
      });
      response = encodeResult({ action, namespace, requestId }, result);
    } catch (error) {
      refusal = queryError(error, requestId, action);
      response = encodeError({ namespace, requestId }, refusal);
    }
    try {
      await audit.append({
        ...{ eventId: randomUUID(), requestId, timeMs, region, principal, readOnly },
        operation: action,
        sourceAddress: request.sourceAddress,
        userAgent: request.headers['user-agent']?.slice(0, textLengthMax),
        parameters: refusal?.code === 'AccessDenied' ? undefined : audited,
        errorCode: refusal?.code,
        errorMessage: refusal?.message.slice(0, textLengthMax),
      });
    } catch (error) {
      return encodeError({ namespace, requestId }, queryError(error, requestId, action));
    }
    return response;
  }

  function queryError(
    error: unknown,
    requestId: string,
    operation: string | undefined,
  ): QueryError {
    const known = error instanceof KmsException ? asQueryError(error) : error;
    if (known instanceof QueryError) return known;
    onFault({ requestId, operation, error });
    return new QueryError(
      'InternalFailure',
      500,
      'The request processing has failed because of an unknown error, exception or failure.',
    );
  }

  return (request) =>
    request.headers['x-amz-target'] === undefined ? answer(request) : kms(request);
}

function unknownAction(name: string, version = 'NO_VERSION_SPECIFIED'): QueryError {
  return new QueryError(
    'InvalidAction',
    400,
    `Could not find operation ${name.slice(0, textLengthMax)} for version ${version.slice(0, textLengthMax)}`,
  );
}
