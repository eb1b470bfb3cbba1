/**
 * The server to compare with, in a process of its own: node:http, reads the whole body, answers as many bytes as it was
 * told with the same content type, and does nothing else.
 *
 *   node bench/http/bare-server.ts LENGTH CONTENT-TYPE      (a child with an IPC channel: it sends its port)
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const [length, contentType] = process.argv.slice(2);
const body = Buffer.alloc(Number(length), 'x');

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    Buffer.concat(chunks);
    response.writeHead(200, { 'Content-Type': contentType, 'Content-Length': body.length });
    response.end(body);
  });
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());
