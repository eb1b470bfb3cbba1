/** Calls to a started server that no SDK would make or tell the whole of: signed by hand, answered as on the wire. */
import { SignatureV4 } from '@smithy/signature-v4';
import type { StartedServer } from '../../src/testing/start-server.ts';
import { Sha256 } from './sha256.ts';

export interface WireReply {
  readonly status: number;
  readonly type: string | undefined;
  readonly message: string | undefined;
  readonly requestId: string | null;
  /** The whole answer; `{}` when it was empty. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

export interface SignedCallOptions {
  /** Default us-east-1. */
  readonly region?: string;
  /** Headers to send otherwise than they were signed. */
  readonly change?: Readonly<Record<string, string>>;
}

/** Sends a body signed with the root credential. */
export async function signedCall(
  server: StartedServer,
  target: string,
  body: string | Uint8Array,
  { region = 'us-east-1', change = {} }: SignedCallOptions = {},
): Promise<WireReply> {
  const { port } = server.ready;
  const signer = new SignatureV4({
    service: 'kms',
    region,
    credentials: server.credentials,
    sha256: Sha256,
  });
  const request = await signer.sign({
    method: 'POST',
    protocol: 'http:',
    hostname: '127.0.0.1',
    port,
    path: '/',
    headers: {
      host: `127.0.0.1:${port}`,
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': target,
    },
    body,
  });
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    headers: { ...request.headers, ...change },
    body,
  });
  const text = await response.text();
  const answer = text === '' ? {} : JSON.parse(text);
  return {
    status: response.status,
    type: answer.__type,
    message: answer.message,
    requestId: response.headers.get('x-amzn-requestid'),
    body: answer,
  };
}
