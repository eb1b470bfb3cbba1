import { describe, expect, test } from 'vitest';
import { CredentialStore } from '../../../src/access/credential-store.ts';
import { devAuthenticator } from '../../../src/access/dev-authenticator.ts';
import { rootPrincipal } from '../../../src/access/principal.ts';
import { SessionTokens } from '../../../src/access/session-token.ts';
import { sigV4Authenticator } from '../../../src/access/sigv4.ts';
import type { ServiceRequest } from '../../../src/api/transport.ts';
import { refusalOf } from '../api/errors.ts';
import { accessKeyId, presign, secretAccessKey, sign } from './sign.ts';

const signedAt = Date.parse('2026-11-23T10:00:00Z');
const regions = new Set(['eu-west-1']);
const credentials = new CredentialStore();
credentials.addRoot('111122223333', { accessKeyId, secretAccessKey });
const sessions = new SessionTokens(Buffer.alloc(32, 7));
let nowMs = signedAt;
const authenticate = sigV4Authenticator({
  credentials,
  sessions,
  regions,
  clock: { nowMs: () => nowMs },
});
const body = Buffer.from('{"KeyId":"k"}');
const date = new Date(signedAt);

function refused(request: ServiceRequest, atMs = signedAt): string {
  nowMs = atMs;
  try {
    const { name, message } = refusalOf(() => authenticate(request));
    return `${name}: ${message}`;
  } finally {
    nowMs = signedAt;
  }
}

const changed = (request: ServiceRequest, from: RegExp | string, to: string): ServiceRequest => ({
  ...request,
  url: request.url.replace(from, to),
});

const mismatch = /^InvalidSignatureException: The request signature we calculated does not match/;

