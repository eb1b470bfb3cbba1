/**
 * The client's side of Signature Version 4: headers for a request to the KMS, built of the same canonical request and
 * signing key that the server's side checks them with.
 * Source: AWS IAM User Guide, "Create a signed AWS API request".
 */
import { createSecretKey, hash } from 'node:crypto';
import { canonicalRequest } from './canonical-request.ts';
import type { AccessKey } from './principal.ts';
import { deriveSigningKey } from './signing-key.ts';
import { basicFormat } from './signing-time.ts';

/** `POST /` without a query: the one request there is in AWS JSON. */
export interface UnsignedRequest {
  /** Value of Host. */
  readonly host: string;
  /** Further headers, lower-case names; all of them are signed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface SigningOptions {
  readonly accessKey: AccessKey;
  /** Of temporary credentials. */
  readonly sessionToken?: string | undefined;
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** @returns all headers to send */
export function signRequest(
  { host, headers, body }: UnsignedRequest,
  { accessKey, sessionToken, region, nowMs }: SigningOptions,
): Record<string, string> {
  const time = basicFormat(nowMs);
  const fields: Record<string, string> = {
    ...headers,
    host,
    'x-amz-date': time,
    ...(sessionToken !== undefined && { 'x-amz-security-token': sessionToken }),
  };
  const names = Object.keys(fields).sort();
  const signedHeaders = { text: names.join(';'), names };
  const request = {
    method: 'POST',
    url: '/',
    headers: fields,
    rawHeaders: Object.entries(fields).flat(),
    body,
    sourceAddress: '',
  };
  const canonical = canonicalRequest(request, signedHeaders, hash('sha256', body, 'hex')) ?? '';
  const scope = `${time.slice(0, 8)}/${region}/kms/aws4_request`;
  const { accessKeyId, secretAccessKey } = accessKey;
  const signature = deriveSigningKey(
    { derivationKey: createSecretKey(`AWS4${secretAccessKey}`, 'utf8') },
    scope,
  ).mac(
    `AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash('sha256', Buffer.from(canonical, 'latin1'), 'hex')}`,
  );
  return {
    ...fields,
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signedHeaders.text}, Signature=${signature}`,
  };
}
