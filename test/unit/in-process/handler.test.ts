import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ServiceRequest, ServiceResponse } from '../../../src/api/transport.ts';
import { InProcessClosedError, InProcessHandler } from '../../../src/in-process/handler.ts';
import type { SdkRequest } from '../../../src/in-process/request.ts';

const request: SdkRequest = {
  method: 'POST',
  hostname: 'kms.test',
  path: '/',
  headers: { 'x-amz-target': 'TrentService.ListKeys' },
  body: '{}',
};

const answer: ServiceResponse = { status: 200, headers: {}, body: '{}' };
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe('an aborted call', () => {
  it('is not begun when the signal came first', async () => {
    let calls = 0;
    const handler = new InProcessHandler(async () => {
      calls += 1;
      return answer;
    });
    const cause = new Error('why');
    await expect(
      handler.handle(request, { abortSignal: AbortSignal.abort(cause) }),
    ).rejects.toMatchObject({ name: 'AbortError', message: 'Request aborted', cause });
    await handler.close();
    expect(calls).toBe(0);
  });

  it.each(['AbortSignal', 'older form'] as const)(
    'is let go of at once, and runs to its end: %s',
    async (form) => {
      const { promise, resolve } = Promise.withResolvers<ServiceResponse>();
      const handler = new InProcessHandler(() => promise);
      const controller = new AbortController();
      const old = { aborted: false, onabort: undefined as unknown as () => void };
      const abortSignal = form === 'AbortSignal' ? controller.signal : old;
      const call = handler.handle(request, { abortSignal });
      await sleep(5);
      if (form === 'AbortSignal') controller.abort();
      else old.onabort();
      await expect(call).rejects.toMatchObject({ name: 'AbortError' });
      let closed = false;
      const closing = handler.close().then(() => {
        closed = true;
      });
      await sleep(5);
      expect(closed).toBe(false);
      resolve(answer);
      await closing;
    },
  );

  it('leaves no listener behind', async () => {
    const handler = new InProcessHandler(async () => answer);
    const { signal } = new AbortController();
    let listeners = 0;
    const counted = {
      aborted: false,
      addEventListener: (type: 'abort', listener: () => void) => {
        listeners += 1;
        signal.addEventListener(type, listener);
      },
      removeEventListener: (type: 'abort', listener: () => void) => {
        listeners -= 1;
        signal.removeEventListener(type, listener);
      },
    };
    for (let count = 0; count < 5; count += 1)
      await handler.handle(request, { abortSignal: counted });
    expect(listeners).toBe(0);
  });
});

it('an answer never comes in the turn of its request', async () => {
  const handler = new InProcessHandler(async () => answer);
  let fired = false;
  setImmediate(() => {
    fired = true;
  });
  // A loop of calls alone would otherwise keep every timer waiting.
  for (let count = 0; count < 1_000 && !fired; count += 1) await handler.handle(request);
  expect(fired).toBe(true);
});

it('a handler that throws is a fault of the service, and says nothing of its cause', async () => {
  const handler = new InProcessHandler(() => Promise.reject(new Error('the secret cause')));
  const { response } = await handler.handle(request);
  expect(response.statusCode).toBe(500);
  expect(text(response.body)).toMatch(/"KMSInternalException"/);
  expect(text(response.body)).not.toContain('secret');
});

it('forgets a request body once it is answered', async () => {
  let seen: ServiceRequest | undefined;
  const handler = new InProcessHandler(async (received) => {
    seen = received;
    return { ...answer, body: text(received.body) };
  });
  const { response } = await handler.handle({ ...request, body: '{"Plaintext":"c2VjcmV0"}' });
  expect(text(response.body)).toBe('{"Plaintext":"c2VjcmV0"}');
  expect(seen?.body.every((byte) => byte === 0)).toBe(true);
});

it('refuses a body over the limit as the HTTP server does', async () => {
  const handler = new InProcessHandler(async () => answer);
  const { response } = await handler.handle({ ...request, body: 'x'.repeat(1024 * 1024 + 1) });
  expect(response.statusCode).toBe(413);
  expect(text(response.body)).toContain('The request body is longer than 1048576 bytes.');
});

it('outlives a client that is destroyed, and ends when closed', async () => {
  const handler = new InProcessHandler(async () => answer);
  handler.destroy();
  expect((await handler.handle(request)).response.statusCode).toBe(200);
  await handler.close();
  await expect(handler.handle(request)).rejects.toThrow(InProcessClosedError);
});

it('keeps a client configuration it is given', () => {
  const handler = new InProcessHandler(async () => answer);
  handler.updateHttpClientConfig('requestTimeout', 5);
  expect(handler.httpHandlerConfigs()).toEqual({ requestTimeout: 5 });
  expect(handler.metadata.handlerProtocol).toBe('http/1.1');
});
