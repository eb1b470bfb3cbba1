/**
 * The load generator where wrk is not installed: keep-alive connections over node:net, one request in flight on each.
 * Takes and prints what replay.lua does. A process of its own, so that it does not share a thread with the server.
 *
 *   node bench/http/client.ts PORT CONNECTIONS SECONDS FILE
 */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { percentile } from '../runner.ts';
import { parseAnswer } from './exchange.ts';

const [port, connections, seconds] = process.argv.slice(2, 5).map(Number) as [
  number,
  number,
  number,
];
const requests = parse(readFileSync(process.argv[5] ?? ''));
const latenciesMs: number[] = [];
let turn = 0;
let failed = 0;

function parse(file: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const lineEnd = file.indexOf('\n', at);
    const end = lineEnd + 1 + Number(file.toString('latin1', at, lineEnd));
    found.push(file.subarray(lineEnd + 1, end));
    at = end;
  }
  return found;
}

function drive(socket: Socket, endsAt: number): Promise<void> {
  return new Promise((resolve) => {
    let received: Buffer = Buffer.alloc(0);
    let sentAt = 0;
    let ended = false;
    const send = (): void => {
      sentAt = performance.now();
      turn = (turn + 1) % requests.length;
      socket.write(requests[turn]!);
    };
    socket.on('connect', send).on('data', (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const answer = parseAnswer(received);
      if (answer === undefined) return;
      const now = performance.now();
      latenciesMs.push(now - sentAt);
      if (answer.status !== 200) failed += 1;
      received = received.subarray(answer.length);
      ended = now >= endsAt;
      if (ended) socket.end();
      else send();
    });
    socket
      .on('error', () => {})
      .on('close', () => {
        if (!ended) failed += 1;
        resolve();
      });
  });
}

const startedAt = performance.now();
const sockets = Array.from({ length: connections }, () =>
  connect({ port, host: '127.0.0.1', noDelay: true }),
);
await Promise.all(sockets.map((socket) => drive(socket, startedAt + seconds * 1000)));
const measured = {
  requests: latenciesMs.length,
  seconds: (performance.now() - startedAt) / 1000,
  failed,
  p50Ms: percentile(latenciesMs, 0.5),
  p99Ms: percentile(latenciesMs, 0.99),
};
process.stdout.write(`${JSON.stringify(measured)}\n`);
