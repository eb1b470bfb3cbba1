/** Requests signed by an independent signer (@smithy/signature-v4). */
import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import type { HttpRequest } from '@smithy/types';
import type { ServiceRequest } from '../../../src/api/transport.ts';

export const accessKeyId = 'AKIAIOSFODNN7EXAMPLE';
export const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';

type SourceData = string | ArrayBuffer | ArrayBufferView;

function octets(data: SourceData): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The checksum constructor that smithy asks for, over node:crypto. */
class Sha256 {
  readonly #hash;

  constructor(secret?: SourceData) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', octets(secret));
  }
  update(data: SourceData): void {
    this.#hash.update(octets(data));
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
  reset(): void {
    throw new Error('not needed');
  }
}

export interface Unsigned {
  /** Default: POST, and an X-Amz-Target. */
  readonly method?: 'GET';
  readonly path?: string;
  readonly query?: Record<string, string | string[]>;
  /** As sent: what `query` reads like on the wire. */
  readonly search?: string;
  readonly headers?: Record<string, string>;
  readonly body: Uint8Array;
}

export interface SignOptions {
  readonly region?: string;
  readonly service?: string;
  readonly date: Date;
  readonly secretAccessKey?: string;
  readonly accessKeyId?: string;
  readonly sessionToken?: string;
  readonly unsignableHeaders?: Set<string>;
}

/** The request as it arrives: node's header object and the raw list. */
export function received(
  url: string,
  lines: readonly (readonly [string, string])[],
  body: Uint8Array,
): ServiceRequest {
  const headers: Record<string, string> = {};
  for (const [name, value] of lines) {
    const key = name.toLowerCase();
    headers[key] = headers[key] === undefined ? value.trim() : `${headers[key]}, ${value.trim()}`;
  }
  return {
    method: 'POST',
    url,
    headers,
    rawHeaders: lines.flat(),
    body,
    sourceAddress: '127.0.0.1',
  };
}

function signer(options: SignOptions): SignatureV4 {
  const { region = 'eu-west-1', service = 'kms' } = options;
  return new SignatureV4({
    region,
    service,
    sha256: Sha256 as never,
    credentials: {
      accessKeyId: options.accessKeyId ?? accessKeyId,
      secretAccessKey: options.secretAccessKey ?? secretAccessKey,
      ...(options.sessionToken === undefined ? {} : { sessionToken: options.sessionToken }),
    },
  });
}

function unsigned(request: Unsigned): HttpRequest {
  return {
    method: request.method ?? 'POST',
    protocol: 'http:',
    hostname: '127.0.0.1',
    path: request.path ?? '/',
    query: request.query ?? {},
    headers: {
      host: '127.0.0.1:8080',
      ...(request.method === undefined && {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'TrentService.Encrypt',
      }),
      ...request.headers,
    },
    body: request.body,
  } as HttpRequest;
}

export async function sign(request: Unsigned, options: SignOptions): Promise<ServiceRequest> {
  const { date, unsignableHeaders } = options;
  const signed = await signer(options).sign(unsigned(request), {
    signingDate: date,
    ...(unsignableHeaders && { unsignableHeaders }),
  });
  const url = (request.path ?? '/') + (request.search === undefined ? '' : `?${request.search}`);
  return received(url, Object.entries(signed.headers), request.body);
}

/** The signature in the query string, good for `expiresIn` seconds. X-Amz-Target stays a header. */
export async function presign(
  request: Unsigned,
  options: SignOptions & { readonly expiresIn?: number },
): Promise<ServiceRequest> {
  const { date, unsignableHeaders, expiresIn = 900 } = options;
  const signed = await signer(options).presign(unsigned(request), {
    signingDate: date,
    expiresIn,
    unhoistableHeaders: new Set(['x-amz-target']),
    // The signer leaves the media type out of what it signs in a query string.
    ...(unsignableHeaders && { unsignableHeaders }),
  });
  const query = Object.entries(signed.query ?? {}).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`,
  );
  const url = `${request.path ?? '/'}?${query.join('&')}`;
  return received(url, Object.entries(signed.headers), request.body);
}
