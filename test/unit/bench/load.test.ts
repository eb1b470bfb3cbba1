/** The load side of the bench: requests signed by the real SDK, the bare server, and the client used without wrk. */
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { exchange, header } from '../../../bench/http/exchange.ts';
import { load, requestFile } from '../../../bench/http/load.ts';
import { signedEncryptRequests } from '../../../bench/http/signed-requests.ts';
import { root } from '../../support/files.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const requests = await signedEncryptRequests({
  endpoint: 'http://127.0.0.1:1',
  region: 'us-east-1',
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not a secret' },
  keyId: 'a-key',
  plaintextLength: 256,
  count: 3,
});
const file = join(scratchDirectory(), 'requests');
writeFileSync(file, requestFile(requests));

async function withBareServer<T>(use: (port: number, pid: number) => Promise<T>): Promise<T> {
  const child = fork(join(root, 'bench/http/bare-server.ts'), ['123', 'text/bench']);
  try {
    const [port] = (await once(child, 'message')) as [number];
    return await use(port, child.pid ?? 0);
  } finally {
    child.kill();
  }
}

async function ownClient(
  port: number,
): Promise<{ requests: number; failed: number; seconds: number }> {
  const client = join(root, 'bench/http/client.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [
    client,
    String(port),
    '4',
    '0.2',
    file,
  ]);
  return JSON.parse(stdout);
}

describe('signed requests', () => {
  it('are whole requests of the SDK, each with another plaintext', () => {
    for (const request of requests) {
      const [head = '', body = ''] = request.toString('latin1').split('\r\n\r\n');
      expect(head).toMatch(/^POST \/ HTTP\/1\.1\r\n/);
      expect(header(head, 'x-amz-target')).toBe('TrentService.Encrypt');
      expect(header(head, 'host')).toBe('127.0.0.1:1');
      expect(header(head, 'authorization')).toMatch(
        /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/us-east-1\/kms\//,
      );
      expect(Number(header(head, 'content-length'))).toBe(body.length);
      expect(Buffer.from(JSON.parse(body).Plaintext, 'base64')).toHaveLength(256);
    }
    expect(new Set(requests.map(String)).size).toBe(3);
  });
});

describe('the bare server', () => {
  it('reads the body and answers as many bytes as it was told', async () => {
    const answers = await withBareServer((port) => exchange(port, requests));
    expect(answers.map(({ status, body }) => [status, body.length])).toEqual([
      [200, 123],
      [200, 123],
      [200, 123],
    ]);
    expect(header(answers[0]?.head ?? '', 'content-type')).toBe('text/bench');
  });
});

describe('load', () => {
  it('counts requests and the processor time of the server', async () => {
    const measured = await withBareServer((port, pid) => load({ port, pid }, file, 1));
    expect(measured.requestsPerSecond).toBeGreaterThan(100);
    expect(measured.p50Ms).toBeLessThanOrEqual(measured.p99Ms);
    if (process.platform === 'linux')
      expect(measured.processorMicrosecondsPerRequest).toBeGreaterThan(1);
  });

  it('of the own client answers the same', async () => {
    const measured = await withBareServer(ownClient);
    expect(measured.failed).toBe(0);
    expect(measured.requests).toBeGreaterThan(10);
    expect(measured.seconds).toBeGreaterThanOrEqual(0.2);
  });

  it('is refused as a measurement when the server answers errors', async () => {
    const server = createServer((request, response) => {
      request.resume().on('end', () => response.writeHead(500, { 'Content-Length': 0 }).end());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      const own = await ownClient(port);
      expect(own.failed).toBe(own.requests);
      await expect(load({ port, pid: process.pid }, file, 1)).rejects.toThrow(/ requests failed$/);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});
