import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CredentialStore } from '../../../src/access/credential-store.ts';
import { signRequest } from '../../../src/access/sign-request.ts';
import { sigV4Authenticator } from '../../../src/access/sigv4.ts';
import { accessKeyId, received, secretAccessKey, sign } from './sign.ts';

const nowMs = Date.parse('2026-11-23T10:00:00Z');
const accessKey = { accessKeyId, secretAccessKey };
const host = '127.0.0.1:8080';
const headers = {
  'content-type': 'application/x-amz-json-1.1',
  'x-amz-target': 'TrentService.Encrypt',
};

describe('a request signed here', () => {
  test('has the signature that an independent signer makes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 64 }),
        fc.boolean(),
        async (body, isTemporary) => {
          const sessionToken = isTemporary ? 'IQoJb3JpZ2luX2VjE' : undefined;
          const ours = signRequest(
            { host, headers, body },
            { accessKey, sessionToken, region: 'eu-west-1', nowMs },
          );
          const theirs = await sign(
            { body },
            {
              date: new Date(nowMs),
              ...(sessionToken === undefined ? {} : { sessionToken }),
              // Signed by this signer only when it is sent, and it is not by ours.
              unsignableHeaders: new Set(['x-amz-content-sha256']),
            },
          );
          expect(ours.authorization).toBe(theirs.headers.authorization);
          expect(ours['x-amz-date']).toBe(theirs.headers['x-amz-date']);
          expect(ours['x-amz-security-token']).toBe(sessionToken);
        },
      ),
      { numRuns: 20 },
    );
  });

  test('is taken by the authenticator, and not when its body is another', () => {
    const credentials = new CredentialStore();
    credentials.addRoot('111122223333', accessKey);
    const regions = new Set(['eu-west-1']);
    const authenticate = sigV4Authenticator({
      credentials,
      regions,
      clock: { nowMs: () => nowMs },
    });
    const body = Buffer.from('{}');
    const fields = signRequest({ host, headers, body }, { accessKey, region: 'eu-west-1', nowMs });
    expect(authenticate(received('/', Object.entries(fields), body)).region).toBe('eu-west-1');
    expect(() => authenticate(received('/', Object.entries(fields), Buffer.from('{ }')))).toThrow(
      /does not match/,
    );
  });
});
