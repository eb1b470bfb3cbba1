import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import {
  bodyOf,
  type SdkRequest,
  sdkResponse,
  serviceRequest,
  urlOf,
} from '../../../src/in-process/request.ts';

const request = (more: Partial<SdkRequest> = {}): SdkRequest => ({
  method: 'POST',
  hostname: 'kms.test',
  path: '/',
  headers: {},
  ...more,
});

describe('the URL', () => {
  it.each([
    [{}, '/'],
    [{ path: '' }, '/'],
    [{ path: '/a%20b' }, '/a%20b'],
    [{ query: {} }, '/'],
    [{ query: { b: '2', a: '1' } }, '/?b=2&a=1'],
    [{ query: { list: ['x', 'y'], bare: null, empty: '' } }, '/?list=x&list=y&bare&empty='],
    [{ query: { "a!'()*": 'é &=' } }, '/?a%21%27%28%29%2A=%C3%A9%20%26%3D'],
    [{ path: '/?one', query: { two: '2' } }, '/?one&two=2'],
  ])('of %j is %s', (more, url) => {
    expect(urlOf(request(more))).toBe(url);
  });
});

describe('headers', () => {
  const read = (headers: Record<string, string>, more: Partial<SdkRequest> = {}) =>
    serviceRequest(request({ headers, ...more }), new Uint8Array());

  it('are read by their lower-case names, and kept as sent', () => {
    const { headers, rawHeaders } = read({ Host: 'h', 'X-Amz-Target': ' T ' });
    expect(headers).toEqual({ host: 'h', 'x-amz-target': 'T' });
    expect(rawHeaders).toEqual(['Host', 'h', 'X-Amz-Target', 'T']);
  });

  it('name the host where the client does not, as a socket would', () => {
    expect(read({}).headers.host).toBe('kms.test');
    expect(read({}, { port: 8080 }).headers.host).toBe('kms.test:8080');
    expect(read({ HOST: 'other' }).rawHeaders).toEqual(['HOST', 'other']);
  });

  it('that cannot be sent are refused', () => {
    expect(() => read({ 'a b': 'x' })).toThrow(TypeError);
    expect(() => read({ a: 'x\r\nb: y' })).toThrow(TypeError);
    expect(() => read({ a: '\u2603' })).toThrow(TypeError);
  });

  it('cannot reach the prototype', () => {
    expect(read({ ['__proto__']: 'x' }).headers.constructor).toBe(Object);
  });
});

describe('a body', () => {
  const bytes = Buffer.from('hé');
  const whole = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);

  it.each<[string, unknown]>([
    ['text', 'hé'],
    ['bytes', new Uint8Array(bytes)],
    ['a view', new DataView(whole)],
    ['a buffer', whole],
    ['a stream', Readable.from([bytes.subarray(0, 2), bytes.subarray(2)])],
    ['a web stream', Readable.toWeb(Readable.from([bytes]))],
  ])('of %s is read whole', async (_, body) => {
    expect(Buffer.from((await bodyOf(request({ body }), 100)) ?? [])).toEqual(bytes);
  });

  it('may be absent', async () => {
    expect(await bodyOf(request(), 0)).toEqual(new Uint8Array());
    expect(await bodyOf(request({ body: null }), 0)).toEqual(new Uint8Array());
  });

  it('is bounded, however it comes', async () => {
    expect(await bodyOf(request({ body: 'x'.repeat(10) }), 10)).toHaveLength(10);
    expect(await bodyOf(request({ body: 'x'.repeat(11) }), 10)).toBeUndefined();
    let drawn = 0;
    const endless = (async function* () {
      for (; ; drawn += 1) yield Buffer.alloc(4);
    })();
    expect(await bodyOf(request({ body: endless }), 10)).toBeUndefined();
    expect(drawn).toBe(2);
  });

  it('is a copy: what the caller does to its own changes nothing', async () => {
    const body = Buffer.from('same');
    const read = await bodyOf(request({ body }), 100);
    body.fill(0);
    expect(Buffer.from(read ?? []).toString()).toBe('same');
  });

  it('that is no bytes is refused', async () => {
    for (const body of [5, {}, [Symbol.iterator]])
      await expect(bodyOf(request({ body }), 100)).rejects.toThrow(TypeError);
    await expect(bodyOf(request({ body: Readable.from([{}]) }), 100)).rejects.toThrow(TypeError);
  });
});

it('an answer has lower-case names, its length and the time', () => {
  const { statusCode, headers, body } = sdkResponse({
    status: 400,
    headers: { 'Content-Type': 'x', 'x-amzn-RequestId': 'r' },
    body: 'é',
  });
  expect(statusCode).toBe(400);
  expect(headers).toEqual({
    'content-type': 'x',
    'x-amzn-requestid': 'r',
    'content-length': '2',
    date: expect.stringMatching(/ GMT$/),
  });
  expect(Buffer.from(body).toString()).toBe('é');
});
