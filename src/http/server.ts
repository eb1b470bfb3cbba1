/**
 * The HTTP server of AWS JSON 1.1: one path, one method, a handler behind it.
 *
 * `POST /` with an X-Amz-Target goes to the handler; `GET /health` is answered here; everything else, and
 * everything that is not HTTP, gets a JSON error in AWS's form. No input makes it answer 500: that is for a
 * handler that throws. Sizes, times and numbers of what a client may make us hold are bounded (HttpLimits).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ServiceHandler, ServiceRequest, ServiceResponse } from '../api/transport.ts';
import { answerAtOnce, bodyTooLarge } from './at-once.ts';
import { listenError } from './bind.ts';
import { type Connection, Connections } from './connections.ts';
import { parserRefusal, rawResponse, refusal } from './refusals.ts';
import { BodyTooLargeError, contentLength, readBody } from './request-body.ts';

export interface HttpLimits {
  /** Longest body in bytes. */
  readonly bodyLengthMax: number;
  /** Longest request line and headers together, in bytes. */
  readonly headerLengthMax: number;
  /** From a request's first byte to the end of its headers. */
  readonly headersTimeoutMs: number;
  /** From a request's first byte to its last. */
  readonly requestTimeoutMs: number;
  /** An open connection without a request. */
  readonly keepAliveTimeoutMs: number;
  /** A connection whose client takes nothing of its answers for so long is cut. */
  readonly answerTimeoutMs: number;
  /** Bytes of all bodies that are held for requests not yet answered; what would exceed them is refused. */
  readonly heldLengthMax: number;
  /** Connections at a time; more are closed at once. */
  readonly connectionsMax: number;
  /** Requests of one connection that are not answered yet (pipelining). */
  readonly pipelinedMax: number;
}

export const defaultLimits: HttpLimits = {
  bodyLengthMax: 1024 * 1024,
  headerLengthMax: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  // Longer than the clients' own: the side that closes an idle connection should be the client.
  keepAliveTimeoutMs: 75_000,
  answerTimeoutMs: 30_000,
  heldLengthMax: 256 * 1024 * 1024,
  connectionsMax: 10_000,
  pipelinedMax: 32,
};

/** What a server needs to speak TLS. Survives structured cloning, to reach the threads that do. */
export interface TlsIdentity {
  /** PEM: the server's certificate, then its intermediates. */
  readonly certificate: string;
  /** Its private key, PEM. */
  readonly key: string;
  /** 48 random bytes, the same for all threads of one port, so that any of them resumes a session. */
  readonly ticketKeys: Uint8Array;
}

export interface HttpServerOptions {
  readonly handler: ServiceHandler;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Share the port with other threads: after probeBind, see there. */
  readonly reusePort?: boolean;
  readonly limits?: Partial<HttpLimits>;
  /** HTTPS, TLS 1.2 and newer; absent: HTTP. */
  readonly tls?: TlsIdentity | undefined;
  /** Told of what the handler threw; the client sees KMSInternalException only. */
  readonly onFault?: (error: unknown) => void;
}

export interface HttpServer {
  readonly port: number;
  /**
   * Stops accepting, answers what is in work, closes idle connections; after `graceMs` closes the rest too.
   * @returns whether everything in work was answered
   */
  close(graceMs: number): Promise<boolean>;
}

/** How long a client that still sends may take to read the refusal before its connection is cut. */
const lingerMs = 1_000;

class AwsJsonServer implements HttpServer {
  readonly #server: Server;
  readonly #handler: ServiceHandler;
  readonly #limits: HttpLimits;
  readonly #onFault: (error: unknown) => void;
  readonly #connections = new Connections();
  #inWork = 0;
  /** Bytes of bodies of requests that are not answered. */
  #heldLength = 0;
  #closing = false;
  #whenIdle: (() => void) | undefined;

