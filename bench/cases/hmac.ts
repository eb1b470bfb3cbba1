/** HMAC-SHA-256 with a key of 32 bytes. */
import { createHmac, createSecretKey } from 'node:crypto';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { CKM } from '../../src/hsm/index.ts';
import type { Case } from '../runner.ts';
import { awaited, call, loop, pattern, type Subjects, secret } from '../subjects.ts';
import { AWAITED, C_LOOP, NOBLE, NODE, SYNC, TOKEN } from './names.ts';

const lengths = { '32 B': 32, '4 KiB': 4096 };

export function hmacCases(subjects: Subjects): Case[] {
  return Object.entries(lengths).map(([size, length]) => hmacCase(size, length, subjects));
}

function hmacCase(size: string, length: number, { loops, session, sync, mac }: Subjects): Case {
  const data = pattern(length, 6);
  const out = Buffer.alloc(32);
  const keyObject = createSecretKey(secret);
  return {
    name: `HMAC-SHA-256 ${size}`,
    compare: 'equal',
    variants: [
      loop(C_LOOP, out, (count) => loops.evpHmac(count, secret, data, out)),
      loop(TOKEN, out, (count) =>
        loops.tokenSign(count, CKM.CKM_SHA256_HMAC, mac.inLoops, data, out),
      ),
      call(SYNC, () => sync.sign('CKM_SHA256_HMAC', mac.handle, data)),
      awaited(AWAITED, () => session.sign('CKM_SHA256_HMAC', mac.handle, data)),
      call(NODE, () => createHmac('sha256', keyObject).update(data).digest()),
      call(NOBLE, () => hmac(sha256, secret, data)),
    ],
  };
}
