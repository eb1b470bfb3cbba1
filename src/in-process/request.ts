/**
 * Requests and answers of Smithy's HttpHandler interface, the ones AWS SDKs for JavaScript hand to a `requestHandler`,
 * and their way to and from the KMS. Structural types: nothing of the SDK is loaded.
 */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { ServiceRequest, ServiceResponse } from '../api/transport.ts';

export interface SdkRequest {
  readonly method: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>> | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Text, bytes, or something that yields bytes. */
  // biome-ignore lint/suspicious/noExplicitAny: as in the interface
  readonly body?: any;
}

export interface SdkResponse {
  readonly statusCode: number;
  /** Lower-case names, as from a socket. */
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/** The request as the HTTP server would have read it. @throws TypeError for what cannot be sent over HTTP either */
export function serviceRequest(request: SdkRequest, body: Uint8Array): ServiceRequest {
  const fields = new Map<string, { readonly name: string; readonly value: string }>();
  for (const [name, value] of Object.entries(request.headers)) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    fields.set(name.toLowerCase(), { name, value: value.trim() });
  }
  if (!fields.has('host')) {
    const { hostname, port } = request;
    fields.set('host', {
      name: 'host',
      value: port === undefined ? hostname : `${hostname}:${port}`,
    });
  }
  return {
    method: request.method,
    url: urlOf(request),
    headers: Object.fromEntries([...fields].map(([name, { value }]) => [name, value])),
    rawHeaders: [...fields.values()].flatMap(({ name, value }) => [name, value]),
    body,
    sourceAddress: '127.0.0.1',
  };
}

/** Path and query as an SDK writes them on the request line. */
export function urlOf({ path, query = {} }: SdkRequest): string {
  const parts = Object.entries(query).flatMap(([name, value]) => {
    if (value === null) return [encode(name)];
    const values = typeof value === 'string' ? [value] : value;
    return values.map((each) => `${encode(name)}=${encode(each)}`);
  });
  const text = path === '' ? '/' : path;
  return parts.length === 0 ? text : `${text}${text.includes('?') ? '&' : '?'}${parts.join('&')}`;
}

/**
 * The whole body, unless it is longer than `lengthMax` bytes; then undefined.
 * @throws TypeError for a body that is no bytes
 */
export async function bodyOf(
  { body }: SdkRequest,
  lengthMax: number,
): Promise<Uint8Array | undefined> {
  if (body === undefined || body === null) return new Uint8Array();
  const whole = asBytes(body);
  if (whole !== undefined) return whole.length > lengthMax ? undefined : whole;
  if (typeof body[Symbol.asyncIterator] !== 'function')
    throw new TypeError('a request body is text, bytes, or a stream of them');
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<unknown>) {
    const bytes = asBytes(chunk);
    if (bytes === undefined) throw new TypeError('a request body streams text or bytes');
    length += bytes.length;
    if (length > lengthMax) return undefined;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks, length);
}

/** An answer as a client reads it from a socket. */
export function sdkResponse({ status, headers, body }: ServiceResponse): SdkResponse {
  const bytes = Buffer.from(body, 'utf8');
  return {
    statusCode: status,
    headers: {
      ...Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
      ),
      'content-length': String(bytes.length),
      // SDKs read the service's clock from it.
      date: new Date().toUTCString(),
    },
    body: bytes,
  };
}

/** A copy: the pipeline may not see it change. */
function asBytes(value: unknown): Uint8Array | undefined {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  if (ArrayBuffer.isView(value))
    return Buffer.from(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  return value instanceof ArrayBuffer ? Buffer.from(value.slice(0)) : undefined;
}

/** RFC 3986: encodeURIComponent leaves five marks alone that AWS encodes. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
