/**
 * The AWS Query protocol: a form of parameters in, XML out. What STS and IAM speak.
 * Source: AWS Smithy documentation, "AWS query protocol"; error forms as STS and IAM send them.
 */
import type { ExceptionName, KmsException } from '../api/exceptions.ts';
import type { ServiceRequest, ServiceResponse } from '../api/transport.ts';

/** A refusal of STS or IAM. */
export class QueryError extends Error {
  override readonly name = 'QueryError';
  readonly code: string;
  readonly httpStatus: number;

  constructor(code: string, httpStatus: number, message: string) {
    super(message);
    this.code = code;
    this.httpStatus = httpStatus;
  }
}

/** Errors of the layers that the KMS has as well, under the names that Query services give them. */
const queryNames: Partial<Record<ExceptionName, readonly [code: string, httpStatus: number]>> = {
  AccessDeniedException: ['AccessDenied', 403],
  ExpiredTokenException: ['ExpiredToken', 403],
  InvalidArnException: ['MalformedPolicyDocument', 400],
  MalformedPolicyDocumentException: ['MalformedPolicyDocument', 400],
  IncompleteSignatureException: ['IncompleteSignature', 400],
  InvalidSignatureException: ['SignatureDoesNotMatch', 403],
  MissingAuthenticationTokenException: ['MissingAuthenticationToken', 403],
  UnrecognizedClientException: ['InvalidClientTokenId', 403],
};

export function asQueryError({ name, message }: KmsException): QueryError | undefined {
  const row = queryNames[name];
  if (row === undefined) return undefined;
  const [code, httpStatus] = row;
  const text =
    code === 'MissingAuthenticationToken' ? 'Request is missing Authentication Token' : message;
  return new QueryError(code, httpStatus, text);
}

export function denied(message: string): QueryError {
  return new QueryError('AccessDenied', 403, message);
}

export function invalid(value: string, member: string, constraint: string): QueryError {
  return new QueryError(
    'ValidationError',
    400,
    `1 validation error detected: Value '${value}' at '${member}' failed to satisfy constraint: ${constraint}`,
  );
}

/** Most of them in a request: an SDK's longest has about 200. */
const parametersMax = 1000;

/** Parameters of a request: those of the query string, and those of a form. */
export class Parameters {
  readonly #values = new Map<string, string>();

  /** @throws QueryError MalformedQueryString */
  constructor({ url, body }: ServiceRequest) {
    const question = url.indexOf('?');
    const query = question < 0 ? '' : url.slice(question + 1);
    for (const text of [query, Buffer.from(body).toString('utf8')]) {
      for (const [name, value] of new URLSearchParams(text)) {
        if (this.#values.size >= parametersMax || this.#values.has(name))
          throw new QueryError(
            'MalformedQueryString',
            400,
            'The query string has too many parameters, or one of them twice.',
          );
        this.#values.set(name, value);
      }
    }
  }

  /** Undefined where it is absent or empty. */
  get(name: string): string | undefined {
    return this.#values.get(name) || undefined;
  }

  /** @throws QueryError ValidationError */
  required(name: string): string {
    const value = this.get(name);
    if (value !== undefined) return value;
    const member = lowerFirst(name);
    throw new QueryError(
      'ValidationError',
      400,
      `1 validation error detected: Value null at '${member}' failed to satisfy constraint: Member must not be null`,
    );
  }

  /** @throws QueryError ValidationError for what is no whole number from `min` to `max` */
  integer(name: string, min: number, max: number): number | undefined {
    const text = this.get(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    const member = lowerFirst(name);
    if (!/^-?[0-9]{1,15}$/.test(text))
      throw new QueryError('MalformedInput', 400, `${member} is no integer`);
    if (value < min)
      throw invalid(text, member, `Member must have value greater than or equal to ${min}`);
    if (value > max)
      throw invalid(text, member, `Member must have value less than or equal to ${max}`);
    return value;
  }

  /** Members of `Name.member.1.Part`, in order: one object of parts each. A list without parts has part ''. */
  list(name: string): ReadonlyMap<string, string>[] {
    const members = new Map<number, Map<string, string>>();
    const prefix = `${name}.member.`;
    for (const [key, value] of this.#values) {
      if (!key.startsWith(prefix)) continue;
      const [, index = '', part = ''] =
        /^([0-9]{1,4})(?:\.(.+))?$/.exec(key.slice(prefix.length)) ?? [];
      if (index === '') continue;
      const member = members.get(Number(index)) ?? new Map<string, string>();
      members.set(Number(index), member.set(part, value));
    }
    return [...members].sort(([a], [b]) => a - b).map(([, member]) => member);
  }
}

export const lowerFirst = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);

/** What XML is made of: members in order, absent ones left out, lists as `<member>`. */
export type XmlValue =
  | string
  | number
  | boolean
  | undefined
  | readonly XmlValue[]
  | { readonly [name: string]: XmlValue };

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

function escapeText(text: string): string {
  // XML 1.0 has no way to write other control characters.
  const writable = text.replace(
    /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu,
    '\uFFFD',
  );
  return writable.replace(/[&<>"']/g, (character) => entities[character]!);
}

function xml(value: XmlValue): string {
  if (value === undefined) return '';
  if (Array.isArray(value)) return value.map((each: XmlValue) => element('member', each)).join('');
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([name, member]) => (member === undefined ? '' : element(name, member as XmlValue)))
      .join('');
  return escapeText(String(value));
}

const element = (name: string, value: XmlValue): string => `<${name}>${xml(value)}</${name}>`;

function reply(status: number, requestId: string, body: string): ServiceResponse {
  const headers = { 'Content-Type': 'text/xml', 'x-amzn-RequestId': requestId };
  return { status, headers, body };
}

/** @param namespace of the service's version */
export function encodeResult(
  { action, namespace, requestId }: { action: string; namespace: string; requestId: string },
  result: XmlValue,
): ServiceResponse {
  const metadata = element('ResponseMetadata', { RequestId: requestId });
  const body = `${element(`${action}Result`, result)}${metadata}`;
  const text = `<${action}Response xmlns="${namespace}">${body}</${action}Response>`;
  return reply(200, requestId, text);
}

export function encodeError(
  { namespace, requestId }: { namespace: string; requestId: string },
  { code, httpStatus, message }: QueryError,
): ServiceResponse {
  const error = { Type: httpStatus < 500 ? 'Sender' : 'Receiver', Code: code, Message: message };
  const body = `${element('Error', error)}${element('RequestId', requestId)}`;
  return reply(
    httpStatus,
    requestId,
    `<ErrorResponse xmlns="${namespace}">${body}</ErrorResponse>`,
  );
}
