/**
 * Requests that are answered without the handler, and without their body: whatever the transport, in the same bytes.
 */
import type { ServiceResponse } from '../api/transport.ts';
import { healthBody } from './bind.ts';
import { refusal } from './refusals.ts';

/** What is known of a request before its body is read. */
export interface RequestHead {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** X-Amz-Target. */
  readonly target: string | undefined;
  /** Content-Type. */
  readonly contentType: string | undefined;
  /** Bytes; 0 when it is not known yet. */
  readonly bodyLength: number;
}

/** @returns the answer to a request that is not for the handler */
export function answerAtOnce(
  { method, url, target, contentType = '', bodyLength }: RequestHead,
  bodyLengthMax: number,
): ServiceResponse | undefined {
  const question = url.indexOf('?');
  const path = question < 0 ? url : url.slice(0, question);
  if (path === '/health' && (method === 'GET' || method === 'HEAD')) {
    return { status: 200, headers: { 'Content-Type': 'application/json' }, body: healthBody() };
  }
  if (path !== '/') return refusal('UnknownOperationException', undefined, 404);
  // A form, or a query that names its action: STS and IAM, whose presigned requests are GETs.
  const isQuery =
    target === undefined &&
    (contentType.startsWith('application/x-www-form-urlencoded') || /[?&]Action=/.test(url));
  if (method !== 'POST' && !(isQuery && method === 'GET')) {
    const answer = refusal('UnknownOperationException', undefined, 405);
    return { ...answer, headers: { ...answer.headers, Allow: 'POST' } };
  }
  if (target === undefined && !isQuery) return refusal('UnknownOperationException');
  return bodyLength > bodyLengthMax ? bodyTooLarge(bodyLengthMax) : undefined;
}

/** @param bodyLengthMax bytes */
export function bodyTooLarge(bodyLengthMax: number): ServiceResponse {
  return refusal(
    'RequestEntityTooLargeException',
    `The request body is longer than ${bodyLengthMax} bytes.`,
  );
}
