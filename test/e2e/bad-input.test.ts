/**
 * Requests no SDK would send, to a started server: AWS's JSON errors, never a 500, never HTML, and the service goes on.
 */
import { connect } from 'node:net';
import {
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  type KMSClient,
} from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedServer, startServer } from '../../src/testing/start-server.ts';
import { kmsClient, refusal } from '../support/clients.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { signedCall, type WireReply } from '../support/signed-call.ts';

let server: StartedServer;
let kms: KMSClient;
let keyId: string;

beforeAll(async () => {
  server = await startServer({ dataDirectory: `${scratchDirectory()}/data` });
  kms = kmsClient(server);
  keyId = (await kms.send(new CreateKeyCommand({}))).KeyMetadata?.KeyId ?? '';
});
afterAll(async () => {
  expect(server.stderr()).not.toMatch(/fault/);
  expect(await server.stop()).toBe(0);
});

const signed = (
  target: string,
  body: string | Uint8Array,
  change: Record<string, string> = {},
): Promise<WireReply> => signedCall(server, target, body, { change });

const encrypt = (body: unknown): Promise<WireReply> =>
  signed('TrentService.Encrypt', JSON.stringify(body));

it.each([
  ['broken JSON', '{"KeyId":'],
  ['no JSON', 'KeyId=1'],
  ['a list', '[]'],
  ['a number', '1'],
  ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ['a number for a text', '{"KeyId":1}'],
  ['a text for a map', '{"KeyId":"a","Plaintext":"AA==","EncryptionContext":"b"}'],
  ['a number in the context', '{"KeyId":"a","Plaintext":"AA==","EncryptionContext":{"b":1}}'],
  ['no base64', '{"KeyId":"a","Plaintext":"*"}'],
  ['deep nesting', `{"EncryptionContext":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
])('answers SerializationException to %s', async (_, body) => {
  expect(await signed('TrentService.Encrypt', body)).toMatchObject({
    status: 400,
    type: 'SerializationException',
  });
});

it.each([
  'TrentService.Nonsense',
  'TrentService.',
  'Encrypt',
  'TrentService.constructor',
  'TrentService.__proto__',
  'Other.Encrypt',
  'TrentService.CreateGrant',
])('knows no target %s', async (target) => {
  expect(await signed(target, '{}')).toMatchObject({
    status: 400,
    type: 'UnknownOperationException',
  });
});

it('answers several validation errors in one', async () => {
  expect(await encrypt({ KeyId: '', Plaintext: '' })).toMatchObject({
    status: 400,
    type: 'ValidationException',
    message: expect.stringMatching(
      /^2 validation errors detected: Value '' at 'keyId' .*; Value at 'plaintext' /,
    ),
  });
  expect(await encrypt({ Plaintext: 'AA==' })).toMatchObject({
    type: 'ValidationException',
    message:
      "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null",
  });
});

it('treats __proto__ in a context as any other name', async () => {
  const own = JSON.parse('{"__proto__":"1","constructor":"2"}') as Record<string, string>;
  const body = `{"KeyId":"${keyId}","Plaintext":"AA==","EncryptionContext":{"__proto__":"1","constructor":"2"}}`;
  const sealed = await signed('TrentService.Encrypt', body);
  expect(sealed.status).toBe(200);
  const { CiphertextBlob } = await kms.send(
    new EncryptCommand({ KeyId: keyId, Plaintext: Buffer.from('x'), EncryptionContext: own }),
  );
  await kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext: own }));
  expect((await refusal(kms.send(new DecryptCommand({ CiphertextBlob })))).name).toBe(
    'InvalidCiphertextException',
  );
  const { constructor: _, ...rest } = own;
  expect(
    (await refusal(kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext: rest })))).name,
  ).toBe('InvalidCiphertextException');
});

it('refuses lone surrogates in a context', async () => {
  for (const entry of ['"\\ud800":"v"', '"k":"\\udc00"', '"k":"a\\ud800b"']) {
    const reply = await signed(
      'TrentService.Encrypt',
      `{"KeyId":"${keyId}","Plaintext":"AA==","EncryptionContext":{${entry}}}`,
    );
    expect(reply.status).toBe(400);
    expect(['ValidationException', 'SerializationException']).toContain(reply.type);
  }
});

it('refuses what is not signed, or signed otherwise', async () => {
  const url = `http://127.0.0.1:${server.ready.port}/`;
  const headers = {
    'x-amz-target': 'TrentService.ListKeys',
    'content-type': 'application/x-amz-json-1.1',
  };
  const bare = await fetch(url, { method: 'POST', headers, body: '{}' });
  expect(bare.status).toBe(400);
  expect(((await bare.json()) as { __type: string }).__type).toBe(
    'MissingAuthenticationTokenException',
  );
  const nonsense = await fetch(url, {
    method: 'POST',
    headers: { ...headers, authorization: 'AWS4-HMAC-SHA256 x' },
    body: '{}',
  });
  expect(((await nonsense.json()) as { __type: string }).__type).toBe(
    'IncompleteSignatureException',
  );
  expect(
    await signed('TrentService.ListKeys', '{}', { 'x-amz-target': 'TrentService.GenerateRandom' }),
  ).toMatchObject({
    status: 400,
    type: 'InvalidSignatureException',
  });
  expect(
    await signed('TrentService.ListKeys', '{}', { 'x-amz-security-token': 'abc' }),
  ).toMatchObject({
    status: 400,
    type: 'UnrecognizedClientException',
  });
});

it('gives every answer an id of its own', async () => {
  const ids = await Promise.all(
    Array.from({ length: 20 }, async () => (await signed('TrentService.Nonsense', '{}')).requestId),
  );
  expect(new Set(ids).size).toBe(20);
  for (const id of ids)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

/** Writes raw bytes and reads until the server closes, or for a second. */
function raw(bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.ready.port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    const end = (): void => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(1000, end);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('close', end).on('error', end);
  });
}

it.each([
  ['not HTTP', 'hello\r\n\r\n'],
  ['binary', Buffer.from(Array.from({ length: 512 }, (_, index) => (index * 7) & 0xff))],
  ['a header flood', `GET / HTTP/1.1\r\n${'x: y\r\n'.repeat(20_000)}\r\n`],
  ['a long header', `GET / HTTP/1.1\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`],
  ['two lengths', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}'],
  [
    'length and chunks',
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['too long a body', `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\n{}`],
  ['another method', 'DELETE / HTTP/1.1\r\nhost: a\r\n\r\n'],
  ['another path', 'GET /admin HTTP/1.1\r\nhost: a\r\n\r\n'],
])('answers %s with a JSON error', async (_, bytes) => {
  const answer = await raw(bytes);
  expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
  expect(answer.toLowerCase()).not.toContain('<html');
  expect(answer).toMatch(/\{"__type":"\w+"/);
  expect((await kms.send(new DescribeKeyCommand({ KeyId: keyId }))).KeyMetadata?.Enabled).toBe(
    true,
  );
});

it('says it is well', async () => {
  const response = await fetch(`http://127.0.0.1:${server.ready.port}/health`);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ status: 'ok', pid: server.ready.pid });
});
