/** What clients may make the server hold: answers they do not read, bodies, connections. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { replyHeaders, type ServiceRequest } from '../../../src/api/transport.ts';
import { type HttpServer, startHttpServer } from '../../../src/http/server.ts';
import { type RawAnswer, RawClient } from './raw-client.ts';

const LONG_BYTES = 64 * 1024 * 1024;

let server: HttpServer;
let requests: ServiceRequest[] = [];

beforeEach(async () => {
  requests = [];
  server = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    limits: {
      bodyLengthMax: 64 * 1024,
      headersTimeoutMs: 300,
      requestTimeoutMs: 500,
      keepAliveTimeoutMs: 400,
      answerTimeoutMs: 300,
      heldLengthMax: 100 * 1024,
    },
    async handler(request) {
      requests.push(request);
      const text = Buffer.from(request.body).toString();
      const wait = /^wait (\d+)/.exec(text)?.[1];
      if (wait !== undefined) await sleep(Number(wait));
      const body = text === 'long' ? 'x'.repeat(LONG_BYTES) : text;
      return { status: 200, headers: replyHeaders, body };
    },
  });
});
afterEach(async () => {
  await server.close(0);
});

const post = (body: string, extra = '', length = Buffer.byteLength(body)): string =>
  `POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: TrentService.Encrypt\r\nContent-Length: ${length}\r\n${extra}\r\n${body}`;

async function exchange(data: string): Promise<RawAnswer | undefined> {
  using client = new RawClient(server.port);
  client.send(data);
  return await client.answer();
}

/** The server is as well as before. */
async function expectWell(): Promise<void> {
  expect(await exchange(post('well'))).toMatchObject({ status: 200, body: 'well' });
}

describe('what a client makes the server hold has an end:', () => {
  test('a client that never reads its answer', async () => {
    using client = new RawClient(server.port);
    client.socket.pause();
    client.send(post('long'));
    await sleep(100);
    expect(requests.length).toBe(1);
    await sleep(900);
    client.socket.resume();
    // What the kernel had taken comes, and then the cut: not the whole.
    expect(await client.answer()).toBeUndefined();
    await expectWell();
  });

  test('an answer that takes longer than a connection may be still', async () => {
    using client = new RawClient(server.port);
    client.send(post('wait 900'));
    expect(await client.answer()).toMatchObject({ status: 200 });
  });

  test('more octets of bodies than all requests together may hold', async () => {
    using one = new RawClient(server.port);
    one.send(post(`wait 200${' '.repeat(60 * 1024)}`));
    await sleep(30);
    using other = new RawClient(server.port);
    other.send(post('x'.repeat(60 * 1024)));
    expect(await other.answer()).toMatchObject({
      status: 400,
      body: expect.stringContaining('ThrottlingException'),
    });
    await expectWell();
    expect(await one.answer()).toMatchObject({ status: 200 });
    using third = new RawClient(server.port);
    third.send(post('x'.repeat(60 * 1024)));
    expect(await third.answer()).toMatchObject({ status: 200 });
  });

  test('bodies that are not finished are no longer held when their clients are gone', async () => {
    for (let i = 0; i < 20; i++) {
      using client = new RawClient(server.port);
      client.send(post('half', '', 60 * 1024));
      await sleep(5);
    }
    await sleep(30);
    expect(await exchange(post('x'.repeat(60 * 1024)))).toMatchObject({ status: 200 });
  });

  test('a request says whether its client is gone', async () => {
    {
      using client = new RawClient(server.port);
      client.send(post('wait 100'));
      await sleep(30);
      expect(requests[0]?.isAbandoned?.()).toBe(false);
    }
    await sleep(20);
    expect(requests[0]?.isAbandoned?.()).toBe(true);
  });

  test('a flood of connections that say nothing', async () => {
    const clients = Array.from({ length: 500 }, () => new RawClient(server.port));
    await expectWell();
    await Promise.all(clients.map((client) => client.closed()));
    await expectWell();
  });
});
