/**
 * Collecting a request's body within a bound.
 */
import type { IncomingMessage } from 'node:http';

/** The body is longer than allowed; nothing more of it is kept. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

/** The client went away before its body was complete. */
export class BodyAbortedError extends Error {
  override readonly name = 'BodyAbortedError';
}

/** Content-Length as node's parser accepted it; undefined for a chunked body. */
export function contentLength(request: IncomingMessage): number | undefined {
  const text = request.headers['content-length'];
  if (text !== undefined) return Number(text);
  return request.headers['transfer-encoding'] === undefined ? 0 : undefined;
}

/**
 * Calls `done` once: with the body as soon as its last byte is there, which with a Content-Length is before
 * the stream's end; or with an error.
 * @param lengthMax bytes
 */
export function readBody(
  request: IncomingMessage,
  lengthMax: number,
  done: (error: Error | undefined, body: Uint8Array) => void,
): void {
  const expected = contentLength(request);
  if (expected === 0) {
    done(undefined, new Uint8Array());
    return;
  }
  if (expected !== undefined && expected > lengthMax) {
    done(new BodyTooLargeError(), new Uint8Array());
    return;
  }
  const chunks: Buffer[] = [];
  let length = 0;
  let open = true;

  function finish(error?: Error): void {
    if (!open) return;
    open = false;
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length);
    done(error, error === undefined ? body : new Uint8Array());
  }

  request.on('data', (chunk: Buffer) => {
    if (!open) return;
    length += chunk.length;
    if (length > lengthMax) {
      chunks.length = 0;
      finish(new BodyTooLargeError());
      return;
    }
    chunks.push(chunk);
    if (length === expected) finish();
  });
  if (expected === undefined) request.on('end', () => finish());
  // Whatever goes wrong ends in this; errors are emitted only to those who listen.
  request.on('close', () => {
    if (open) finish(new BodyAbortedError()); // every request closes: an error costs its stack
  });
}
