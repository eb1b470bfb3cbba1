/**
 * Verifies Signature Version 4, in the Authorization header or in the query string.
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
import type { Credential, CredentialSource } from './credential-store.ts';
import { identityArn } from './directory.ts';
import { isPresigned, type Presigned, parsePresigned } from './presigned.ts';
import type { Authenticator } from './principal.ts';
import type { SessionTokens } from './session-token.ts';
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
    if (name !== undefined && request.headers[name] !== undefined && !names.includes(name)) {
      throw invalid(`'${name}' must be a 'SignedHeader' in the AWS Authorization.`);
    }
  }
}

export interface SigV4Options {
  /** Long-term access keys. */
  readonly credentials: CredentialSource;
  /** Opens the tokens of temporary ones; absent: there are none. */
  readonly sessions?: SessionTokens | undefined;
  /** Whether whose session it is still exists: a session ends with it. Default: always. */
  readonly exists?: (arn: string) => boolean;
  /** The Regions served. */
  readonly regions: ReadonlySet<string>;
  /** wallClock. */
  readonly clock: Clock;
}

/** An Authenticator that checks signatures against the access keys of a store and of session tokens. */
export function sigV4Authenticator(options: SigV4Options): Authenticator {
  const { credentials, sessions, exists = () => true, regions, clock } = options;
  const signingKeys = new SigningKeyCache();
  const knownSigners = new KnownSigners();

  /** A long-term access key comes without a token, a temporary one with its own. */
  function credentialOf(accessKeyId: string, token: string | undefined, nowMs: number): Credential {
    if (token === undefined) {
      const found = credentials.get(accessKeyId);
      if (found !== undefined) return found;
    } else {
      const opened = sessions?.open(token);
      if (opened?.principal.accessKeyId === accessKeyId && exists(identityArn(opened.principal))) {
        if (nowMs < opened.expiresAtMs) return opened;
        throw kmsException(
          'ExpiredTokenException',
          'The security token included in the request is expired',
        );
      }
    }
    throw kmsException(
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
    );
  }

  return function authenticate(request, service = 'kms') {
    const rule = { service, regions };
    const recalled = knownSigners.recall(request);
    const known = recalled?.signer.service === service ? recalled : undefined;
    const presigned: Presigned | undefined =
      known === undefined && isPresigned(request) ? parsePresigned(request, rule) : undefined;
    const authorization = known ?? presigned ?? parseAuthorization(request, rule);
    const { signer, signature } = authorization;
    const { accessKeyId, date, region, scope, signedHeaders } = signer;
    const time = presigned?.time ?? signingTime(request);
    const nowMs = clock.nowMs();
    checkSignedHeaders(request, signedHeaders, time);
    checkSkew(time, nowMs, presigned?.validMs);
    const day = time.text.slice(0, 8);
    if (day !== date) {
      throw invalid(
        `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${date}' != '${day}', from '${time.text}'.`,
      );
    }

    const token = presigned?.securityToken ?? request.headers['x-amz-security-token'];
    const credential = credentialOf(accessKeyId, token, nowMs);

    // UNSIGNED-PAYLOAD is no hash of a body: these services do not take it.
    const payloadHash = hash('sha256', request.body, 'hex');
    const claimedHash = request.headers['x-amz-content-sha256'];
    if (claimedHash !== undefined && claimedHash !== payloadHash) throw mismatch();
    const canonical = canonicalRequest(
      request,
      signedHeaders,
      payloadHash,
      presigned !== undefined,
    );
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
    if (known === undefined && presigned === undefined)
      knownSigners.remember(request, authorization);
    return { principal: credential.principal, region };
  };
}
