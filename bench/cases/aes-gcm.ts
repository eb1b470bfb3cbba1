/** AES-256-GCM, sealing: IV of 12 bytes, additional data of 32, tag of 16 appended. */
import { createCipheriv, createSecretKey } from 'node:crypto';
import { gcm } from '@noble/ciphers/aes.js';
import type { Case } from '../runner.ts';
import { aad, aesKey, awaited, call, iv, loop, pattern, type Subjects } from '../subjects.ts';
import { AWAITED, C_LOOP, NOBLE, NODE, SYNC, SYNC_INTO, TOKEN, TOKEN_MESSAGE } from './names.ts';

const lengths = { '32 B': 32, '256 B': 256, '1 KiB': 1024, '4 KiB': 4096, '64 KiB': 65536 };

export function aesGcmCases(subjects: Subjects): Case[] {
  return Object.entries(lengths).map(([size, length]) => aesGcmCase(size, length, subjects));
}

function aesGcmCase(size: string, length: number, { loops, session, sync, aes }: Subjects): Case {
  const data = pattern(length, 5);
  const out = Buffer.alloc(length + 16);
  const keyObject = createSecretKey(aesKey);
  const mechanism = { mechanism: 'CKM_AES_GCM', iv, additionalData: aad } as const;
  return {
    name: `AES-GCM seal ${size}`,
    compare: 'equal',
    variants: [
      loop(C_LOOP, out, (count) => loops.evpGcmSeal(count, aesKey, iv, aad, data, out)),
      loop(TOKEN, out, (count) => loops.tokenEncrypt(count, aes.inLoops, iv, aad, data, out)),
      loop(TOKEN_MESSAGE, out, (count) =>
        loops.tokenEncryptMessage(count, aes.inLoops, iv, aad, data, out),
      ),
      call(SYNC, () => sync.encrypt(mechanism, aes.handle, data)),
      call(SYNC_INTO, () => sync.encrypt(mechanism, aes.handle, data, out)),
      awaited(AWAITED, () => session.encrypt(mechanism, aes.handle, data)),
      // Its parts are not joined: a caller of node:crypto may not need that.
      call(
        NODE,
        () => {
          const cipher = createCipheriv('aes-256-gcm', keyObject, iv);
          cipher.setAAD(aad);
          return [cipher.update(data), cipher.final(), cipher.getAuthTag()];
        },
        Buffer.concat,
      ),
      call(NOBLE, () => gcm(aesKey, iv, aad).encrypt(data)),
    ],
  };
}
