/**
 * KMS calls of the command line: signed requests to the KMS port of a server, typed by the operations' own types.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { AccessKey } from '../access/principal.ts';
import { signRequest } from '../access/sign-request.ts';
import type { Input, OperationName, Output } from '../api/operations.ts';
import { CommandError } from './exit.ts';
import { plain } from './output.ts';

/** A server, and who asks it. */
export interface Target {
  readonly endpoint: URL;
  readonly region: string;
  readonly accessKey: AccessKey;
  readonly sessionToken?: string | undefined;
  /** PEM of the authorities that are trusted in place of Node's own; undefined: Node's own. */
  readonly trusted?: string | undefined;
}

/** As JSON has it: times in seconds since the epoch, bytes in base64. */
export type Wire<T> = T extends Date
  ? number
  : T extends Uint8Array
    ? string
    : T extends readonly (infer E)[]
      ? readonly Wire<E>[]
      : T extends object
        ? { readonly [K in keyof T]: Wire<T[K]> }
        : T;

/** The server's refusal: its exception's name and words. */
export class KmsCallError extends CommandError {
  override readonly name = 'KmsCallError';
  /** Such as NotFoundException. */
  readonly exception: string;

  constructor(exception: string, message: string) {
    super(plain(message === '' ? exception : `${exception}: ${message}`));
    this.exception = exception;
  }
}

/** An RSA-4096 key on a slow machine takes seconds. */
const TIMEOUT_MS = 60_000;
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
const CONNECTIONS_MAX = 8;

export class KmsClient implements Disposable {
  readonly #target: Target;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(target: Target) {
    this.#target = target;
    const options = { keepAlive: true, maxSockets: CONNECTIONS_MAX };
    const { endpoint, trusted } = target;
    this.#agent =
      endpoint.protocol === 'https:'
        ? new HttpsAgent({ ...options, ...(trusted !== undefined && { ca: trusted }) })
        : new HttpAgent(options);
  }

  /** @throws KmsCallError; CommandError where no answer comes */
  async call<N extends OperationName>(name: N, input: Wire<Input<N>>): Promise<Wire<Output<N>>> {
    const { endpoint, region, accessKey, sessionToken } = this.#target;
    const body = Buffer.from(JSON.stringify(input));
    const headers = signRequest(
      {
        host: endpoint.host,
        headers: {
          'content-type': 'application/x-amz-json-1.1',
          'x-amz-target': `TrentService.${name}`,
        },
        body,
      },
      { accessKey, sessionToken, region, nowMs: Date.now() },
    );
    const { status, text } = await this.#exchange(headers, body);
    const answer = parseObject(text);
    if (status === 200 && answer !== undefined) return answer as Wire<Output<N>>;
    if (status === 200 && text === '') return undefined as Wire<Output<N>>;
    if (typeof answer?.__type !== 'string')
      throw new CommandError(`${endpoint.origin} does not answer as a KMS does (HTTP ${status})`);
    const message = answer.message ?? answer.Message;
    throw new KmsCallError(answer.__type, typeof message === 'string' ? message : '');
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #exchange(
    headers: Record<string, string>,
    body: Uint8Array,
  ): Promise<{ status: number; text: string }> {
    const { endpoint } = this.#target;
    const send = endpoint.protocol === 'https:' ? httpsRequest : httpRequest;
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const signal = AbortSignal.timeout(TIMEOUT_MS);
        const request = send(
          new URL('/', endpoint),
          { method: 'POST', agent: this.#agent, headers, signal },
          resolve,
        );
        request.once('error', reject).end(body);
      });
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of response as AsyncIterable<Buffer>) {
        length += chunk.length;
        if (length > ANSWER_BYTES_MAX) throw new Error('the answer is too long');
        chunks.push(chunk);
      }
      return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') };
    } catch (error) {
      throw new CommandError(noAnswer(endpoint, error), undefined, { cause: error });
    }
  }
}

/**
 * All pages of a list, each asked for when it is wanted.
 * @param ask with what it adds to the request: nothing for the first page
 */
export async function* pages<Page extends { readonly NextMarker?: string | undefined }>(
  ask: (place: { readonly Marker?: string }) => Promise<Page>,
): AsyncGenerator<Page, void, undefined> {
  let place: { readonly Marker?: string } | undefined = {};
  while (place !== undefined) {
    const page: Page = await ask(place);
    yield page;
    place = page.NextMarker === undefined ? undefined : { Marker: page.NextMarker };
  }
}

/** Where a certificate is the trouble, and not the network (names of OpenSSL's verification results). */
const UNTRUSTED =
  /^(DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|CERT_|ERR_TLS_CERT)/;

function noAnswer({ origin }: URL, error: unknown): string {
  const { code = '', message, name } = error as NodeJS.ErrnoException;
  if (UNTRUSTED.test(code)) {
    return `the certificate of ${origin} is not trusted (${message}); --ca-bundle FILE names its authority`;
  }
  if (code === 'ECONNREFUSED') return `no server listens at ${origin}`;
  if (name === 'AbortError' || name === 'TimeoutError')
    return `${origin} did not answer within ${TIMEOUT_MS / 1000} s`;
  return `${origin} cannot be asked: ${message || code}`;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
