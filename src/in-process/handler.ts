/**
 * A `requestHandler` for AWS SDK clients that answers in this process: the whole way of a request, signature included,
 * without a socket.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ServiceHandler, ServiceResponse } from '../api/transport.ts';
import { answerAtOnce, bodyTooLarge } from '../http/at-once.ts';
import { refusal } from '../http/refusals.ts';
import { defaultLimits } from '../http/server.ts';
import {
  bodyOf,
  type SdkRequest,
  type SdkResponse,
  sdkResponse,
  serviceRequest,
  urlOf,
} from './request.ts';

/** AbortSignal, or the older form that SDKs still take. */
export interface SdkAbortSignal {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener?(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  removeEventListener?(type: 'abort', listener: () => void): void;
  onabort?: unknown;
}

export interface SdkHandlerOptions {
  readonly abortSignal?: SdkAbortSignal | undefined;
}

/** The KMS behind a handler has been closed. */
export class InProcessClosedError extends Error {
  override readonly name = 'InProcessClosedError';

  constructor() {
    super('this in-process KMS was closed');
  }
}

/** Time limits of the options are a socket's; there is none. One handler serves any number of clients. */
export class InProcessHandler {
  readonly metadata: { readonly handlerProtocol: string } = { handlerProtocol: 'http/1.1' };
  readonly #handler: ServiceHandler;
  readonly #config: Record<string, unknown> = {};
  readonly #inWork = new Set<Promise<unknown>>();
  #closed = false;

  constructor(handler: ServiceHandler) {
    this.#handler = handler;
  }

  /**
   * Answers one request. A call that is aborted is not undone: as with a server, its outcome is unknown.
   * @throws Error named AbortError; InProcessClosedError; TypeError for what could not be sent over HTTP either
   */
  async handle(
    request: SdkRequest,
    { abortSignal }: SdkHandlerOptions = {},
  ): Promise<{ response: SdkResponse }> {
    if (this.#closed) throw new InProcessClosedError();
    if (abortSignal?.aborted) throw abortError(abortSignal);
    const work = this.#answer(request);
    const settled = work.catch(() => undefined).finally(() => this.#inWork.delete(settled));
    this.#inWork.add(settled);
    return { response: sdkResponse(await unlessAborted(work, abortSignal)) };
  }

  /** Of clients' set-up only; there is nothing here that it changes. */
  updateHttpClientConfig(key: string, value: unknown): void {
    this.#config[key] = value;
  }

  httpHandlerConfigs(): Record<string, unknown> {
    return { ...this.#config };
  }

  /** A client that is destroyed leaves the KMS to others. */
  destroy(): void {}

  /** Refuses what comes later and waits for what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#inWork);
  }

  async #answer(request: SdkRequest): Promise<ServiceResponse> {
    // An answer never comes in the turn of its request: timers and other work go on between calls, as with a socket.
    await nextTurn();
    const { bodyLengthMax } = defaultLimits;
    const body = await bodyOf(request, bodyLengthMax);
    const complete = serviceRequest(request, body ?? new Uint8Array());
    const { method, headers } = complete;
    const target = headers['x-amz-target'];
    const contentType = headers['content-type'];
    const head = { method, url: urlOf(request), target, contentType, bodyLength: 0 };
    const answer = answerAtOnce(head, bodyLengthMax);
    if (answer !== undefined) return answer;
    if (body === undefined) return bodyTooLarge(bodyLengthMax);
    try {
      return await this.#handler(complete);
    } catch {
      return refusal('KMSInternalException');
    } finally {
      body.fill(0); // it may hold a plaintext
    }
  }
}

function abortError({ reason }: SdkAbortSignal): Error {
  const error = new Error('Request aborted', reason === undefined ? undefined : { cause: reason });
  error.name = 'AbortError';
  return error;
}

/** What `work` comes to, or an AbortError as soon as the signal says so. */
async function unlessAborted<T>(work: Promise<T>, signal: SdkAbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(abortError(signal));
  if (signal.addEventListener === undefined) signal.onabort = abort;
  else signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener?.('abort', abort);
  }
}
