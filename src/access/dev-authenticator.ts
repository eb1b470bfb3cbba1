/**
 * Authentication for `--dev`: whoever sends a well-formed Authorization header, or presigned query, is the root of one account.
 * No secret, signature or date is checked, so a server that uses this listens on the loopback only.
 */
import { parseAuthorization } from './authorization.ts';
import { isPresigned, parsePresigned } from './presigned.ts';
import { type Authenticator, rootPrincipal } from './principal.ts';

export interface DevOptions {
  /** 12 digits. */
  readonly accountId: string;
  /** The Regions served. */
  readonly regions: ReadonlySet<string>;
}

export function devAuthenticator({ accountId, regions }: DevOptions): Authenticator {
  return function authenticate(request, service = 'kms') {
    const parse = isPresigned(request) ? parsePresigned : parseAuthorization;
    const { accessKeyId, region } = parse(request, { service, regions }).signer;
    return { principal: rootPrincipal(accountId, accessKeyId), region };
  };
}
