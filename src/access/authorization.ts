/**
 * The Authorization header of Signature Version 4, and the rules it must keep before any secret is looked at.
 * presigned.ts reads the same out of a query string.
 * Source: AWS IAM User Guide, "Elements of an AWS API request signature". Texts that were not recorded for
 * KMS are those of AWS's common authentication layer.
 */
import { type KmsException, kmsException } from '../api/exceptions.ts';
import type { ServiceRequest } from '../api/transport.ts';

export const algorithm = 'AWS4-HMAC-SHA256';
const terminator = 'aws4_request';

/** What a credential scope may name of what is served here. */
export type SignedService = 'kms' | 'sts' | 'iam';

/** What a credential scope has to be of. */
export interface ScopeRule {
  readonly service: SignedService;
  /** The Regions served. */
  readonly regions: ReadonlySet<string>;
}

/** The headers a signature covers. */
export interface SignedHeaders {
  /** As sent: lower-case names between semicolons. */
  readonly text: string;
  readonly names: readonly string[];
}

/** Who signs, and what for: the same in all of a client's requests of one kind and day. */
export interface Signer {
  readonly accessKeyId: string;
  /** `yyyymmdd` of the credential scope. */
  readonly date: string;
  readonly region: string;
  readonly service: SignedService;
  /** `<date>/<region>/<service>/aws4_request` */
  readonly scope: string;
  readonly signedHeaders: SignedHeaders;
}

export interface Authorization {
  readonly signer: Signer;
  /** As sent: 64 hex digits, if it is one. */
  readonly signature: string;
}

export function incomplete(message: string): KmsException {
  return kmsException('IncompleteSignatureException', message);
}

/** `Credential=a, SignedHeaders=b, Signature=c` in any order; undefined where a part is not there. */
function parameter(header: string, name: string): string | undefined {
  const start = header.indexOf(`${name}=`);
  if (start < 0) return undefined;
  // A part begins the list or follows a comma or blank: `XSignature=` is another one.
  if (!' ,'.includes(header.charAt(start - 1))) return undefined;
  let end = header.indexOf(',', start);
  if (end < 0) end = header.length;
  const value = header.slice(start + name.length + 1, end).trim();
  return value === '' ? undefined : value;
}

/**
 * Reads the header and checks the credential scope's service, terminator and Region.
 * @throws KmsException MissingAuthenticationTokenException, IncompleteSignatureException,
 *   InvalidSignatureException
 */
export function parseAuthorization(request: ServiceRequest, rule: ScopeRule): Authorization {
  const header = request.headers.authorization;
  if (header === undefined || header === '') {
    throw kmsException('MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  const isSigV4 = header.startsWith(`${algorithm} `);
  const credential = isSigV4 ? parameter(header, 'Credential') : undefined;
  const signedHeaders = isSigV4 ? parameter(header, 'SignedHeaders') : undefined;
  const signature = isSigV4 ? parameter(header, 'Signature') : undefined;
  if (!credential || !signedHeaders || !signature || !isDated(request)) {
    const missing: string[] = [];
    if (!credential) missing.push("Authorization header requires 'Credential' parameter.");
    if (!signature) missing.push("Authorization header requires 'Signature' parameter.");
    if (!signedHeaders) missing.push("Authorization header requires 'SignedHeaders' parameter.");
    if (!isDated(request)) {
      missing.push(
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
      );
    }
    throw incomplete(missing.join(' '));
  }
  const names = signedHeaders.split(';');
  const signer = {
    ...parseCredential(credential, rule),
    signedHeaders: { text: signedHeaders, names },
  };
  return { signer, signature };
}

function isDated({ headers }: ServiceRequest): boolean {
  return headers['x-amz-date'] !== undefined || headers.date !== undefined;
}

/** The global endpoints of IAM and STS sign for it, whatever is served besides. */
const globalRegion = 'us-east-1';

/** @throws KmsException IncompleteSignatureException, InvalidSignatureException */
export function parseCredential(
  credential: string,
  { service, regions }: ScopeRule,
): Omit<Signer, 'signedHeaders'> {
  const parts = credential.split('/');
  const [accessKeyId, date, region, scopeService, scopeTerminator] = parts;
  if (parts.length !== 5 || !accessKeyId || !date || !region) {
    throw incomplete(
      'Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.',
    );
  }
  const wrong: string[] = [];
  const isServed = regions.has(region) || (service !== 'kms' && region === globalRegion);
  if (!isServed) wrong.push('Credential should be scoped to a valid region.');
  if (scopeService !== service) {
    wrong.push(`Credential should be scoped to correct service: '${service}'.`);
  }
  if (scopeTerminator !== terminator) {
    wrong.push(`Credential should be scoped with a valid terminator: '${terminator}'.`);
  }
  if (wrong.length > 0) throw kmsException('InvalidSignatureException', wrong.join(' '));
  return { accessKeyId, date, region, service, scope: credential.slice(accessKeyId.length + 1) };
}

/** Hex digits of an HMAC-SHA-256. */
const signatureLength = 64;
/** One per access key, day, Region and set of signed headers in use; the oldest goes first. */
const knownMax = 1024;

/**
 * Signers by the text of the Authorization header up to the signature, so that a client's later requests are not
 * parsed again. Only those whose signature was right: nobody else fills it.
 */
export class KnownSigners {
  readonly #signers = new Map<string, Signer>();

  /** What parseAuthorization would return, if the header begins as a remembered one. */
  recall(request: ServiceRequest): Authorization | undefined {
    const { authorization: header = '' } = request.headers;
    const signer = this.#signers.get(header.slice(0, -signatureLength));
    if (signer === undefined || !isDated(request)) return undefined;
    return { signer, signature: header.slice(-signatureLength) };
  }

  /** For a signature that was found right, and so is 64 digits. Not kept if other text follows them. */
  remember(request: ServiceRequest, { signer }: Authorization): void {
    const { authorization: header = '' } = request.headers;
    const signatureAt = header.indexOf('Signature=') + 'Signature='.length;
    if (signatureAt !== header.length - signatureLength) return;
    if (this.#signers.size >= knownMax) {
      const [oldest] = this.#signers.keys();
      if (oldest !== undefined) this.#signers.delete(oldest);
    }
    this.#signers.set(header.slice(0, signatureAt), signer);
  }
}
