import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type {
  ServiceHandler,
  ServiceRequest,
  ServiceResponse,
} from '../../../src/api/transport.ts';
import { type HttpLimits, type HttpServer, startHttpServer } from '../../../src/http/server.ts';
import { type RawAnswer, RawClient } from './raw-client.ts';

const limits: Partial<HttpLimits> = {
  bodyLengthMax: 64 * 1024,
  headersTimeoutMs: 300,
  requestTimeoutMs: 500,
  keepAliveTimeoutMs: 400,
  pipelinedMax: 4,
};

/** Echoes the body, as JSON would be; commands in it make it slow or broken. */
const echo: ServiceHandler = async (request) => {
  const text = Buffer.from(request.body).toString();
  const wait = /^wait (\d+)/.exec(text)?.[1];
  if (wait !== undefined) await sleep(Number(wait));
  if (text === 'throw') throw new Error('the secret cause');
  return { status: 200, headers: { 'x-amzn-RequestId': 'r' }, body: text };
};

let server: HttpServer;
let requests: ServiceRequest[] = [];
let faults: unknown[] = [];

beforeEach(async () => {
  requests = [];
  faults = [];
  server = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    limits,
    onFault: (error) => faults.push(error),
    handler: (request): Promise<ServiceResponse> => {
      requests.push(request);
      return echo(request);
    },
  });
});
afterEach(async () => {
  await server.close(0);
});

const post = (body: string, extra = '', length = Buffer.byteLength(body)): string =>
  `POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: TrentService.Encrypt\r\nContent-Length: ${length}\r\n${extra}\r\n${body}`;

async function exchange(data: string | Uint8Array): Promise<RawAnswer | undefined> {
  using client = new RawClient(server.port);
  client.send(data);
  return await client.answer();
}

/** The server is as well as before. */
async function expectWell(): Promise<void> {
  expect(await exchange(post('well'))).toMatchObject({ status: 200, body: 'well' });
}

function expectRefusal(answer: RawAnswer | undefined, status: number, type: string): void {
  expect(answer?.status).toBe(status);
  expect(answer?.headers['content-type']).toBe('application/x-amz-json-1.1');
  expect(answer?.headers['x-amzn-requestid']).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  const body = JSON.parse(answer?.body ?? '') as { __type: string };
  expect(body.__type).toBe(type);
}