describe('a presigned request', () => {
  test('of an independent signer is its principal’s, as long as it says', async () => {
    const request = await presign({ body }, { date, expiresIn: 900 });
    expect(request.headers.authorization).toBeUndefined();
    for (const afterMs of [-299_000, 0, 301_000, 900_000]) {
      nowMs = signedAt + afterMs;
      expect(authenticate(request)).toEqual({
        principal: rootPrincipal('111122223333', accessKeyId),
        region: 'eu-west-1',
      });
    }
    nowMs = signedAt;
  });

  test('is refused when sent again after its time, and before it', async () => {
    const request = await presign({ body }, { date, expiresIn: 900 });
    expect(refused(request, signedAt + 901_000)).toBe(
      'InvalidSignatureException: Signature expired: 20261123T100000Z is now earlier than 20261123T100001Z (20261123T101501Z - 15 min.)',
    );
    const short = await presign({ body }, { date, expiresIn: 10 });
    expect(refused(short, signedAt + 11_000)).toMatch(/\(20261123T100011Z - 10 sec\.\)$/);
    expect(refused(request, signedAt - 301_000)).toMatch(/Signature not yet current/);
  });

  test('is refused when anything it covers is another', async () => {
    const request = await presign({ body }, { date });
    expect(refused({ ...request, body: Buffer.from('{"KeyId":"j"}') })).toMatch(mismatch);
    expect(refused(changed(request, 'X-Amz-Expires=900', 'X-Amz-Expires=901'))).toMatch(mismatch);
    expect(refused(changed(request, /$/, '&Extra=1'))).toMatch(mismatch);
    expect(refused(changed(request, /X-Amz-Signature=../, 'X-Amz-Signature=zz'))).toMatch(mismatch);
    const others = await presign({ body }, { date, secretAccessKey: 'another' });
    expect(refused(others)).toMatch(mismatch);
  });

  test('has to cover its body, Host and X-Amz-Target', async () => {
    const headers = { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };
    const request = await presign({ body, headers }, { date });
    expect(request.url).toContain('UNSIGNED-PAYLOAD');
    expect(refused(request)).toMatch(mismatch);
    const target = await presign(
      { body },
      { date, unsignableHeaders: new Set(['x-amz-target', 'content-type']) },
    );
    expect(refused(target)).toBe(
      "InvalidSignatureException: 'x-amz-target' must be a 'SignedHeader' in the AWS Authorization.",
    );
  });

  test.each([
    [
      /X-Amz-Algorithm=[^&]*&?/,
      '',
      "AWS query-string parameters must include 'X-Amz-Algorithm'. Re-examine the query-string parameters.",
    ],
    [
      /X-Amz-Date=[^&]*&?/,
      '',
      "AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters.",
    ],
    [
      'X-Amz-Algorithm=AWS4-HMAC-SHA256',
      'X-Amz-Algorithm=AWS4',
      "Unsupported AWS 'algorithm': 'AWS4'.",
    ],
    ['X-Amz-Expires=900', 'X-Amz-Expires=0', 'X-Amz-Expires must be positive'],
    ['X-Amz-Expires=900', 'X-Amz-Expires=-1', 'X-Amz-Expires must be positive'],
    ['X-Amz-Expires=900', 'X-Amz-Expires=1e3', 'X-Amz-Expires should be a number'],
    [
      'X-Amz-Expires=900',
      'X-Amz-Expires=604801',
      'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
    ],
    [
      'X-Amz-Expires=900',
      'X-Amz-Expires=900&X-Amz-Expires=900',
      "AWS query-string parameters must include 'X-Amz-Expires' once.",
    ],
    [
      /X-Amz-Date=[^&]*/,
      'X-Amz-Date=yesterday',
      "Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601",
    ],
  ] as const)('%s as %s is incomplete', async (from, to, message) => {
    const request = changed(await presign({ body }, { date }), from, to);
    expect(refused(request)).toBe(`IncompleteSignatureException: ${message}`);
  });

  test('for another day, Region or service is refused', async () => {
    const request = await presign({ body }, { date });
    expect(refused(changed(request, '%2F20261123%2F', '%2F20261122%2F'))).toMatch(
      /Date in Credential scope does not match/,
    );
    expect(refused(await presign({ body }, { date, region: 'eu-west-2' }))).toMatch(
      /Credential should be scoped to a valid region/,
    );
    expect(refused(await presign({ body }, { date, service: 'sts' }))).toBe(
      "InvalidSignatureException: Credential should be scoped to correct service: 'kms'.",
    );
  });

  test('of temporary credentials carries its token', async () => {
    const issued = sessions.issue({
      type: 'FederatedUser',
      accountId: '111122223333',
      arn: 'arn:aws:sts::111122223333:federated-user/bob',
      userId: '111122223333:bob',
      issuerArn: 'arn:aws:iam::111122223333:user/alice',
      session: {
        issuedAtMs: signedAt,
        expiresAtMs: signedAt + 600_000,
        mfaAuthenticated: false,
        tags: new Map(),
      },
    });
    const request = await presign({ body }, { date, ...issued });
    expect(request.url).toContain('X-Amz-Security-Token=');
    expect(authenticate(request).principal.arn).toBe(
      'arn:aws:sts::111122223333:federated-user/bob',
    );
    expect(refused(request, signedAt + 600_000)).toBe(
      'ExpiredTokenException: The security token included in the request is expired',
    );
    expect(refused(changed(request, /X-Amz-Security-Token=[^&]*&?/, ''))).toBe(
      'UnrecognizedClientException: The security token included in the request is invalid.',
    );
  });

  test('is read by --dev as well', async () => {
    const dev = devAuthenticator({ accountId: '000000000000', regions });
    expect(dev(await presign({ body }, { date })).principal.accountId).toBe('000000000000');
  });
});

describe('the service of a scope', () => {
  test('is the one that is asked, and a header that was known for one is none for another', async () => {
    const kms = await sign({ body }, { date });
    const sts = await sign({ body }, { date, service: 'sts' });
    for (let again = 0; again < 2; again++) {
      expect(authenticate(kms).region).toBe('eu-west-1');
      expect(authenticate(sts, 'sts').region).toBe('eu-west-1');
      expect(refusalOf(() => authenticate(kms, 'sts')).message).toBe(
        "Credential should be scoped to correct service: 'sts'.",
      );
      expect(refused(sts)).toMatch(/correct service: 'kms'/);
    }
  });

  test('is global for sts and iam: us-east-1 is theirs whatever is served', async () => {
    const options = { date, region: 'us-east-1' };
    expect(authenticate(await sign({ body }, { ...options, service: 'iam' }), 'iam').region).toBe(
      'us-east-1',
    );
    expect(refused(await sign({ body }, options))).toMatch(/scoped to a valid region/);
  });
});
