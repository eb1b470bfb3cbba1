/**
 * What this server answers by itself: errors in AWS's form, for requests that never reach the handler.
 */
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { type ExceptionName, encodeException, kmsException } from '../api/exceptions.ts';
import { replyHeaders, type ServiceResponse } from '../api/transport.ts';

/**
 * An error reply.
 * @param status where HTTP has one of its own for the case
 */
export function refusal(name: ExceptionName, message?: string, status?: number): ServiceResponse {
  const exception = kmsException(name, message);
  return {
    status: status ?? exception.httpStatus,
    headers: { ...replyHeaders, 'x-amzn-RequestId': randomUUID() },
    body: encodeException(exception),
  };
}

/** The answer to what node's HTTP parser gave up on, by its error code. */
export function parserRefusal(code: string | undefined): ServiceResponse {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return refusal('SerializationException', 'The request headers are too long.', 431);
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return refusal('RequestEntityTooLargeException', 'The chunk extensions are too long.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return refusal('RequestTimeoutException', 'The request took too long to arrive.');
    default:
      return refusal('SerializationException', 'The request is not valid HTTP.');
  }
}

/** A reply as octets, for a connection that node gives no ServerResponse for and that closes after it. */
export function rawResponse({ status, headers, body }: ServiceResponse): string {
  const fields = { ...headers, 'Content-Length': Buffer.byteLength(body), Connection: 'close' };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
}
