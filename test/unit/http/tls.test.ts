import { randomBytes } from 'node:crypto';
import { get as getPlain } from 'node:http';
import { get, request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { PortInUseError, probeBind } from '../../../src/http/bind.ts';
import { type HttpServer, startHttpServer } from '../../../src/http/server.ts';
import { issue, makeAuthority } from '../../../src/server/tls/authority.ts';

const host = '127.0.0.1';
const nowMs = Date.now();
const authority = makeAuthority([host], nowMs);
const tls = { ...issue(authority, [host], nowMs), ticketKeys: randomBytes(48) };
const faults: unknown[] = [];
const servers: HttpServer[] = [];

async function start(port = 0, reusePort = false): Promise<HttpServer> {
  const server = await startHttpServer({
    host,
    port,
    reusePort,
    tls,
    limits: { headersTimeoutMs: 500 },
    onFault: (fault) => faults.push(fault),
    handler: async ({ sourceAddress, body }) => ({
      status: 200,
      headers: {},
      body: `${sourceAddress} ${body.length}`,
    }),
  });
  servers.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
  expect(faults).toEqual([]);
});

function post(port: number, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...{ host, port, method: 'POST', ca: authority.certificate, agent: false },
        headers: { 'x-amz-target': 'TrentService.X' },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    sent.on('error', reject).end(body);
  });
}

function handshake(port: number, maxVersion: SecureVersion, session?: Buffer): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      {
        ...{ host, port, ca: authority.certificate, minVersion: 'TLSv1', maxVersion },
        ...(session === undefined ? {} : { session }),
        ciphers: 'DEFAULT@SECLEVEL=0',
      },
      () => resolve(socket),
    );
    socket.on('error', reject);
  });
}

test('requests come over TLS to the same handler, with their source', async () => {
  const { port } = await start();
  expect(await post(port, 'abc')).toEqual({ status: 200, text: '127.0.0.1 3' });
});

test('TLS 1.2 and 1.3 are spoken, older ones are not', async () => {
  const { port } = await start();
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await handshake(port, version);
    expect(socket.getProtocol()).toBe(version);
    expect(socket.authorized).toBe(true);
    socket.destroy();
  }
  await expect(handshake(port, 'TLSv1.1')).rejects.toThrow(/protocol version/i);
});

test('a client that does not know the authority goes away', async () => {
  const { port } = await start();
  const refused = new Promise((_, reject) => {
    get({ host, port, path: '/health', agent: false }, reject).on('error', reject);
  });
  await expect(refused).rejects.toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  expect((await post(port, '')).status).toBe(200);
});

test.each([
  ['HTTP', 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['noise', 'x'.repeat(4096)],
])('%s without TLS ends its own connection and no other', async (_, octets) => {
  const { port } = await start();
  const received = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connectTcp(port, host, () => socket.write(octets));
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', () => undefined).on('close', () => resolve(text));
  });
  // At most an alert, never an HTTP answer.
  expect(received).not.toContain('HTTP/');
  expect((await post(port, '')).status).toBe(200);
});

test('a handshake that does not go on is given up', async () => {
  const { port } = await start();
  const startedMs = performance.now();
  await new Promise<void>((resolve) => {
    const socket = connectTcp(port, host);
    socket.on('error', () => undefined).on('close', () => resolve());
    socket.resume();
  });
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});

test('any thread of a port resumes a session of another', async () => {
  const port = await probeBind(host, 0);
  const first = await start(port, true);
  const socket = await handshake(first.port, 'TLSv1.2');
  const session = socket.getSession();
  socket.destroy();
  await first.close(0);
  await start(port, true);
  const again = await handshake(port, 'TLSv1.2', session);
  expect(again.isSessionReused()).toBe(true);
  again.destroy();
});

test('a port taken by a TLS server of ours names its process', async () => {
  const { port } = await start();
  await expect(probeBind(host, port)).rejects.toMatchObject({
    name: PortInUseError.name,
    holderPid: process.pid,
  });
});

test('a server without TLS does not answer a TLS client, and goes on', async () => {
  const plain = await startHttpServer({
    host,
    port: 0,
    handler: async () => ({ status: 200, headers: {}, body: '' }),
  });
  servers.push(plain);
  await expect(post(plain.port, '')).rejects.toThrow();
  const status = await new Promise((resolve) => {
    getPlain({ host, port: plain.port, path: '/health', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
  });
  expect(status).toBe(200);
});
