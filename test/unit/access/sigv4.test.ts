import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CredentialStore } from '../../../src/access/credential-store.ts';
import { devAuthenticator } from '../../../src/access/dev-authenticator.ts';
import { sigV4Authenticator } from '../../../src/access/sigv4.ts';
import type { ServiceRequest } from '../../../src/api/transport.ts';
import { refusalOf } from '../api/errors.ts';
import {
  accessKeyId,
  received,
  type SignOptions,
  secretAccessKey,
  sign,
  type Unsigned,
} from './sign.ts';

const now = Date.parse('2026-11-23T10:00:00Z');
const date = new Date(now);
const regions = new Set(['eu-west-1', 'us-east-1']);
const credentials = new CredentialStore();
credentials.addRoot('111122223333', { accessKeyId, secretAccessKey });
const authenticate = sigV4Authenticator({ credentials, regions, clock: { nowMs: () => now } });

const body = Buffer.from('{"KeyId":"k","Plaintext":"AA=="}');
const signed = (
  options: Partial<SignOptions> = {},
  request: Partial<Unsigned> = {},
): Promise<ServiceRequest> => sign({ body, ...request }, { date, ...options });

function withHeader(
  request: ServiceRequest,
  name: string,
  change: (value: string) => string | undefined,
): ServiceRequest {
  const lines: [string, string][] = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const key = request.rawHeaders[i]!;
    const value = request.rawHeaders[i + 1]!;
    const changed = key.toLowerCase() === name ? change(value) : value;
    if (changed !== undefined) lines.push([key, changed]);
  }
  return received(request.url, lines, request.body);
}

function refused(request: ServiceRequest): string {
  const { name, message, httpStatus } = refusalOf(() => authenticate(request));
  expect(httpStatus).toBe(400);
  return `${name}: ${message}`;
}

const mismatch =
  'InvalidSignatureException: The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.';

