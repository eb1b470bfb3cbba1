/**
 * Who calls, and what a transport needs to find out: the result of authenticating a request.
 */
import type { ServiceRequest } from '../api/transport.ts';
import type { SignedService } from './authorization.ts';

/** What every signed caller has. `type` is that of CloudTrail's userIdentity. */
interface SignedPrincipal {
  /** 12 digits. */
  readonly accountId: string;
  /** As AWS's messages show it; a role session's is its STS ARN. */
  readonly arn: string;
  /** aws:userid: `AIDA...`, `AROA...:session`, `account:name` of a federated user, the account id of a root. */
  readonly userId: string;
  readonly accessKeyId: string;
}

/** What temporary credentials say of themselves. */
export interface SessionFacts {
  /** Milliseconds since the epoch, wallClock. */
  readonly issuedAtMs: number;
  /** When they end: wallClock. */
  readonly expiresAtMs: number;
  readonly mfaAuthenticated: boolean;
  readonly sourceIdentity?: string | undefined;
  /** Session tags by key: they win over those of the role or user. */
  readonly tags: ReadonlyMap<string, string>;
  /** Texts of session policies; undefined: none were passed. */
  readonly policies?: readonly string[] | undefined;
}

export interface RootPrincipal extends SignedPrincipal {
  readonly type: 'Root';
  /** Of GetSessionToken; undefined: long-term credentials. */
  readonly session?: SessionFacts | undefined;
}

export interface UserPrincipal extends SignedPrincipal {
  readonly type: 'IAMUser';
  /** Without its path. */
  readonly userName: string;
  /** Of GetSessionToken; undefined: long-term credentials. */
  readonly session?: SessionFacts | undefined;
}

/** A session of a role. */
export interface RolePrincipal extends SignedPrincipal {
  readonly type: 'AssumedRole';
  /** The role's own ARN, with its path: aws:PrincipalArn. */
  readonly roleArn: string;
  readonly roleName: string;
  readonly sessionName: string;
  readonly session: SessionFacts;
}

/** A session of GetFederationToken. */
export interface FederatedPrincipal extends SignedPrincipal {
  readonly type: 'FederatedUser';
  /** ARN of the user (or root) who asked for it, and whose policies bound it. */
  readonly issuerArn: string;
  readonly session: SessionFacts;
}

export type Principal = RootPrincipal | UserPrincipal | RolePrincipal | FederatedPrincipal;

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
 * @param service the one that is asked: what the signature has to be for. Default: kms
 * @throws KmsException MissingAuthenticationTokenException, IncompleteSignatureException,
 *   InvalidSignatureException, UnrecognizedClientException, ExpiredTokenException
 */
export type Authenticator = (request: ServiceRequest, service?: SignedService) => Identity;

export function rootPrincipal(accountId: string, accessKeyId: string): RootPrincipal {
  const arn = `arn:aws:iam::${accountId}:root`;
  return { type: 'Root', accountId, arn, userId: accountId, accessKeyId };
}