  constructor({ handler, limits, onFault, tls }: HttpServerOptions) {
    this.#handler = handler;
    this.#limits = { ...defaultLimits, ...limits };
    this.#onFault = onFault ?? (() => undefined);
    const { headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs } = this.#limits;
    const parserOptions = {
      maxHeaderSize: this.#limits.headerLengthMax,
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, headersTimeoutMs, requestTimeoutMs),
      // Its own answer to a missing Host is not JSON; a signature has to cover the header anyway.
      requireHostHeader: false,
    };
    this.#server =
      tls === undefined
        ? createServer(parserOptions)
        : createTlsServer({
            ...parserOptions,
            cert: tls.certificate,
            key: tls.key,
            ticketKeys: Buffer.from(tls.ticketKeys),
            minVersion: 'TLSv1.2',
            handshakeTimeout: headersTimeoutMs,
          });
    this.#server.maxConnections = this.#limits.connectionsMax;
    // Fires when neither side of a connection moved for so long, as does the keep-alive time.
    this.#server.setTimeout(this.#limits.answerTimeoutMs, (socket) => this.#still(socket));
    this.#server.on('request', (request, response) => this.#request(request, response, false));
    this.#server.on('checkContinue', (request, response) => this.#request(request, response, true));
    this.#server.on('checkExpectation', (request, response) =>
      this.#refuse(
        request,
        response,
        refusal('SerializationException', 'Unknown expectation.', 417),
      ),
    );
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
      this.#hangUp(socket, isOfParser(error) ? parserRefusal(error.code) : undefined),
    );
    this.#server.on('connect', (_, socket) =>
      this.#hangUp(socket, refusal('UnknownOperationException', undefined, 405)),
    );
  }

  async listen({ host, port, reusePort = false }: HttpServerOptions): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => {
        void listenError(error, host, port).then(reject);
      });
      this.#server.listen({ host, port, reusePort }, resolve);
    });
    // Later ones are of single connections that could not be accepted (too many open files).
    this.#server.removeAllListeners('error').on('error', this.#onFault);
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the server is closed');
    return address.port;
  }

  async close(graceMs: number): Promise<boolean> {
    this.#closing = true;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    const answered = await this.#idle(graceMs);
    if (answered) this.#server.closeIdleConnections();
    else this.#server.closeAllConnections();
    // What is left sent half a request, or reads its last answer.
    const cut = setTimeout(() => this.#server.closeAllConnections(), Math.min(graceMs, lingerMs));
    await closed;
    clearTimeout(cut);
    return answered;
  }

  /** Waits until the handler has nothing. @returns whether it came to that in time */
  #idle(timeoutMs: number): Promise<boolean> {
    if (this.#inWork === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs);
      this.#whenIdle = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  /** @param awaitsContinue the client sends its body only when told to */
  #request(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    const connection = this.#connections.of(request.socket);
    if (connection.closing) return;
    const answer = this.#answerAtOnce(request, connection);
    if (answer !== undefined) {
      this.#refuse(request, response, answer);
      return;
    }
    const { bodyLengthMax, heldLengthMax } = this.#limits;
    const length = contentLength(request) ?? bodyLengthMax;
    if (this.#heldLength + length > heldLengthMax) {
      this.#refuse(request, response, refusal('ThrottlingException'));
      return;
    }
    this.#heldLength += length;
    const letGo = (): void => {
      this.#heldLength -= length;
    };
    if (awaitsContinue) response.writeContinue();
    readBody(request, bodyLengthMax, (error, body) => {
      if (error === undefined) {
        void this.#serve(connection, request, response, body).finally(letGo);
        return;
      }
      letGo();
      if (error instanceof BodyTooLargeError)
        this.#refuse(request, response, bodyTooLarge(bodyLengthMax));
      // Else the client is gone: nobody is there to be answered.
    });
  }

  /** Nothing moved on a connection for its time: it may be idle, its client may not read, or an answer takes long. */
  #still(socket: Duplex): void {
    const waitsForUs = this.#connections.of(socket).inWork > 0 && socket.writableLength === 0;
    if (waitsForUs) (socket as Socket).setTimeout(this.#limits.answerTimeoutMs);
    else socket.destroy();
  }

  /** The answer to a request that is not for the handler; it does not need the body. */
  #answerAtOnce(request: IncomingMessage, connection: Connection): ServiceResponse | undefined {
    const { method = '', url = '' } = request;
    const target = request.headers['x-amz-target'] as string | undefined;
    const contentType = request.headers['content-type'];
    const head = { method, url, target, contentType, bodyLength: contentLength(request) ?? 0 };
    const answer = answerAtOnce(head, this.#limits.bodyLengthMax);
    if (answer !== undefined) return answer;
    if (connection.inWork >= this.#limits.pipelinedMax) return refusal('ThrottlingException');
    return undefined;
  }

  async #serve(
    connection: Connection,
    request: IncomingMessage,
    response: ServerResponse,
    body: Uint8Array,
  ): Promise<void> {
    connection.newest = response;
    connection.inWork += 1;
    this.#inWork += 1;
    try {
      let answer: ServiceResponse;
      try {
        answer = await this.#handler(serviceRequest(request, body));
      } catch (error) {
        // A handler that throws is a fault, also before its first await.
        this.#onFault(error);
        answer = refusal('KMSInternalException');
      }
      this.#write(response, answer, this.#closing);
    } catch {
      request.socket.destroy();
    } finally {
      connection.answered();
      this.#inWork -= 1;
      if (this.#inWork === 0) this.#whenIdle?.();
    }
  }

  #write(
    response: ServerResponse,
    { status, headers, body }: ServiceResponse,
    last: boolean,
  ): void {
    const fields: string[] = [];
    for (const name in headers) fields.push(name, headers[name]!);
    const length = Buffer.byteLength(body);
    fields.push('Content-Length', String(length));
    if (last) fields.push('Connection', 'close');
    response.writeHead(status, fields);
    // One octet for each character, if none needs more, is written without another pass.
    response.end(body, length === body.length ? 'latin1' : 'utf8');
  }

  /**
   * Answers without a handler. When the request's body is not wholly read, the connection ends with this answer;
   * what the client still sends is dropped for a while, so that it gets to read it.
   */
  #refuse(request: IncomingMessage, response: ServerResponse, answer: ServiceResponse): void {
    const connection = this.#connections.of(request.socket);
    if (request.complete || contentLength(request) === 0) {
      connection.newest = response;
      this.#write(response, answer, this.#closing);
      return;
    }
    connection.closing = true;
    response.shouldKeepAlive = false;
    response.writeHead(answer.status, {
      ...answer.headers,
      'Content-Length': Buffer.byteLength(answer.body),
      Connection: 'close',
    });
    response.write(answer.body);
    const end = (): void => {
      clearTimeout(timer);
      response.end();
    };
    const timer = setTimeout(end, lingerMs);
    request.once('end', end).once('close', end).resume();
  }

  /** Ends a connection that cannot go on, with an answer if one can still be written. */
  #hangUp(socket: Duplex, answer: ServiceResponse | undefined): void {
    const connection = this.#connections.of(socket);
    if (answer === undefined || !socket.writable) {
      socket.destroy();
      return;
    }
    if (connection.closing) return;
    connection.closing = true;
    // Answers come in the order of requests: earlier ones first.
    connection.whenIdle(() => {
      if (!socket.writable) return;
      socket.end(rawResponse(answer), () => {
        setTimeout(() => socket.destroy(), lingerMs).unref();
      });
    });
  }
}

/** Not what the connection or a TLS handshake failed with: then there is nobody to answer. */
function isOfParser({ code = '' }: NodeJS.ErrnoException): boolean {
  return code.startsWith('HPE_') || code.startsWith('ERR_HTTP_');
}

function serviceRequest(request: IncomingMessage, body: Uint8Array): ServiceRequest {
  return {
    method: request.method ?? '',
    url: request.url ?? '',
    // Strings all, but for Set-Cookie, which is no header of a request.
    headers: request.headers as ServiceRequest['headers'],
    rawHeaders: request.rawHeaders,
    body,
    sourceAddress: request.socket.remoteAddress ?? '',
    isAbandoned: () => request.socket.destroyed,
  };
}

/** @throws PortInUseError, or the error of bind(2) */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const server = new AwsJsonServer(options);
  await server.listen(options);
  return server;
}