describe('what is signed rightly', () => {
  test('has its principal and Region', async () => {
    expect(authenticate(await signed())).toEqual({
      principal: {
        type: 'Root',
        accountId: '111122223333',
        arn: 'arn:aws:iam::111122223333:root',
        userId: '111122223333',
        accessKeyId,
      },
      region: 'eu-west-1',
    });
    expect(authenticate(await signed({ region: 'us-east-1' })).region).toBe('us-east-1');
  });

  test('thousands of random requests verify', async () => {
    const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.dictionary(fc.stringMatching(/^x-[a-z]{1,8}$/), value, { maxKeys: 5 }),
        // The signer drops a parameter of this name: it assigns to a plain object.
        fc.uniqueArray(
          fc.tuple(
            fc.string({ minLength: 1 }).filter((name) => name !== '__proto__'),
            fc.string(),
          ),
          { maxLength: 4, selector: ([name]) => name },
        ),
        fc.integer({ min: -300, max: 300 }),
        fc.constantFrom(...regions),
        async (payload, headers, query, skewSeconds, region) => {
          const search = query
            .map(([name, text]) => `${encodeURIComponent(name)}=${encodeURIComponent(text)}`)
            .join('&');
          const request = await sign(
            { body: payload, headers, search, query: Object.fromEntries(query) },
            { date: new Date(now + skewSeconds * 1000), region },
          );
          expect(authenticate(request).region).toBe(region);
        },
      ),
      { numRuns: 3_000 },
    );
  }, 60_000);

  test('a Date header may stand for X-Amz-Date', () => {
    // The signer always writes X-Amz-Date: sign by hand what a client with Date only would send.
    const sha256 = (text: string | Uint8Array): string =>
      createHash('sha256').update(text).digest('hex');
    const httpDate = 'Mon, 23 Nov 2026 10:00:00 GMT';
    const canonical = `POST\n/\n\ndate:${httpDate}\nhost:h\n\ndate;host\n${sha256(body)}`;
    const scope = '20261123/eu-west-1/kms/aws4_request';
    const key = scope
      .split('/')
      .reduce<Buffer>(
        (k, part) => createHmac('sha256', k).update(part).digest(),
        Buffer.from(`AWS4${secretAccessKey}`),
      );
    const signature = createHmac('sha256', key)
      .update(`AWS4-HMAC-SHA256\n20261123T100000Z\n${scope}\n${sha256(canonical)}`)
      .digest('hex');
    const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=date;host, Signature=${signature}`;
    const lines = [
      ['Host', 'h'],
      ['Date', httpDate],
      ['Authorization', authorization],
    ] as const;
    expect(authenticate(received('/', lines, body)).region).toBe('eu-west-1');
  });
});

describe('any change is refused', () => {
  test('one bit of body, signature, signed header or URL', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 100 }),
        fc.nat(),
        fc.integer({ min: 0, max: 7 }),
        fc.constantFrom(
          'body',
          'signature',
          'x-amz-target',
          'host',
          'content-type',
          'x-amz-content-sha256',
        ),
        async (payload, at, bit, part) => {
          const request = await sign({ body: payload }, { date });
          const flip = (octets: Uint8Array): Uint8Array => {
            const copy = Uint8Array.from(octets);
            copy[at % copy.length]! ^= 1 << bit;
            return copy;
          };
          const flipText = (text: string): string =>
            Buffer.from(flip(Buffer.from(text, 'latin1'))).toString('latin1');
          const changed =
            part === 'body'
              ? { ...request, body: flip(payload) }
              : part === 'signature'
                ? withHeader(
                    request,
                    'authorization',
                    (text) => text.slice(0, -64) + flipText(text.slice(-64)),
                  )
                : withHeader(request, part, flipText);
          const before = withHeader(request, 'x-none', (text) => text);
          // A blank at an end is no part of a header's value.
          fc.pre(
            part === 'body' || JSON.stringify(trimmed(changed)) !== JSON.stringify(trimmed(before)),
          );
          expect(() => authenticate(changed)).toThrow(/./);
          expect(authenticate(request).region).toBe('eu-west-1');
        },
      ),
      { numRuns: 2_000 },
    );
  }, 60_000);

  test.each<[string, (request: ServiceRequest) => ServiceRequest]>([
    ['method', (request) => ({ ...request, method: 'PUT' })],
    ['path', (request) => ({ ...request, url: '/x' })],
    ['query', (request) => ({ ...request, url: '/?a=b' })],
    [
      'a second signed header line',
      (request) => ({
        ...request,
        rawHeaders: [...request.rawHeaders, 'X-Amz-Target', 'TrentService.Decrypt'],
      }),
    ],
    [
      'a signed header taken away',
      (request) => withHeader(request, 'content-type', () => undefined),
    ],
    [
      'upper-case signature',
      (request) =>
        withHeader(
          request,
          'authorization',
          (text) => text.slice(0, -64) + text.slice(-64).toUpperCase(),
        ),
    ],
    [
      'short signature',
      (request) => withHeader(request, 'authorization', (text) => text.slice(0, -1)),
    ],
    [
      'no hex signature',
      (request) =>
        withHeader(request, 'authorization', (text) => `${text.slice(0, -64)}${'z'.repeat(64)}`),
    ],
  ])('%s', async (_, change) => {
    expect(refused(change(await signed()))).toBe(mismatch);
  });

  test('wrong secret', async () => {
    expect(refused(await signed({ secretAccessKey: 'x' }))).toBe(mismatch);
  });

  test("a claimed payload hash that is not the body's", async () => {
    const request = await signed({}, { headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } });
    expect(refused(request)).toBe(mismatch);
  });
});

/** Header lines without outer blanks. */
function trimmed(request: ServiceRequest): string[] {
  return request.rawHeaders.map((text) => text.trim().replace(/\s+/g, ' '));
}

describe('headers that do not say enough', () => {
  const lines = [
    ['Host', 'h'],
    ['X-Amz-Date', '20261123T100000Z'],
  ] as const;
  const credential = `Credential=${accessKeyId}/20261123/eu-west-1/kms/aws4_request`;
  const rest = `SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`;
  const ask = (authorization: string): string =>
    refused(received('/', [...lines, ['Authorization', authorization]], body));

  test('no Authorization', () => {
    const missing = 'MissingAuthenticationTokenException: Missing Authentication Token';
    expect(refused(received('/', lines, body))).toBe(missing);
    expect(ask('')).toBe(missing);
  });

  test.each([
    ['Bearer abc', ['Credential', 'Signature', 'SignedHeaders']],
    ['AWS4-HMAC-SHA256', ['Credential', 'Signature', 'SignedHeaders']],
    ['AWS4-HMAC-SHA256 ', ['Credential', 'Signature', 'SignedHeaders']],
    [`AWS4-HMAC-SHA512 ${credential}, ${rest}`, ['Credential', 'Signature', 'SignedHeaders']],
    [`AWS4-HMAC-SHA256 ${rest}`, ['Credential']],
    [`AWS4-HMAC-SHA256 ${credential}, SignedHeaders=host`, ['Signature']],
    [`AWS4-HMAC-SHA256 ${credential}, SignedHeaders=, Signature=0`, ['SignedHeaders']],
    [`AWS4-HMAC-SHA256 X${credential}, ${rest}`, ['Credential']],
  ])('%s', (authorization, missing) => {
    const text = missing
      .map((name) => `Authorization header requires '${name}' parameter.`)
      .join(' ');
    expect(ask(authorization)).toBe(`IncompleteSignatureException: ${text}`);
  });

  test('no date', () => {
    const request = received(
      '/',
      [
        ['Host', 'h'],
        ['Authorization', `AWS4-HMAC-SHA256 ${credential}, ${rest}`],
      ],
      body,
    );
    expect(refused(request)).toBe(
      "IncompleteSignatureException: Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
    );
  });

  test.each([
    '',
    'yesterday',
    '20261123',
    '20261323T100000Z',
    '20260231T100000Z',
    '2026-11-23T10:00:00Z',
  ])('date %j', (text) => {
    const request = received(
      '/',
      [
        ['Host', 'h'],
        ['X-Amz-Date', text],
        ['Authorization', `AWS4-HMAC-SHA256 ${credential}, ${rest}`],
      ],
      body,
    );
    expect(refused(request)).toBe(
      "IncompleteSignatureException: Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601",
    );
  });

  test.each(['a', 'a/b/c/d', 'a/b/c/d/e/f', '/20261123/eu-west-1/kms/aws4_request', '////'])(
    'credential %s',
    (text) => {
      expect(ask(`AWS4-HMAC-SHA256 Credential=${text}, ${rest}`)).toMatch(
        /^IncompleteSignatureException: Credential must have exactly 5 slash-delimited elements/,
      );
    },
  );

  test('host and date have to be signed, and the operation', async () => {
    const must = (name: string): string =>
      `InvalidSignatureException: '${name}' must be a 'SignedHeader' in the AWS Authorization.`;
    const authorization = (names: string): string =>
      `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names}, Signature=${'0'.repeat(64)}`;
    expect(ask(authorization('x-amz-date'))).toBe(must("Host' or ':authority"));
    expect(ask(authorization('host'))).toBe(must('x-amz-date'));
    expect(refused(await signed({ unsignableHeaders: new Set(['x-amz-target']) }))).toBe(
      must('x-amz-target'),
    );
  });
});

describe('scope', () => {
  test.each<[Partial<SignOptions>, string]>([
    [{ region: 'eu-west-2' }, 'Credential should be scoped to a valid region.'],
    [{ region: 'EU-WEST-1' }, 'Credential should be scoped to a valid region.'],
    [{ service: 's3' }, "Credential should be scoped to correct service: 'kms'."],
    [
      { region: 'x', service: 'KMS' },
      "Credential should be scoped to a valid region. Credential should be scoped to correct service: 'kms'.",
    ],
  ])('%o', async (options, message) => {
    expect(refused(await signed(options))).toBe(`InvalidSignatureException: ${message}`);
  });

  test.each(['20261122', '2026112', '2', '20261123Z'])(
    'date %s beside a header of another day',
    async (day) => {
      const request = withHeader(await signed(), 'authorization', (text) =>
        text.replace('/20261123/', `/${day}/`),
      );
      expect(refused(request)).toBe(
        `InvalidSignatureException: Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${day}' != '20261123', from '20261123T100000Z'.`,
      );
    },
  );

  test('terminator', async () => {
    const request = withHeader(await signed(), 'authorization', (text) =>
      text.replace('aws4_request', 'aws5_request'),
    );
    expect(refused(request)).toBe(
      "InvalidSignatureException: Credential should be scoped with a valid terminator: 'aws4_request'.",
    );
  });
});

