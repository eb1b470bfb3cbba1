/**
 * What KMS Encrypt does inside the token: CKM_STRONGROOM_DERIVE_AES_GCM, a nonce from random bytes and message, a key
 * derived from it, AES-256-GCM under that key. Output is nonce (28 bytes), tag (16), ciphertext; it is random, so each
 * proof is opened again, by code that shares nothing with the token.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  randomBytes,
} from 'node:crypto';
import { gcm } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { randomBytes as nobleRandomBytes } from '@noble/hashes/utils.js';
import type { Case } from '../runner.ts';
import { aad, awaited, call, loop, pattern, type Subjects, secret } from '../subjects.ts';
import { AWAITED, C_LOOP, NOBLE, NODE, SYNC, TOKEN } from './names.ts';

const NONCE_BYTES = 28;
const TAG_BYTES = 16;
const keyObject = createSecretKey(secret);
const hedgeLabel = Buffer.from('SR hedge');
/** SP 800-108: counter 1 and label before the context, L = 256 after it. */
const kdfHead = Buffer.from('\0\0\0\x01SR message key\0', 'latin1');
const kdfTail = Buffer.from([0, 0, 1, 0]);
const aadLength = Buffer.alloc(8);
aadLength.writeBigUInt64BE(BigInt(aad.length));

const kdfInput = (nonce: Uint8Array): Buffer =>
  Buffer.concat([kdfHead, nonce.subarray(0, 16), kdfTail]);
const nodeHmac = (...pieces: Uint8Array[]): Buffer => {
  const mac = createHmac('sha256', keyObject);
  for (const piece of pieces) mac.update(piece);
  return mac.digest();
};

export function deriveSealCases({ loops, session, sync, sealing }: Subjects): Case[] {
  const data = pattern(256, 7);
  const out = Buffer.alloc(NONCE_BYTES + TAG_BYTES + data.length);
  return [
    {
      name: 'derive and seal 256 B',
      compare: 'checked',
      variants: [
        loop(C_LOOP, out, (count) => loops.evpDeriveSeal(count, secret, aad, data, out), open),
        loop(
          TOKEN,
          out,
          (count) => loops.tokenDeriveSeal(count, sealing.inLoops, aad, data, out),
          open,
        ),
        call(SYNC, () => sync.seal(sealing.handle, aad, data), open),
        awaited(AWAITED, () => session.seal(sealing.handle, aad, data), open),
        call(NODE, () => nodeSeal(data), open),
        call(NOBLE, () => nobleSeal(data), open),
      ],
    },
  ];
}

function nodeSeal(data: Uint8Array): Buffer {
  const nonce = nodeHmac(hedgeLabel, randomBytes(32), aadLength, aad, data).subarray(
    0,
    NONCE_BYTES,
  );
  const cipher = createCipheriv('aes-256-gcm', nodeHmac(kdfInput(nonce)), nonce.subarray(16));
  cipher.setAAD(aad);
  const body = cipher.update(data);
  const last = cipher.final();
  return Buffer.concat([nonce, cipher.getAuthTag(), body, last]);
}

function nobleSeal(data: Uint8Array): Buffer {
  const hedge = Buffer.concat([hedgeLabel, nobleRandomBytes(32), aadLength, aad, data]);
  const nonce = hmac(sha256, secret, hedge).subarray(0, NONCE_BYTES);
  const sealed = gcm(hmac(sha256, secret, kdfInput(nonce)), nonce.subarray(16), aad).encrypt(data);
  return Buffer.concat([nonce, sealed.subarray(data.length), sealed.subarray(0, data.length)]);
}

/** The plaintext of what a variant sealed. @throws Error when it is not authentic */
function open(sealed: Uint8Array): Uint8Array {
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', nodeHmac(kdfInput(nonce)), nonce.subarray(16));
  decipher.setAAD(aad).setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  const body = decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES));
  return Buffer.concat([body, decipher.final()]);
}
