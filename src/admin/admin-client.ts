/** adminRequest: one command to the server that holds a data directory. */
import { createConnection } from 'node:net';
import { type AdminArguments, AdminError, type AdminReply } from './admin-protocol.ts';
import { SocketPath } from './admin-socket.ts';
import { LineReader } from './line-reader.ts';

/** Replies may be longer than requests. */
const replyLengthMax = 16 * 1024 * 1024;

/**
 * @returns the command's result.
 * @throws AdminError with the server's code, or NOT_RUNNING, TIMEOUT, BAD_REPLY.
 */
export async function adminRequest(
  dataDirectory: string,
  command: string,
  args: AdminArguments = {},
  { timeoutMs = 35_000 }: { timeoutMs?: number } = {},
): Promise<unknown> {
  using path = openPath(dataDirectory);
  const line = await exchange(path.path, `${JSON.stringify({ command, args })}\n`, timeoutMs);
  const reply = parseReply(line);
  if (!reply.ok) throw new AdminError(reply.error.code, reply.error.message);
  return reply.result;
}

function openPath(dataDirectory: string): SocketPath {
  try {
    return new SocketPath(dataDirectory);
  } catch (cause) {
    throw notRunning(cause);
  }
}

async function exchange(path: string, request: string, timeoutMs: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const lines = new LineReader(replyLengthMax);
  const socket = createConnection(path, () => socket.write(request));
  const timer = setTimeout(
    () => reject(new AdminError('TIMEOUT', `no reply within ${timeoutMs} ms`)),
    timeoutMs,
  );
  socket.on('data', (chunk: Buffer) => {
    const [line] = lines.push(chunk);
    if (line !== undefined) resolve(line);
    else if (lines.overflowed) reject(new AdminError('BAD_REPLY', 'the reply is too long'));
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    const absent = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
    reject(
      absent ? notRunning(error) : new AdminError('BAD_REPLY', error.message, { cause: error }),
    );
  });
  socket.on('close', () =>
    reject(new AdminError('BAD_REPLY', 'the server closed without a reply')),
  );
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function parseReply(line: string): AdminReply {
  let reply: AdminReply | null;
  try {
    reply = JSON.parse(line);
  } catch (cause) {
    throw new AdminError('BAD_REPLY', 'the reply is not JSON', { cause });
  }
  if (typeof reply?.ok !== 'boolean' || (!reply.ok && typeof reply.error?.code !== 'string')) {
    throw new AdminError('BAD_REPLY', 'the reply has not the form of one');
  }
  return reply;
}

function notRunning(cause: unknown): AdminError {
  return new AdminError('NOT_RUNNING', 'no server listens in this data directory', { cause });
}
