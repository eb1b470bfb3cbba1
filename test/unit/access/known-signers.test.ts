import { expect, test } from 'vitest';
import { type Authorization, KnownSigners } from '../../../src/access/authorization.ts';
import type { ServiceRequest } from '../../../src/api/transport.ts';
import { received } from './sign.ts';

const signature = 'ab'.repeat(32);
const parsed = (accessKeyId: string): Authorization => ({
  signature,
  signer: {
    accessKeyId,
    date: '20261123',
    region: 'eu-west-1',
    service: 'kms',
    scope: '20261123/eu-west-1/kms/aws4_request',
    signedHeaders: { text: 'host;x-amz-date', names: ['host', 'x-amz-date'] },
  },
});
const headOf = (accessKeyId: string): string =>
  `AWS4-HMAC-SHA256 Credential=${accessKeyId}/20261123/eu-west-1/kms/aws4_request, SignedHeaders=host;x-amz-date, Signature=`;
const request = (authorization: string, ...others: [string, string][]): ServiceRequest =>
  received('/', [['Authorization', authorization], ...others], new Uint8Array());
const date: [string, string] = ['X-Amz-Date', '20261123T100000Z'];

test('a remembered signer is recalled, with the signature of the new request', () => {
  const signers = new KnownSigners();
  const first = request(headOf('AKIDONE') + signature, date);
  expect(signers.recall(first)).toBeUndefined();
  signers.remember(first, parsed('AKIDONE'));
  const other = 'cd'.repeat(32);
  expect(signers.recall(request(headOf('AKIDONE') + other, date))).toEqual({
    ...parsed('AKIDONE'),
    signature: other,
  });
});

test('another beginning, another length or no date is not recalled', () => {
  const signers = new KnownSigners();
  signers.remember(request(headOf('AKIDONE') + signature, date), parsed('AKIDONE'));
  for (const header of [
    headOf('AKIDTWO') + signature,
    headOf('AKIDONE') + signature.slice(1),
    `${headOf('AKIDONE') + signature}, X=1`,
    signature,
  ])
    expect(signers.recall(request(header, date)), header).toBeUndefined();
  expect(signers.recall(request(headOf('AKIDONE') + signature))).toBeUndefined();
  expect(signers.recall(received('/', [date], new Uint8Array()))).toBeUndefined();
});

test('a header whose signature is not its end is not remembered', () => {
  const signers = new KnownSigners();
  for (const header of [
    `AWS4-HMAC-SHA256 Signature=${signature}, Credential=c, SignedHeaders=host`,
    `${headOf('AKIDONE') + signature}, XSignature=${signature}`,
  ]) {
    signers.remember(request(header, date), parsed('AKIDONE'));
    expect(signers.recall(request(header, date)), header).toBeUndefined();
  }
});

test('the oldest of 1,024 goes first', () => {
  const signers = new KnownSigners();
  const of = (id: number): ServiceRequest => request(headOf(`AKID${id}`) + signature, date);
  for (let id = 0; id <= 1024; id++) signers.remember(of(id), parsed(`AKID${id}`));
  expect(signers.recall(of(0))).toBeUndefined();
  expect(signers.recall(of(1))?.signer.accessKeyId).toBe('AKID1');
  expect(signers.recall(of(1024))?.signer.accessKeyId).toBe('AKID1024');
});
