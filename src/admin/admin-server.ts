/**
 * AdminServer: answers commands on a Unix socket in the data directory, never on the KMS port. Who may open
 * the directory (0700) and the socket (0600) is the server's own user.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { DataDirectoryLock } from '../store/data-directory.ts';
import { errorText } from '../values/unknown.ts';
import { AdminError, type AdminReply, parseRequest } from './admin-protocol.ts';
import { SocketPath } from './admin-socket.ts';
import type { AdminCommand } from './commands.ts';
import { LineReader } from './line-reader.ts';

/** How long a client may take to hang up after us. */
const lingerMs = 500;

/** The commands there are, for whichever way requests come. */
export class AdminPlane {
  readonly #commands: ReadonlyMap<string, AdminCommand>;
  readonly #commandMs: number;

  /** @param commandMs a command that takes longer is answered with TIMEOUT */
  constructor(commands: readonly AdminCommand[], commandMs = 30_000) {
    this.#commands = new Map(commands.map((command) => [command.name, command]));
    this.#commandMs = commandMs;
  }

  /** @param line a request as JSON. Never rejects. */
  async answer(line: string): Promise<AdminReply> {
    try {
      const { command: name, args } = parseRequest(line);
      const command = this.#commands.get(name);
      if (!command) {
        const known = [...this.#commands.keys()].join(', ');
        throw new AdminError('UNKNOWN_COMMAND', `no such command; there are: ${known}`);
      }
      const result = await within(this.#commandMs, async () => command.run(args));
      return { ok: true, result: result ?? null };
    } catch (error) {
      return refusal(error);
    }
  }
}

export interface AdminServerOptions {
  /** Proof that the directory is ours: a socket that lies there is a dead server's and may be removed. */
  readonly lock: DataDirectoryLock;
  readonly plane: AdminPlane;
  /** A connection without a request for so long is closed. */
  readonly idleMs?: number;
  /** Connections beyond are closed at once. */
  readonly connectionsMax?: number;
}

export class AdminServer implements AsyncDisposable {
  readonly #plane: AdminPlane;
  readonly #idleMs: number;
  readonly #server: Server;
  readonly #path: SocketPath;
  readonly #connections = new Set<Connection>();

  private constructor(options: AdminServerOptions, path: SocketPath) {
    this.#plane = options.plane;
    this.#idleMs = options.idleMs ?? 10_000;
    this.#path = path;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    this.#server.maxConnections = options.connectionsMax ?? 16;
  }

  /** Resolves when the socket listens. @throws the error of bind(2). */
  static async listen(options: AdminServerOptions): Promise<AdminServer> {
    const path = new SocketPath(options.lock.directory);
    try {
      rmSync(path.path, { force: true });
      const server = new AdminServer(options, path);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      server.#server.once('error', reject).listen(path.path, resolve);
      await promise;
      server.#server.off('error', reject);
      // Until here the directory's mode kept others out.
      chmodSync(path.path, 0o600);
      return server;
    } catch (error) {
      path[Symbol.dispose]();
      throw error;
    }
  }

  /** Takes no more requests, answers those under way, removes the socket. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = Promise.withResolvers<void>();
    this.#server.close(() => closed.resolve());
    for (const connection of this.#connections) connection.end();
    await closed.promise;
    this.#path[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #accept(socket: Socket): void {
    const connection = new Connection(socket, this.#idleMs, (line) => this.#plane.answer(line));
    this.#connections.add(connection);
    socket.on('close', () => this.#connections.delete(connection));
  }
}

/** One client: its requests are answered one after the other. */
class Connection {
  readonly #socket: Socket;
  readonly #answer: (line: string) => Promise<AdminReply>;
  readonly #lines = new LineReader();
  #waiting: (() => Promise<AdminReply> | AdminReply)[] = [];
  #busy = false;
  /** No request is taken any more. */
  #ending = false;

  constructor(socket: Socket, idleMs: number, answer: (line: string) => Promise<AdminReply>) {
    this.#socket = socket;
    this.#answer = answer;
    socket.setTimeout(idleMs, () => {
      // A command may take longer than a client may be silent.
      if (!this.#busy) socket.destroy();
    });
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    // A client that has said all may still wait for answers.
    socket.on('end', () => this.#finish());
    // One that went away needs none.
    socket.on('error', () => socket.destroy());
  }

  /** Ends when the request under way is answered. */
  end(): void {
    this.#waiting = [];
    this.#finish();
  }

  /** Ends when all requests that came are answered. */
  #finish(): void {
    this.#ending = true;
    if (!this.#busy) this.#close();
  }

  #read(chunk: Buffer): void {
    if (this.#ending) return;
    for (const line of this.#lines.push(chunk)) this.#waiting.push(() => this.#answer(line));
    if (this.#lines.overflowed) {
      const message = `a request has at most ${this.#lines.lengthMax} bytes`;
      this.#waiting.push(() => refusal(new AdminError('LINE_TOO_LONG', message)));
      this.#ending = true;
    }
    if (this.#busy) this.#socket.pause();
    else void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#write(await next());
    }
    this.#busy = false;
    if (this.#ending) this.#close();
    else this.#socket.resume();
  }

  #write(reply: AdminReply): void {
    if (this.#socket.writable) this.#socket.write(`${encode(reply)}\n`);
  }

  /** Says goodbye, and reads what still comes: to close with bytes unread would cost the client our answer. */
  #close(): void {
    const timer = setTimeout(() => this.#socket.destroy(), lingerMs);
    this.#socket.on('close', () => clearTimeout(timer));
    this.#socket.end();
    this.#socket.resume();
  }
}

function encode(reply: AdminReply): string {
  try {
    return JSON.stringify(reply);
  } catch (error) {
    return JSON.stringify(refusal(error));
  }
}

function refusal(error: unknown): AdminReply {
  const code = error instanceof AdminError ? error.code : 'FAILED';
  return {
    ok: false,
    error: { code, message: errorText(error) },
  };
}

/** @throws AdminError TIMEOUT; the work itself is not ended. */
async function within<T>(timeoutMs: number, work: () => Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      late.reject(
        new AdminError('TIMEOUT', `no result within ${timeoutMs} ms; the command goes on`),
      ),
    timeoutMs,
  );
  try {
    return await Promise.race([work(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