describe('clocks', () => {
  test('five minutes either way are well', async () => {
    for (const skewMs of [-300_000, 300_000]) {
      expect(authenticate(await signed({ date: new Date(now + skewMs) })).region).toBe('eu-west-1');
    }
  });

  test('a second more is too much', async () => {
    expect(refused(await signed({ date: new Date(now - 301_000) }))).toBe(
      'InvalidSignatureException: Signature expired: 20261123T095459Z is now earlier than 20261123T095500Z (20261123T100000Z - 5 min.)',
    );
    expect(refused(await signed({ date: new Date(now + 301_000) }))).toBe(
      'InvalidSignatureException: Signature not yet current: 20261123T100501Z is still later than 20261123T100500Z (20261123T100000Z + 5 min.)',
    );
  });
});

describe('access keys', () => {
  const unrecognized =
    'UnrecognizedClientException: The security token included in the request is invalid.';

  test('unknown', async () => {
    expect(refused(await signed({ accessKeyId: 'AKIAUNKNOWN' }))).toBe(unrecognized);
    expect(refused(await signed({ accessKeyId: '__proto__' }))).toBe(unrecognized);
  });

  test('a session token with a long-term key', async () => {
    expect(refused(await signed({ sessionToken: 'token' }))).toBe(unrecognized);
  });

  test('a replaced secret is used from then on', async () => {
    const store = new CredentialStore();
    const other = sigV4Authenticator({ credentials: store, regions, clock: { nowMs: () => now } });
    store.addRoot('111122223333', { accessKeyId, secretAccessKey: 'first' });
    const first = await signed({ secretAccessKey: 'first' });
    expect(other(first).region).toBe('eu-west-1');
    store.addRoot('111122223333', { accessKeyId, secretAccessKey: 'second' });
    expect(() => other(first)).toThrow('does not match');
    expect(other(await signed({ secretAccessKey: 'second' })).region).toBe('eu-west-1');
  });
});

describe('--dev', () => {
  const dev = devAuthenticator({ accountId: '000000000000', regions });

  test('takes any well-formed header', async () => {
    const request = await signed({
      accessKeyId: 'anyone',
      secretAccessKey: 'x',
      date: new Date(0),
    });
    expect(dev(request)).toEqual({
      principal: {
        type: 'Root',
        accountId: '000000000000',
        arn: 'arn:aws:iam::000000000000:root',
        userId: '000000000000',
        accessKeyId: 'anyone',
      },
      region: 'eu-west-1',
    });
  });

  test('and no other', async () => {
    expect(refusalOf(() => dev(received('/', [], body))).name).toBe(
      'MissingAuthenticationTokenException',
    );
    const bearer = received('/', [['Authorization', 'Bearer x']], body);
    expect(refusalOf(() => dev(bearer)).name).toBe('IncompleteSignatureException');
    const elsewhere = await signed({ region: 'mars-1' });
    expect(refusalOf(() => dev(elsewhere)).message).toBe(
      'Credential should be scoped to a valid region.',
    );
  });
});
