/**
 * Verifies Signature Version 4 in the Authorization header.
 * Source: AWS IAM User Guide, "Create a signed AWS API request"; error texts as recorded where they were.
 *
 * Stricter than the scheme asks in one point: X-Amz-Target must be among the signed headers when it is
 * there, since it names the operation.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { type KmsException, kmsException } from '../api/exceptions.ts';
import type { ServiceRequest } from '../api/transport.ts';
import type { Clock } from '../clock/clock.ts';
import { KnownSigners, parseAuthorization, type SignedHeaders } from './authorization.ts';
import { canonicalRequest } from './canonical-request.ts';
import type { CredentialStore } from './credential-store.ts';
import type { Authenticator } from './principal.ts';
import { SigningKeyCache } from './signing-key.ts';
import { checkSkew, type SigningTime, signingTime } from './signing-time.ts';

function invalid(message: string): KmsException {
  return kmsException('InvalidSignatureException', message);
}

function mismatch(): KmsException {
  return invalid(
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
  );
}

function checkSignedHeaders(
  request: ServiceRequest,
  { names }: SignedHeaders,
  { header }: SigningTime,
): void {
  if (!names.includes('host')) {
    throw invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  }
  for (const name of [header, 'x-amz-target'] as const) {
    if (request.headers[name] !== undefined && !names.includes(name)) {
      throw invalid(`'${name}' must be a 'SignedHeader' in the AWS Authorization.`);
    }
  }
}

export interface SigV4Options {
  readonly credentials: CredentialStore;
  /** The Regions served. */
  readonly regions: ReadonlySet<string>;
  /** wallClock. */
  readonly clock: Clock;
}

/** An Authenticator that checks signatures against the access keys of a store. */
export function sigV4Authenticator(options: SigV4Options): Authenticator {
  const { credentials, regions, clock } = options;
  const signingKeys = new SigningKeyCache();
  const knownSigners = new KnownSigners();

  return function authenticate(request) {
    const known = knownSigners.recall(request);
    const authorization = known ?? parseAuthorization(request, regions);
    const { signer, signature } = authorization;
    const { accessKeyId, date, region, scope, signedHeaders } = signer;
    const time = signingTime(request);
    checkSignedHeaders(request, signedHeaders, time);
    checkSkew(time, clock.nowMs());
    const day = time.text.slice(0, 8);
    if (day !== date) {
      throw invalid(
        `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${date}' != '${day}', from '${time.text}'.`,
      );
    }

    const credential = credentials.get(accessKeyId);
    // All access keys are long-term ones: a session token belongs to none of them.
    if (credential === undefined || request.headers['x-amz-security-token'] !== undefined) {
      throw kmsException(
        'UnrecognizedClientException',
        'The security token included in the request is invalid.',
      );
    }

    const payloadHash = hash('sha256', request.body, 'hex');
    const claimedHash = request.headers['x-amz-content-sha256'];
    if (claimedHash !== undefined && claimedHash !== payloadHash) throw mismatch();
    const canonical = canonicalRequest(request, signedHeaders, payloadHash);
    if (canonical === undefined) throw mismatch();
    const canonicalHash = hash('sha256', Buffer.from(canonical, 'latin1'), 'hex');
    const expected = signingKeys
      .get(credential, scope)
      .mac(`AWS4-HMAC-SHA256\n${time.text}\n${scope}\n${canonicalHash}`);
    // Both are ASCII; only the length, which is no secret, is compared in varying time.
    const sent = Buffer.from(signature, 'latin1');
    if (
      sent.length !== expected.length ||
      !timingSafeEqual(Buffer.from(expected, 'latin1'), sent)
    ) {
      throw mismatch();
    }
    if (known === undefined) knownSigners.remember(request, authorization);
    return { principal: credential.principal, region };
  };
}
