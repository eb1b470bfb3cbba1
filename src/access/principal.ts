/**
 * Who calls, and what a transport needs to find out: the result of authenticating a request.
 */
import type { ServiceRequest } from '../api/transport.ts';

/** The account root: the only kind of principal there is. */
export interface Principal {
  readonly type: 'Root';
  /** 12 digits. */
  readonly accountId: string;
  readonly arn: string;
  readonly accessKeyId: string;
}

/** 12 decimal digits: what an AWS account id is. */
export function isAccountId(text: string): boolean {
  return /^[0-9]{12}$/.test(text);
}

/** What a client configures. */
export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface Identity {
  readonly principal: Principal;
  /** The Region of the credential scope: one of those served. */
  readonly region: string;
}

/**
 * Tells who sent a request.
 * @throws KmsException MissingAuthenticationTokenException, IncompleteSignatureException,
 *   InvalidSignatureException, UnrecognizedClientException
 */
export type Authenticator = (request: ServiceRequest) => Identity;

export function rootPrincipal(accountId: string, accessKeyId: string): Principal {
  return { type: 'Root', accountId, arn: `arn:aws:iam::${accountId}:root`, accessKeyId };
}
