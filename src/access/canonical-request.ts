/**
 * The canonical request of Signature Version 4: what a client signed, rebuilt from what arrived.
 * Source: AWS IAM User Guide, "Create a signed AWS API request", step 1.
 *
 * Everything is built of the octets as received, one character (U+0000..U+00FF) for each.
 */
import type { ServiceRequest } from '../api/transport.ts';
import type { SignedHeaders } from './authorization.ts';

const unreserved = /^[A-Za-z0-9_.~-]*$/;

/** Percent-encodes every octet but the unreserved ones of RFC 3986; `/` too. */
function encode(octets: string): string {
  if (unreserved.test(octets)) return octets;
  let text = '';
  for (const octet of octets) {
    text += unreserved.test(octet)
      ? octet
      : `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}

/** Undoes percent-encoding; a `%` without two hex digits stands for itself. */
function decode(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** Dot segments and empty segments removed, then each segment encoded again (as for every service but S3). */
function canonicalPath(path: string): string {
  if (path === '/' || path === '') return '/';
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(encode(segment));
  }
  const trailing = segments.length > 0 && path.endsWith('/') ? '/' : '';
  return `/${segments.join('/')}${trailing}`;
}

/** By code unit: the encoded parts are ASCII. */
function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** Names and values of a query string, percent-encoding undone, in order. */
export function queryParameters(query: string): [string, string][] {
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part): [string, string] => {
      const equals = part.indexOf('=');
      return equals < 0
        ? [decode(part), '']
        : [decode(part.slice(0, equals)), decode(part.slice(equals + 1))];
    });
}

/** Where a presigned request has its signature, which it cannot cover. */
export const signatureParameter = 'X-Amz-Signature';

function canonicalQuery(query: string, isPresigned: boolean): string {
  if (query === '') return '';
  return queryParameters(query)
    .filter(([name]) => !isPresigned || name !== signatureParameter)
    .map(([name, value]): [string, string] => [encode(name), encode(value)])
    .sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** Outer white space off, inner runs of it to one blank. */
function canonicalValue(value: string): string {
  const trimmed = value.trim();
  return /\t|\s\s/.test(trimmed) ? trimmed.replace(/\s+/g, ' ') : trimmed;
}

/**
 * The value of a header, those of repeated lines joined with commas, in order; undefined where there is none.
 * A walk over the lines: they are few, and a table of them would cost a hash of each name.
 * @param name lower-case
 */
function headerValue(rawHeaders: readonly string[], name: string): string | undefined {
  let joined: string | undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const line = rawHeaders[i]!;
    if (line.length !== name.length || line.toLowerCase() !== name) continue;
    const value = canonicalValue(rawHeaders[i + 1]!);
    joined = joined === undefined ? value : `${joined},${value}`;
  }
  return joined;
}

/**
 * @param payloadHash hex SHA-256 of the body received
 * @param isPresigned the signature is in the query string
 * @returns the text, or undefined when a signed header is not in the request
 */
export function canonicalRequest(
  request: ServiceRequest,
  signedHeaders: SignedHeaders,
  payloadHash: string,
  isPresigned = false,
): string | undefined {
  const { method, url } = request;
  const question = url.indexOf('?');
  const path = question < 0 ? url : url.slice(0, question);
  const query = question < 0 ? '' : url.slice(question + 1);
  let text = `${method}\n${canonicalPath(path)}\n${canonicalQuery(query, isPresigned)}\n`;
  for (const name of signedHeaders.names) {
    const value = headerValue(request.rawHeaders, name);
    if (value === undefined) return undefined;
    text += `${name}:${value}\n`;
  }
  return `${text}\n${signedHeaders.text}\n${payloadHash}`;
}
