/**
 * Encrypt requests as the real SDK sends them, signed now and kept as bytes, so that a load generator can repeat them
 * for as long as the signature is valid (±5 minutes).
 */
import { EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import type { AccessKey } from '../../src/testing/start-server.ts';

export interface RequestOptions {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: AccessKey;
  readonly keyId: string;
  /** Each request encrypts this many bytes of its own. */
  readonly plaintextLength: number;
  readonly count: number;
}

/** What the SDK hands to its transport (HttpRequest of @smithy/types, as far as it is used here). */
interface SentRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** Whole HTTP/1.1 requests, header and body. */
export async function signedEncryptRequests(options: RequestOptions): Promise<Buffer[]> {
  const captured: Buffer[] = [];
  const client = new KMSClient({
    endpoint: options.endpoint,
    region: options.region,
    credentials: options.credentials,
    maxAttempts: 1,
    requestHandler: {
      handle(request: SentRequest) {
        captured.push(rawRequest(request));
        const headers = { 'content-type': 'application/x-amz-json-1.1' };
        return Promise.resolve({
          response: { statusCode: 200, headers, body: Buffer.from('{}') },
        });
      },
    },
  });
  for (let index = 0; index < options.count; index += 1) {
    const command = new EncryptCommand({
      KeyId: options.keyId,
      Plaintext: Buffer.alloc(options.plaintextLength, index),
      EncryptionContext: { purpose: 'bench' },
    });
    await client.send(command);
  }
  client.destroy();
  return captured;
}

function rawRequest({ method, path, headers, body }: SentRequest): Buffer {
  // The SDK's bytes also play a string, and say so on the console when Buffer.from takes them for one.
  const content =
    typeof body === 'string' ? Buffer.from(body) : Buffer.concat(body === undefined ? [] : [body]);
  const lines = Object.entries({ ...headers, 'content-length': String(content.length) }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return Buffer.concat([
    Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`),
    content,
  ]);
}
