import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { PortInUseError, probeBind } from '../../../src/http/bind.ts';
import { type HttpServer, startHttpServer } from '../../../src/http/server.ts';

const host = '127.0.0.1';
const start = (port: number, reusePort = false): Promise<HttpServer> =>
  startHttpServer({
    host,
    port,
    reusePort,
    handler: () => Promise.resolve({ status: 200, headers: {}, body: '' }),
  });

test('a free port is found and free afterwards', async () => {
  const port = await probeBind(host, 0);
  expect(port).toBeGreaterThan(0);
  expect(await probeBind(host, port)).toBe(port);
});

test('a port taken by another server of ours names its process', async () => {
  const server = await start(0);
  const expected = `${host}:${server.port} is in use by the strongroom server with process id ${process.pid}`;
  await expect(probeBind(host, server.port)).rejects.toThrow(expected);
  await expect(start(server.port)).rejects.toMatchObject({
    name: 'PortInUseError',
    message: expected,
    holderPid: process.pid,
  });
  await server.close(0);
});

test('threads share a port; a probe still sees that it is taken', async () => {
  const port = await probeBind(host, 0);
  const servers = [await start(port, true), await start(port, true)];
  expect(servers.map((server) => server.port)).toEqual([port, port]);
  await expect(probeBind(host, port)).rejects.toBeInstanceOf(PortInUseError);
  await Promise.all(servers.map((server) => server.close(0)));
});

test.each([
  ['says nothing', ''],
  ['is no HTTP server', 'SSH-2.0-x\r\n'],
  ['is another HTTP server', 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"pid":"1"}'],
])('a port taken by a program that %s', async (_, greeting) => {
  const other = createServer((socket) => {
    socket.on('error', () => undefined);
    if (greeting !== '') socket.end(greeting);
  });
  await new Promise<void>((resolve) => {
    other.listen(0, host, resolve);
  });
  const { port } = other.address() as { port: number };
  await expect(probeBind(host, port)).rejects.toThrow(
    `${host}:${port} is in use by another program`,
  );
  other.close();
});

test('what cannot be bound says so', async () => {
  await expect(probeBind('192.0.2.1', 0)).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
  await expect(start(0).then((server) => server.close(0))).resolves.toBe(true);
});
