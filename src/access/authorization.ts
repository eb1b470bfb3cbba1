/**
 * The Authorization header of Signature Version 4, and the rules it must keep before any secret is looked at.
 * Source: AWS IAM User Guide, "Elements of an AWS API request signature". Texts that were not recorded for
 * KMS are those of AWS's common authentication layer.
 */
import { type KmsException, kmsException } from '../api/exceptions.ts';
import type { ServiceRequest } from '../api/transport.ts';

const algorithm = 'AWS4-HMAC-SHA256';
const service = 'kms';
const terminator = 'aws4_request';

export interface Authorization {
  readonly accessKeyId: string;
  /** `yyyymmdd` of the credential scope. */
  readonly date: string;
  readonly region: string;
  /** `<date>/<region>/kms/aws4_request` */
  readonly scope: string;
  /** As sent: lower-case names between semicolons. */
  readonly signedHeaders: string;
  /** As sent: 64 hex digits, if it is one. */
  readonly signature: string;
}

function incomplete(message: string): KmsException {
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
 * @param regions the Regions served
 * @throws KmsException MissingAuthenticationTokenException, IncompleteSignatureException,
 *   InvalidSignatureException
 */
export function parseAuthorization(
  request: ServiceRequest,
  regions: ReadonlySet<string>,
): Authorization {
  const header = request.headers.authorization;
  // A signature in the query string (presigned) is not taken: KMS clients sign the header.
  if (header === undefined || header === '') {
    throw kmsException('MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  const isSigV4 = header.startsWith(`${algorithm} `);
  const credential = isSigV4 ? parameter(header, 'Credential') : undefined;
  const signedHeaders = isSigV4 ? parameter(header, 'SignedHeaders') : undefined;
  const signature = isSigV4 ? parameter(header, 'Signature') : undefined;
  const isDated = request.headers['x-amz-date'] !== undefined || request.headers.date !== undefined;
  if (!credential || !signedHeaders || !signature || !isDated) {
    const missing: string[] = [];
    if (!credential) missing.push("Authorization header requires 'Credential' parameter.");
    if (!signature) missing.push("Authorization header requires 'Signature' parameter.");
    if (!signedHeaders) missing.push("Authorization header requires 'SignedHeaders' parameter.");
    if (!isDated) {
      missing.push(
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
      );
    }
    throw incomplete(missing.join(' '));
  }
  return { ...parseCredential(credential, regions), signedHeaders, signature };
}

function parseCredential(
  credential: string,
  regions: ReadonlySet<string>,
): Pick<Authorization, 'accessKeyId' | 'date' | 'region' | 'scope'> {
  const parts = credential.split('/');
  const [accessKeyId, date, region, scopeService, scopeTerminator] = parts;
  if (parts.length !== 5 || !accessKeyId || !date || !region) {
    throw incomplete(
      'Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.',
    );
  }
  const wrong: string[] = [];
  if (!regions.has(region)) wrong.push('Credential should be scoped to a valid region.');
  if (scopeService !== service) {
    wrong.push(`Credential should be scoped to correct service: '${service}'.`);
  }
  if (scopeTerminator !== terminator) {
    wrong.push(`Credential should be scoped with a valid terminator: '${terminator}'.`);
  }
  if (wrong.length > 0) throw kmsException('InvalidSignatureException', wrong.join(' '));
  return { accessKeyId, date, region, scope: credential.slice(accessKeyId.length + 1) };
}