describe('a request', () => {
  test('reaches the handler as it was sent', async () => {
    const answer = await exchange(
      'POST /?a=%2f HTTP/1.1\r\nHost: h\r\nX-AMZ-Target: T.x\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 3\r\n\r\nabc',
    );
    expect(answer).toMatchObject({ status: 200, body: 'abc' });
    expect(answer?.headers['x-amzn-requestid']).toBe('r');
    expect(answer?.headers.date).toBeDefined();
    const [request] = requests;
    expect(request).toMatchObject({ method: 'POST', url: '/?a=%2f', sourceAddress: '127.0.0.1' });
    expect(request?.headers['x-a']).toBe('1, 2');
    expect(request?.rawHeaders).toEqual([
      'Host',
      'h',
      'X-AMZ-Target',
      'T.x',
      'X-A',
      '1',
      'X-A',
      '2',
      'Content-Length',
      '3',
    ]);
    expect(Buffer.from(request?.body ?? []).toString()).toBe('abc');
  });

  test('in many pieces, one octet each', async () => {
    using client = new RawClient(server.port);
    client.socket.setNoDelay();
    for (const octet of post('piece')) {
      client.send(octet);
      await new Promise(setImmediate);
    }
    expect(await client.answer()).toMatchObject({ status: 200, body: 'piece' });
  });

  test('with a chunked body', async () => {
    const head =
      'POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: T.x\r\nTransfer-Encoding: chunked\r\n\r\n';
    expect(await exchange(`${head}3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n`)).toMatchObject({
      body: 'abcde',
    });
    expect(await exchange(`${head}0\r\n\r\n`)).toMatchObject({ status: 200, body: '' });
  });

  test('without a body', async () => {
    expect(await exchange(post(''))).toMatchObject({ status: 200, body: '' });
    expect(await exchange('POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: T.x\r\n\r\n')).toMatchObject(
      { status: 200 },
    );
  });

  test('with a body of the largest size, and text beyond Latin-1 in the answer', async () => {
    const body = '€'.repeat(20_000);
    expect((await exchange(post(body)))?.body).toBe(body);
    const largest = 'x'.repeat(64 * 1024);
    expect((await exchange(post(largest)))?.body).toBe(largest);
  });

  test('that waits for 100-continue', async () => {
    using client = new RawClient(server.port);
    client.send(post('', 'Expect: 100-continue\r\n', 4));
    expect(await client.answer()).toMatchObject({ status: 100 });
    client.send('late');
    expect(await client.answer()).toMatchObject({ status: 200, body: 'late' });
  });

  test('after another on the same connection, also pipelined and slower first', async () => {
    using client = new RawClient(server.port);
    client.send(post('wait 50') + post('second') + post('third'));
    for (const body of ['wait 50', 'second', 'third']) {
      expect(await client.answer()).toMatchObject({ status: 200, body });
    }
    client.send(post('again'));
    expect(await client.answer()).toMatchObject({ status: 200, body: 'again' });
  });

  test('GET and HEAD /health', async () => {
    const answer = await exchange('GET /health HTTP/1.1\r\nHost: h\r\n\r\n');
    expect(answer?.status).toBe(200);
    expect(JSON.parse(answer?.body ?? '')).toEqual({
      service: 'strongroom',
      status: 'ok',
      pid: process.pid,
    });
    using client = new RawClient(server.port);
    client.send('HEAD /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n$/);
  });
});

describe('what is not for the handler gets a JSON error', () => {
  const noContent = 'Host: h\r\nContent-Length: 0\r\n\r\n';
  const target = 'X-Amz-Target: T.x\r\n';

  test.each<[string, string | Uint8Array, number, string]>([
    ['no target', `POST / HTTP/1.1\r\n${noContent}`, 400, 'UnknownOperationException'],
    ['other path', `POST /x HTTP/1.1\r\n${target}${noContent}`, 404, 'UnknownOperationException'],
    [
      'dot path',
      `POST /health/.. HTTP/1.1\r\n${target}${noContent}`,
      404,
      'UnknownOperationException',
    ],
    [
      'absolute URL',
      `POST http://h/ HTTP/1.1\r\n${target}${noContent}`,
      404,
      'UnknownOperationException',
    ],
    ['GET', `GET / HTTP/1.1\r\n${noContent}`, 405, 'UnknownOperationException'],
    ['PUT', `PUT / HTTP/1.1\r\n${target}${noContent}`, 405, 'UnknownOperationException'],
    ['OPTIONS', `OPTIONS * HTTP/1.1\r\n${noContent}`, 404, 'UnknownOperationException'],
    ['POST /health', `POST /health HTTP/1.1\r\n${noContent}`, 404, 'UnknownOperationException'],
    ['CONNECT', `CONNECT h:443 HTTP/1.1\r\n${noContent}`, 405, 'UnknownOperationException'],
    ['no HTTP', 'hello\r\n\r\n', 400, 'SerializationException'],
    [
      'TLS',
      Uint8Array.of(0x16, 0x03, 0x01, 0x00, 0xc8, 0x01, 0x00, 0x00, 0xc4, 0x03, 0x03),
      400,
      'SerializationException',
    ],
    ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'SerializationException'],
    ['unknown method', `STEAL / HTTP/1.1\r\n${noContent}`, 400, 'SerializationException'],
    [
      'blank in header name',
      `POST / HTTP/1.1\r\nX Y: z\r\n${noContent}`,
      400,
      'SerializationException',
    ],
    ['NUL in header', `POST / HTTP/1.1\r\nX: \0\r\n${noContent}`, 400, 'SerializationException'],
    ['bare LF', 'POST / HTTP/1.1\nHost: h\n\n', 400, 'SerializationException'],
    [
      'folded header',
      `POST / HTTP/1.1\r\nX: a\r\n b\r\n${noContent}`,
      400,
      'SerializationException',
    ],
    ['two lengths', post('ab', 'Content-Length: 3\r\n'), 400, 'SerializationException'],
    ['negative length', post('', '', -1), 400, 'SerializationException'],
    [
      'length that is no number',
      'POST / HTTP/1.1\r\nContent-Length: 1e3\r\n\r\n',
      400,
      'SerializationException',
    ],
    [
      'length beyond 64 bits',
      'POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n',
      400,
      'SerializationException',
    ],
    [
      'length and chunks',
      post('0\r\n\r\n', 'Transfer-Encoding: chunked\r\n'),
      400,
      'SerializationException',
    ],
    [
      'broken chunk',
      `POST / HTTP/1.1\r\nHost: h\r\n${target}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
      400,
      'SerializationException',
    ],
    ['long header', post('', `X: ${'x'.repeat(17_000)}\r\n`), 431, 'SerializationException'],
    [
      'long URL',
      `POST /?${'x'.repeat(17_000)} HTTP/1.1\r\n${noContent}`,
      431,
      'SerializationException',
    ],
    ['thousands of headers', post('', 'X: y\r\n'.repeat(5_000)), 431, 'SerializationException'],
    ['large length', post('', '', 64 * 1024 + 1), 413, 'RequestEntityTooLargeException'],
    [
      'large length that waits',
      post('', 'Expect: 100-continue\r\n', 64 * 1024 + 1),
      413,
      'RequestEntityTooLargeException',
    ],
    ['other expectation', post('x', 'Expect: tea\r\n'), 417, 'SerializationException'],
  ])('%s', async (_, data, status, type) => {
    expectRefusal(await exchange(data), status, type);
    expect(requests).toEqual([]);
    await expectWell();
  });

  test('a large body is refused whole, and its sender gets to read that', async () => {
    const body = 'x'.repeat(8 * 1024 * 1024);
    expectRefusal(await exchange(post(body)), 413, 'RequestEntityTooLargeException');
    await expectWell();
  });

  test('chunks without end are cut at the bound', async () => {
    using client = new RawClient(server.port);
    client.send(
      'POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: T.x\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    for (let i = 0; i < 20; i++) client.send(`1000\r\n${'x'.repeat(0x1000)}\r\n`);
    expectRefusal(await client.answer(), 413, 'RequestEntityTooLargeException');
    await client.closed();
    expect(requests).toEqual([]);
  });

  test("no Host is the signature's business", async () => {
    expect(
      await exchange('POST / HTTP/1.1\r\nX-Amz-Target: T.x\r\nContent-Length: 1\r\n\r\nx'),
    ).toMatchObject({ status: 200 });
  });
});

describe('garbage after a good request', () => {
  test('does not overtake its answer', async () => {
    using client = new RawClient(server.port);
    client.send(`${post('wait 50')}garbage\r\n\r\n`);
    expect(await client.answer()).toMatchObject({ status: 200, body: 'wait 50' });
    expectRefusal(await client.answer(), 400, 'SerializationException');
    expect(await client.closed()).toBe('');
  });

  test('takes no answer from the requests before it', async () => {
    using client = new RawClient(server.port);
    client.send(`${post('one')}${post('wait 50')}${post('three')}garbage\r\n\r\n`);
    for (const body of ['one', 'wait 50', 'three'])
      expect(await client.answer()).toMatchObject({ status: 200, body });
    expectRefusal(await client.answer(), 400, 'SerializationException');
    expect(await client.closed()).toBe('');
  });

  test('random octets never make it ill', async () => {
    let state = 0x2545f491;
    for (let round = 0; round < 60; round++) {
      const bytes = Buffer.alloc(200);
      for (let i = 0; i < bytes.length; i++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        bytes[i] = state >>> 24;
      }
      const answer = await exchange(
        round % 2 === 0 ? bytes : Buffer.concat([Buffer.from(post('x')), bytes]),
      );
      expect([200, 400]).toContain(answer?.status);
    }
    await expectWell();
    expect(faults).toEqual([]);
  });
});

describe('slow and greedy clients', () => {
  test('headers that never end', async () => {
    using client = new RawClient(server.port);
    client.send('POST / HTTP/1.1\r\nHost: h\r\n');
    const drip = setInterval(() => client.send('X: y\r\n'), 50);
    expectRefusal(await client.answer(), 408, 'RequestTimeoutException');
    clearInterval(drip);
    await client.closed();
  });

  test('a body that never ends', async () => {
    using client = new RawClient(server.port);
    client.send(post('x', '', 100));
    const drip = setInterval(() => client.send('x'), 50);
    expectRefusal(await client.answer(), 408, 'RequestTimeoutException');
    clearInterval(drip);
    await client.closed();
    expect(requests).toEqual([]);
  });

  test('a connection that says nothing is closed', async () => {
    using client = new RawClient(server.port);
    await client.answer();
    await client.closed();
  });

  test('an idle connection is closed after its last answer', async () => {
    using client = new RawClient(server.port);
    client.send(post('x'));
    await client.answer();
    expect(await client.closed()).toBe('');
  });

  test('a client that goes away in mid-body leaves nothing behind', async () => {
    for (let i = 0; i < 20; i++) {
      using client = new RawClient(server.port);
      client.send(post('half', '', 1000));
      await sleep(1);
    }
    await expectWell();
    expect(requests.length).toBe(1);
  });

  test('a client that goes away before its answer', async () => {
    {
      using client = new RawClient(server.port);
      client.send(post('wait 50'));
      await sleep(20);
    }
    await sleep(60);
    await expectWell();
    expect(faults).toEqual([]);
  });

  test('more pipelined requests than allowed', async () => {
    using client = new RawClient(server.port);
    client.send(post('wait 100').repeat(100));
    for (let i = 0; i < 4; i++) expect(await client.answer()).toMatchObject({ status: 200 });
    expectRefusal(await client.answer(), 400, 'ThrottlingException');
    await client.closed();
    expect(requests.length).toBe(4);
    await expectWell();
  });

  test('more connections than allowed', async () => {
    const small = await startHttpServer({
      host: '127.0.0.1',
      port: 0,
      handler: echo,
      limits: { connectionsMax: 1 },
    });
    using first = new RawClient(small.port);
    first.send(post('x'));
    expect(await first.answer()).toMatchObject({ status: 200 });
    using second = new RawClient(small.port);
    second.send(post('x'));
    expect(await second.answer()).toBeUndefined();
    expect(await small.close(0)).toBe(true);
  });
});

describe('a handler that throws', () => {
  test('is a fault of the service without details', async () => {
    const answer = await exchange(post('throw'));
    expectRefusal(answer, 500, 'KMSInternalException');
    expect(answer?.body).toBe('{"__type":"KMSInternalException"}');
    expect(faults).toEqual([new Error('the secret cause')]);
    await expectWell();
  });

  test('also when it throws before it returns a promise, or answers with what HTTP cannot carry', async () => {
    const broken = await startHttpServer({
      host: '127.0.0.1',
      port: 0,
      handler: (request) => {
        if (request.body.length === 0) throw new Error('at once');
        return Promise.resolve({ status: 200, headers: { X: 'a\r\nb' }, body: '' });
      },
    });
    using client = new RawClient(broken.port);
    client.send(post(''));
    expectRefusal(await client.answer(), 500, 'KMSInternalException');
    client.send(post('x'));
    expect(await client.answer()).toBeUndefined();
    await broken.close(0);
  });
});

describe('close', () => {
  test('answers what is in work and takes nothing new', async () => {
    using working = new RawClient(server.port);
    using idle = new RawClient(server.port);
    using half = new RawClient(server.port);
    idle.send(post('x'));
    await idle.answer();
    half.send('POST / HTTP/1.1\r\n');
    working.send(post('wait 100'));
    await sleep(30);
    const { port } = server;
    const closed = server.close(5_000);
    expect(await working.answer()).toMatchObject({ status: 200, headers: { connection: 'close' } });
    await working.closed();
    await idle.closed();
    expect(await closed).toBe(true);
    await half.closed();
    using late = new RawClient(port);
    expect(await late.answer()).toBeUndefined();
  });

  test('does not wait longer than it may', async () => {
    using client = new RawClient(server.port);
    client.send(post('wait 2000'));
    await sleep(30);
    const started = performance.now();
    expect(await server.close(50)).toBe(false);
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(await client.answer()).toBeUndefined();
  });

  test('twice is once', async () => {
    expect(await Promise.all([server.close(10), server.close(10)])).toEqual([true, true]);
  });
});
