/**
 * npm run bench -- --micro: the steps of one Encrypt request that are plain TypeScript, each by itself, so that a change
 * to one of them can be judged without a server. Nothing is compared, so nothing is interleaved: the `benchmark` package
 * samples until its estimate is narrow.
 */
import Benchmark from 'benchmark';
import { CredentialStore } from '../src/access/credential-store.ts';
import { sigV4Authenticator } from '../src/access/sigv4.ts';
import { encodeOutput } from '../src/api/json.ts';
import { parseInput } from '../src/api/operations.ts';
import type { ServiceRequest } from '../src/api/transport.ts';
import { wallClock } from '../src/clock/clock.ts';
import { encodeRequest } from '../src/hsm/frame.ts';
import { encodeMechanism } from '../src/hsm/mechanisms.ts';
import {
  blobAdditionalData,
  blobHeader,
  encodeBlob,
  parseBlob,
} from '../src/kms/ciphertext-blob.ts';
import { canonicalContext } from '../src/kms/encryption-context.ts';
import { signedEncryptRequests } from './http/signed-requests.ts';
import { duration, table } from './report.ts';
import { aad, iv, pattern } from './subjects.ts';

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not a secret' };
const keyId = '1234abcd-12ab-34cd-56ef-1234567890ab';

async function steps(): Promise<Record<string, () => unknown>> {
  const request = await signedRequest();
  const store = new CredentialStore();
  store.addRoot('000000000000', credentials);
  const regions = new Set(['us-east-1']);
  const authenticate = sigV4Authenticator({ credentials: store, regions, clock: wallClock });

  const input = parseInput('Encrypt', request.body);
  const header = blobHeader({
    accountId: '000000000000',
    keyId,
    materialId: '5e'.repeat(32),
  });
  const sealed = { nonce: pattern(28, 1), tag: pattern(16, 2), ciphertext: pattern(256, 3) };
  const blob = encodeBlob(header, sealed);
  const output = { CiphertextBlob: blob, KeyId: keyId, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' };

  const mechanism = { mechanism: 'CKM_AES_GCM', iv, additionalData: aad } as const;
  const frame = { key: 7, data: sealed.ciphertext };
  return {
    'SigV4, verify': () => authenticate(request),
    'JSON, parse and validate': () => parseInput('Encrypt', request.body),
    'encryption context, canonical': () => canonicalContext(input.EncryptionContext),
    'blob, additional data': () => blobAdditionalData(header, aad),
    'blob, encode': () => encodeBlob(header, sealed),
    'blob, parse': () => parseBlob(blob),
    'JSON, write': () => encodeOutput(output),
    'frame, encode by rows': () =>
      encodeRequest('Encrypt', 1, 1, { mechanism: encodeMechanism(mechanism), ...frame }),
  };
}

/** As the HTTP server would hand it on. */
async function signedRequest(): Promise<ServiceRequest> {
  const endpoint = 'http://127.0.0.1:1';
  const options = {
    endpoint,
    region: 'us-east-1',
    credentials,
    keyId,
    plaintextLength: 256,
    count: 1,
  };
  const [bytes = Buffer.alloc(0)] = await signedEncryptRequests(options);
  const bodyAt = bytes.indexOf('\r\n\r\n') + 4;
  const lines = bytes
    .toString('latin1', 0, bodyAt - 4)
    .split('\r\n')
    .slice(1);
  const rawHeaders = lines.flatMap((line) => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon), line.slice(colon + 2)];
  });
  const headers = Object.fromEntries(
    rawHeaders.flatMap((name, index) =>
      index % 2 === 0 ? [[name.toLowerCase(), rawHeaders[index + 1]]] : [],
    ),
  );
  const body = bytes.subarray(bodyAt);
  return { method: 'POST', url: '/', headers, rawHeaders, body, sourceAddress: '127.0.0.1' };
}

/** @returns a table of means with their relative margin of error */
export async function microTable(quick: boolean): Promise<string> {
  const suite = new Benchmark.Suite();
  for (const [name, step] of Object.entries(await steps()))
    suite.add(name, step, quick ? { maxTime: 0.05, minSamples: 3 } : { maxTime: 1 });
  const rows: string[][] = [];
  suite.on('cycle', ({ target: { name, stats, error } }) => {
    if (error !== undefined) throw error;
    rows.push([name, duration(stats.mean * 1e9), `±${stats.rme.toFixed(1)} %`]);
  });
  suite.run();
  return `Steps of Encrypt in TypeScript\n${table([['', 'mean', 'error'], ...rows])}`;
}
