/**
 * Signature Version 4 in the query string: a request that was signed beforehand, good for the seconds it says.
 * Source: AWS IAM User Guide, "Create a signed AWS API request", query-string parameters. An Authorization header,
 * where there is one, counts instead. Texts are those of AWS's common authentication layer.
 */
import { kmsException } from '../api/exceptions.ts';
import type { ServiceRequest } from '../api/transport.ts';
import {
  type Authorization,
  algorithm,
  incomplete,
  parseCredential,
  type ScopeRule,
} from './authorization.ts';
import { queryParameters, signatureParameter } from './canonical-request.ts';
import { notBasicFormat, parseBasicFormat, type SigningTime } from './signing-time.ts';

export interface Presigned extends Authorization {
  readonly time: SigningTime;
  /** From `time` on. */
  readonly validMs: number;
  /** Of temporary credentials. */
  readonly securityToken: string | undefined;
}

/** A week. */
const expiresMax = 604_800;

const required = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  signatureParameter,
  'X-Amz-SignedHeaders',
  'X-Amz-Date',
  'X-Amz-Expires',
] as const;

/** Whether the query string, and no header, is to say who signed. */
export function isPresigned({ headers, url }: ServiceRequest): boolean {
  return headers.authorization === undefined && /[?&]X-Amz-(Algorithm|Signature)=/.test(url);
}

/** @throws KmsException IncompleteSignatureException, InvalidSignatureException */
export function parsePresigned({ url }: ServiceRequest, rule: ScopeRule): Presigned {
  const parameters = new Map<string, string>();
  for (const [name, value] of queryParameters(url.slice(url.indexOf('?') + 1))) {
    // Of two, a client and this server could each read another one.
    if (parameters.has(name) && name.startsWith('X-Amz-'))
      throw incomplete(`AWS query-string parameters must include '${name}' once.`);
    parameters.set(name, value);
  }
  const missing = required.filter((name) => !parameters.get(name));
  if (missing.length > 0) {
    const each = missing.map((name) => `AWS query-string parameters must include '${name}'.`);
    throw incomplete([...each, 'Re-examine the query-string parameters.'].join(' '));
  }
  const value = (name: (typeof required)[number]): string => parameters.get(name)!;
  if (value('X-Amz-Algorithm') !== algorithm)
    throw incomplete(`Unsupported AWS 'algorithm': '${value('X-Amz-Algorithm')}'.`);
  const text = value('X-Amz-Date');
  const ms = parseBasicFormat(text);
  if (Number.isNaN(ms)) throw notBasicFormat();
  const signedHeaders = value('X-Amz-SignedHeaders');
  return {
    signer: {
      ...parseCredential(value('X-Amz-Credential'), rule),
      signedHeaders: { text: signedHeaders, names: signedHeaders.split(';') },
    },
    signature: value(signatureParameter),
    time: { header: undefined, text, ms },
    validMs: expires(value('X-Amz-Expires')) * 1000,
    securityToken: parameters.get('X-Amz-Security-Token'),
  };
}

/** @returns seconds */
function expires(text: string): number {
  if (!/^-?[0-9]+$/.test(text))
    throw kmsException('IncompleteSignatureException', 'X-Amz-Expires should be a number');
  const seconds = Number(text);
  if (seconds < 1)
    throw kmsException('IncompleteSignatureException', 'X-Amz-Expires must be positive');
  if (seconds > expiresMax)
    throw kmsException(
      'IncompleteSignatureException',
      `X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than ${expiresMax} seconds`,
    );
  return seconds;
}
